"""`llmring-server receipts`: keys made, receipts verified without a server."""

import json
import os
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from llmring_core.base64_text import to_base64url
from llmring_core.signing import PrivateKey
from llmring_server.cli import main
from llmring_server.receipts import merkle
from llmring_server.receipts.issuing import sign
from llmring_server.receipts.leaves import leaf_hash
from support.processes import COMMAND

KEY, OLD = PrivateKey.generate(), PrivateKey.generate()
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder of its own, and public-keys.json in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "public-keys.json").write_text(json.dumps(published()))
    return tmp_path


def published():
    return {
        "keys": [
            {"key_id": KEY.key_id, "public_key": to_base64url(KEY.public.raw), "not_after": None},
            {
                "key_id": OLD.key_id,
                "public_key": to_base64url(OLD.public.raw),
                "not_before": (NOW - timedelta(days=90)).isoformat(),
                "not_after": (NOW - timedelta(days=30)).isoformat(),
            },
        ],
        "current_key_id": KEY.key_id,
    }


def receipt(number=1, key=KEY, **members):
    timestamp = (NOW - timedelta(days=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return sign({"id": f"r-{number}", "timestamp": timestamp, **members}, key).canonical.decode()


def verify(*arguments):
    return main(["receipts", "verify", *arguments, "--keys", "public-keys.json"])


def proof(leaves, index):
    hashes = [leaf_hash(each) for each in leaves]
    certified = {"logs": len(leaves), "merkle_root": merkle.root(hashes).hex()}
    return {
        "receipt": json.loads(receipt(certified=certified)),
        "log_id": leaves[index]["log_id"],
        "leaf": leaves[index],
        "leaf_hash": hashes[index].hex(),
        "leaf_index": index,
        "tree_size": len(leaves),
        "audit_path": [each.hex() for each in merkle.audit_path(hashes, index)],
    }


def test_keygen_prints_three_variables_that_belong_together(capsys):
    assert main(["receipts", "keygen"]) == 0
    lines = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())
    key = PrivateKey.read(lines["LLMRING_RECEIPTS_PRIVATE_KEY_B64"])
    assert lines["LLMRING_RECEIPTS_PUBLIC_KEY_B64"] == to_base64url(key.public.raw)
    assert lines["LLMRING_RECEIPTS_KEY_ID"] == key.key_id


def test_keygen_writes_a_file_that_only_its_owner_reads(folder, capsys):
    assert main(["receipts", "keygen", "--out", "keys.env", "--key-id", "mine"]) == 0
    text = (folder / "keys.env").read_text()
    assert (folder / "keys.env").stat().st_mode & 0o777 == 0o600
    assert "LLMRING_RECEIPTS_KEY_ID=mine\n" in text
    assert text.splitlines()[0].partition("=")[2] not in capsys.readouterr().out


def test_keygen_never_writes_over_a_file(folder, capsys):
    (folder / "keys.env").write_text("precious")
    assert main(["receipts", "keygen", "--out", "keys.env"]) == 1
    assert capsys.readouterr().err == "llmring-server: Cannot write keys.env: File exists.\n"
    assert (folder / "keys.env").read_text() == "precious"


def test_what_is_valid_is_said_to_be(folder, capsys):
    (folder / "r.json").write_text(receipt())
    (folder / "old.json").write_text(receipt(key=OLD))
    assert verify("r.json", "old.json") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["r.json: valid", "old.json: valid"]
    assert lines[2].startswith("2 checked, 0 not valid, ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (receipt().replace("r-1", "r-2"), "signature: it is not this key's"),
        (receipt(key=PrivateKey.generate()), "key_id: there is no public key"),
        ("{", "not a receipt: Expecting"),
        ("5", "not a receipt: not a JSON object"),
        ('{"a": 1, "a": 2}', "not a receipt: duplicate member name at $.a"),
        ("", "not a receipt"),
        (f"[{receipt()}, 5]", "[1] not a receipt: not a JSON object"),
    ],
)
def test_what_is_wrong_is_said_of_the_file(folder, capsys, text, reason):
    (folder / "r.json").write_text(text)
    assert verify("r.json") == 1
    assert capsys.readouterr().out.startswith(f"r.json: {reason}")


def test_what_is_not_text_at_all_is_no_receipt(folder, capsys):
    (folder / "r.json").write_bytes(bytes(range(256)))
    assert verify("r.json") == 1
    assert capsys.readouterr().out.startswith("r.json: not a receipt: not UTF-8")


def test_a_rotated_key_has_signed_nothing_since(folder, capsys):
    (folder / "r.json").write_text(sign({"timestamp": NOW.isoformat()}, OLD).canonical.decode())
    assert verify("r.json") == 1
    assert "the key had been rotated out by then" in capsys.readouterr().out


def test_ndjson_is_checked_line_by_line(folder, capsys):
    lines = [receipt(number) for number in range(200)]
    lines[100] = lines[100].replace("r-100", "r-1000")
    (folder / "all.ndjson").write_text("\n".join(lines) + "\n\n")
    assert verify("all.ndjson") == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("all.ndjson:101: signature")
    assert last.startswith("200 checked, 1 not valid, ")


def test_a_list_of_public_keys_is_passed_over(folder, capsys):
    (folder / "r.json").write_text(receipt())
    assert verify(".") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 checked, 0 not valid")


def test_a_folder_is_searched_for_receipts(folder, capsys):
    (folder / "in" / "deep").mkdir(parents=True)
    (folder / "in" / "a.json").write_text(receipt())
    (folder / "in" / "deep" / "b.jsonl").write_text(receipt() + "\n" + receipt())
    (folder / "in" / "notes.txt").write_text("no receipt")
    assert verify("in") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("3 checked, 0 not valid")


@pytest.mark.parametrize("index", range(5))
def test_an_inclusion_proof_is_checked_too(folder, index):
    leaves = [{"log_id": str(number)} for number in range(5)]
    (folder / "p.json").write_text(json.dumps(proof(leaves, index)))
    assert verify("p.json") == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"leaf": {"log_id": "0", "more": 1}}, "leaf: it is not the log that was certified"),
        ({"leaf": None}, "leaf: the proof has none"),
        ({"leaf": {"log_id": "1"}}, "log_id, leaf_index, tree_size: they are not those"),
        ({"log_id": "1"}, "log_id, leaf_index, tree_size: they are not those"),
        ({"tree_size": 4}, "log_id, leaf_index, tree_size: they are not those"),
        ({"leaf_hash": "00" * 32}, "leaf: it is not the log that was certified"),
        ({"leaf_index": 1}, "audit_path: it does not lead to the root"),
        ({"leaf_index": 7}, "audit_path: it is not a path of this place"),
        ({"leaf_index": "x"}, "log_id, leaf_index, tree_size: they are not those"),
        ({"leaf_index": 0.0}, "log_id, leaf_index, tree_size: they are not those"),
        ({"leaf_index": False}, "log_id, leaf_index, tree_size: they are not those"),
        ({"audit_path": ["AA" * 32, "AA" * 32]}, "audit_path: it is not a path of this place"),
        ({"audit_path": None}, "audit_path: it is not a path of this place"),
        ({"audit_path": []}, "audit_path: it is not a path of this place"),
        ({"audit_path": ["zz"]}, "audit_path: it is not a path of this place"),
        ({"audit_path": 5}, "audit_path: it is not a path of this place"),
        ({"receipt": json.loads(receipt())}, "receipt: it certifies no logs"),
        ({"receipt": {}}, "key_id: the receipt names no key"),
    ],
)
def test_what_is_wrong_with_an_inclusion_proof_is_said(folder, capsys, change, reason):
    right = proof([{"log_id": str(number)} for number in range(3)], 0)
    (folder / "p.json").write_text(json.dumps({**right, **change}))
    assert verify("p.json") == 1
    assert capsys.readouterr().out.startswith(f"p.json: {reason}")


@pytest.mark.parametrize("member", ["leaf", "leaf_hash", "leaf_index", "audit_path", "log_id"])
def test_an_inclusion_proof_without_one_of_its_members_proves_nothing(folder, member):
    incomplete = proof([{"log_id": str(number)} for number in range(3)], 0)
    del incomplete[member]
    (folder / "p.json").write_text(json.dumps(incomplete))
    assert verify("p.json") == 1


@pytest.mark.parametrize("members", [{"keys": []}, {"keys": 1, "current_key_id": None, "more": 1}])
def test_what_only_looks_like_a_list_of_keys_is_not_passed_over(folder, members):
    forged = {**json.loads(receipt()), **members}
    del forged["key_id"]
    (folder / "r.json").write_text(json.dumps(forged))
    assert verify("r.json") == 1


def test_no_document_can_write_a_line_of_its_own(folder, capsys):
    name = json.dumps("\nr.json: valid\u001b[2K")
    (folder / "r.json").write_text(f"{{{name}: NaN}}")
    (folder / "k.json").write_text(
        json.dumps({"key_id": "\nk.json: valid\u001b[2K", "signature": 1})
    )
    assert verify("r.json", "k.json") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == ["r.json", "k.json"]
    assert "\u001b" not in "".join(lines)


def test_a_name_that_the_terminal_cannot_write_is_no_reason_to_fail(folder):
    (folder / "r.json").write_text(json.dumps({"key_id": "é中", "signature": "x"}))
    done = subprocess.run(
        [*COMMAND, "receipts", "verify", "r.json", "--keys", "public-keys.json"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, b"")


def test_without_a_word_on_keys_the_one_of_the_settings_counts(folder, capsys, monkeypatch):
    monkeypatch.setenv("LLMRING_RECEIPTS_PRIVATE_KEY_B64", KEY.seed_text())
    (folder / "r.json").write_text(receipt())
    assert main(["receipts", "verify", "r.json"]) == 0


def test_without_any_key_there_is_nothing_to_go_by(folder, capsys):
    (folder / "r.json").write_text(receipt())
    assert main(["receipts", "verify", "r.json"]) == 1
    assert "--keys public-keys.json" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["", "/receipts/public-keys.json"])
def test_the_keys_may_be_those_of_a_server(folder, path):
    (folder / "r.json").write_text(receipt())
    with serving(json.dumps(published()).encode()) as url:
        assert main(["receipts", "verify", "r.json", "--url", url + path]) == 0


class serving:  # noqa: N801 - reads as a function
    """Serves a body at every path."""

    def __init__(self, body):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                found = self.path == "/receipts/public-keys.json"
                self.send_response(200 if found else 404)
                self.end_headers()
                self.wfile.write(body if found else b"")

            def log_message(self, *_):
                """Says nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.mark.parametrize(
    "arguments",
    [
        ["r.json", "--keys", "nowhere.json"],
        ["r.json", "--keys", "r.json"],
        ["r.json", "--url", "http://127.0.0.1:9"],
        ["r.json", "--url", "no url at all"],
        ["nowhere.json", "--keys", "public-keys.json"],
        ["empty", "--keys", "public-keys.json"],
        ["x" * 5000, "--keys", "public-keys.json"],
        ["r.json", "--keys", "zoneless.json"],
        ["r.json", "--keys", "deep.json"],
        ["r.json", "--url", "http://a..b"],
        ["r.json", "--url", "http://xn--/"],
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(folder, capsys, arguments):
    (folder / "r.json").write_text(receipt())
    (folder / "empty").mkdir()
    (folder / "zoneless.json").write_text(json.dumps(published()).replace("+00:00", ""))
    (folder / "deep.json").write_text("[" * 200_000)
    assert main(["receipts", "verify", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("llmring-server: ")
    assert error.count("\n") == 1
