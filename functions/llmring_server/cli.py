"""The llmring-server command."""

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from llmring_core import __version__
from llmring_core.api_keys import SCOPES
from llmring_core.errors import LLMRingError
from llmring_server.option_values import days, hours, key_id, port, scopes, workers

# As a shell says it of Ctrl-C, and of a program that SIGPIPE ended.
INTERRUPTED = 130
BROKEN_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status, 1 when something is refused in one line."""
    options = _parser().parse_args(arguments)
    try:
        status = _run(options)
        sys.stdout.flush()
    except LLMRingError as error:
        sys.stderr.write(f"llmring-server: {error}\n")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Who read our output has enough of it, as `head` does; Python would complain once more
        # when it flushes at the end (docs of `signal`, "Note on SIGPIPE").
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return status


def _run(options: argparse.Namespace) -> int:
    if options.command == "db":
        from llmring_server.db_commands import db_migrate, db_status

        return db_migrate() if options.action == "migrate" else db_status()
    if options.command == "keys":
        return _run_keys(options)
    if options.command == "stats":
        from llmring_server.stats_commands import stats_fold, stats_recount

        is_fold = options.action == "fold"
        return stats_fold() if is_fold else stats_recount(repair=options.repair)
    if options.command == "ingest":
        from llmring_core.usage_queue import require_boto3

        require_boto3()
        from llmring_server.ingest_commands import drain, replay

        return replay() if options.action == "replay" else drain(until_empty=options.until_empty)
    if options.command == "receipts":
        return _run_receipts(options)
    if options.command in ("doctor", "backup", "restore"):
        return _run_operating(options)
    gc.disable()  # until the app is there: what is imported is not garbage
    from llmring_server.serving import serve

    return serve(options.host, options.port, reload=options.reload, workers=options.workers)


def _run_keys(options: argparse.Namespace) -> int:
    from llmring_server import keys_commands

    if options.action == "list":
        return keys_commands.keys_list()
    if options.action == "rotate":
        return keys_commands.keys_rotate(options.key_id, options.overlap_hours)
    if options.action == "revoke":
        return keys_commands.keys_revoke(options.key_id)
    return keys_commands.keys_create(
        options.project, options.name, options.scope, options.days, adopt=options.adopt
    )


def _run_receipts(options: argparse.Namespace) -> int:
    if options.action == "keygen":
        from llmring_server.keygen import keygen

        return keygen(options.out, options.key_id)
    from llmring_server.receipt_files import verify_files
    from llmring_server.trusted_keys import trusted_keys

    return verify_files(options.files, trusted_keys(options.keys, options.url))


def _run_operating(options: argparse.Namespace) -> int:
    if options.command == "doctor":
        from llmring_server.operating.doctor import doctor

        return doctor()
    if options.command == "backup":
        from llmring_server.operating.backup import backup

        return backup(options.file, force=options.force)
    from llmring_server.operating.restore import restore

    return restore(options.file, force=options.force)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmring-server",
        description="Serve llmring-server; settings are read from LLMRING_* variables and .env.",
    )
    parser.add_argument("--version", action="version", version=f"llmring-server {__version__}")
    _add_serve_options(parser, defaults=True)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    # The same options after the word `serve`; without defaults, so as not to undo those before.
    _add_serve_options(commands.add_parser("serve", help="serve (the default)"), defaults=False)
    db = commands.add_parser("db", help="look after the database")
    actions = db.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("migrate", help="apply the migrations that are missing")
    actions.add_parser("status", help="list the migrations; exits 1 unless all are applied")
    _add_keys(commands.add_parser("keys", help="API keys, for LLMRING_AUTH_MODE=registered"))
    stats = commands.add_parser("stats", help="look after the sums that statistics are made of")
    works = stats.add_subparsers(dest="action", required=True, metavar="ACTION")
    works.add_parser("fold", help="fold new calls into the sums, as a server does by itself")
    count = works.add_parser(
        "recount", help="compare the sums with the rows; exits 1 if they differ"
    )
    count.add_argument("--repair", action="store_true", help="and put the sums right")
    ingest = commands.add_parser("ingest", help="store what is on the queue (LLMRING_INGEST_MODE)")
    steps = ingest.add_subparsers(dest="action", required=True, metavar="ACTION")
    run = steps.add_parser("run", help="store calls as they come, until it is stopped")
    run.add_argument("--until-empty", action="store_true", help="or until there are none")
    steps.add_parser("replay", help="put calls that could not be stored back on the queue")
    _add_receipts(commands.add_parser("receipts", help="make a signing key, verify receipts"))
    _add_operating(commands)
    return parser


def _add_operating(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    commands.add_parser("doctor", help="check what a server needs; exits 1 if something fails")
    backup = commands.add_parser("backup", help="write the database to a file, while servers go on")
    _add_file(backup, "write over a file that is there")
    restore = commands.add_parser("restore", help="fill an empty database from a backup")
    _add_file(restore, "delete what is in the database")


def _add_file(parser: argparse.ArgumentParser, what_force_does: str) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="in the custom format of pg_dump")
    parser.add_argument("--force", action="store_true", help=what_force_does)


def _add_keys(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and print it, this once")
    create.add_argument("--project", required=True, help="keys of one project see the same rows")
    create.add_argument("--name", default="", help="who has it, or where it is used")
    create.add_argument(
        "--scope",
        action="extend",
        type=scopes,
        help=f"what it may do, repeated or with commas; default: all of {', '.join(SCOPES)}",
    )
    create.add_argument("--days", type=days, help="how long it opens; default: for ever")
    create.add_argument(
        "--adopt", action="store_true", help="go on with the rows of a key of open mode, then read"
    )
    actions.add_parser("list", help="list all keys, newest first")
    rotate = actions.add_parser("rotate", help="make a key in the place of another")
    rotate.add_argument("key_id", type=UUID)
    rotate.add_argument(
        "--overlap-hours", type=hours, default=24, help="how long the old one opens; default: 24"
    )
    actions.add_parser("revoke", help="end a key").add_argument("key_id", type=UUID)


def _add_receipts(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    keygen = actions.add_parser("keygen", help="make a key to sign receipts with")
    keygen.add_argument("--out", type=Path, help="write it to this new file instead of printing it")
    keygen.add_argument("--key-id", type=key_id, help="its name; default: its thumbprint")
    verify = actions.add_parser(
        "verify", help="verify receipts and inclusion proofs, offline; exits 1 unless all are valid"
    )
    verify.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help=".json, .ndjson, or a folder"
    )
    whose = verify.add_mutually_exclusive_group()
    whose.add_argument("--keys", type=Path, help="the public-keys.json to go by")
    whose.add_argument("--url", help="the server whose public keys to go by")


def _add_serve_options(parser: argparse.ArgumentParser, *, defaults: bool) -> None:
    def default(value: object) -> object:
        return value if defaults else argparse.SUPPRESS

    parser.add_argument("--host", default=default("127.0.0.1"), help="address to listen at")
    parser.add_argument("--port", type=port, default=default(8000), help="port to listen at")
    parser.add_argument(
        "--reload", action="store_true", default=default(False), help="restart on code changes"
    )
    parser.add_argument(
        "--workers", type=workers, default=default(1), help="number of server processes"
    )


if __name__ == "__main__":
    sys.exit(main())
