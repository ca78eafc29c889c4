"""The llmring-server command."""

import argparse
import sys
from collections.abc import Sequence

from llmring_core import __version__
from llmring_core.errors import LLMRingError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status, 1 when something is refused in one line."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except LLMRingError as error:
        sys.stderr.write(f"llmring-server: {error}\n")
        return 1


def _run(options: argparse.Namespace) -> int:
    if options.command == "db":
        from llmring_server.db_commands import db_migrate, db_status

        return db_migrate() if options.action == "migrate" else db_status()
    from llmring_server.serving import serve

    return serve(options.host, options.port, reload=options.reload, workers=options.workers)


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
    return parser


def _add_serve_options(parser: argparse.ArgumentParser, *, defaults: bool) -> None:
    def default(value: object) -> object:
        return value if defaults else argparse.SUPPRESS

    parser.add_argument("--host", default=default("127.0.0.1"), help="address to listen at")
    parser.add_argument("--port", type=_port, default=default(8000), help="port to listen at")
    parser.add_argument(
        "--reload", action="store_true", default=default(False), help="restart on code changes"
    )
    parser.add_argument(
        "--workers", type=_positive, default=default(1), help="number of server processes"
    )


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:  # noqa: PLR2004 - the range of a TCP port
        raise argparse.ArgumentTypeError("a port lies between 0 and 65535")
    return port


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
