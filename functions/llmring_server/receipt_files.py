"""`llmring-server receipts verify`: receipts and inclusion proofs in files, checked offline."""

import io
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from tqdm import tqdm

from llmring_core import canonical
from llmring_core.errors import StartRefused
from llmring_core.key_ring import KnownKey
from llmring_server.receipts.verifying import Invalid, check, check_inclusion, claim_of

BY_LINE = (".ndjson", ".jsonl")
SUFFIXES = (".json", *BY_LINE)
KEY_LIST = {"keys", "current_key_id"}

Keys = Mapping[str, KnownKey]
Document = tuple[str, bytes]


def verify_files(paths: Sequence[Path], keys: Keys) -> int:
    """Check every receipt and proof, say what is wrong where, and sum up; 1 if anything is.

    A file holds one of them or a JSON array, or one per line if it ends in .ndjson or .jsonl; a
    folder is searched for such files. Lists of public keys are passed over.

    Raises:
        StartRefused: a path cannot be read, or a folder holds no such file.
    """
    try:
        files = list(chain.from_iterable(map(_files, paths)))
        return _verify(files, keys)
    except OSError as error:
        raise StartRefused(f"Cannot read {error.filename}: {error.strerror}.") from error


def _verify(files: Sequence[Path], keys: Keys) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    started = time.perf_counter()
    checked = wrong = 0
    with tqdm(total=sum(map(_count, files)), unit=" receipts", disable=None) as bar:
        for file in files:
            before = checked, wrong
            for where, text in _documents(file):
                receipts, faults = _check(text, keys)
                checked, wrong = checked + receipts, wrong + len(faults)
                for fault in faults:
                    bar.write(_printable(f"{where}: {fault}"), file=sys.stdout)
                bar.update()
            if (checked, wrong) == before:
                bar.write(_printable(f"{file}: holds no receipt"), file=sys.stdout)
            elif wrong == before[1]:
                bar.write(_printable(f"{file}: valid"), file=sys.stdout)
    rate = checked / max(time.perf_counter() - started, 1e-9)
    sys.stdout.write(f"{checked} checked, {wrong} not valid, {rate:.0f} per second\n")
    return 1 if wrong or not checked else 0


def _printable(line: str) -> str:
    """A line with whatever could move the cursor or begin another line escaped."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES and each.is_file())
    if not found:
        raise StartRefused(
            _printable(f"{path}: there is no such file, or no receipt file in the folder.")
        )
    return found


def _count(file: Path) -> int:
    """How many texts a file holds."""
    if file.suffix not in BY_LINE:
        return 1
    with file.open("rb") as lines:
        return sum(1 for line in lines if line.strip())


def _documents(file: Path) -> Iterator[Document]:
    """The texts of a file, each with where it stands."""
    if file.suffix not in BY_LINE:
        yield str(file), file.read_bytes()
        return
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield f"{file}:{number}", line


def _check(text: bytes, keys: Keys) -> tuple[int, list[str]]:
    """How many receipts a text holds, and what is wrong with them."""
    try:
        value = canonical.loads(text)
    except json.JSONDecodeError as error:
        return 1, [f"not a receipt: {error.msg}"]
    if isinstance(value, dict) and value.keys() == KEY_LIST:
        return 0, []
    if not isinstance(value, list):
        fault = _fault(value, keys)
        return 1, [fault] if fault else []
    faults = ((index, _fault(receipt, keys)) for index, receipt in enumerate(value))
    return len(value), [f"[{index}] {fault}" for index, fault in faults if fault]


def _fault(document: Any, keys: Keys) -> str | None:
    """What is wrong with a receipt or an inclusion proof; None if nothing is."""
    if not isinstance(document, dict):
        return "not a receipt: not a JSON object"
    inner = document.get("receipt")
    receipt = inner if isinstance(inner, dict) and "signature" not in document else document
    try:
        claim = claim_of(receipt)
        check(claim, keys.get(claim.key_id))
        if receipt is not document and document.keys() != {"receipt"}:
            check_inclusion(receipt, document)
    except Invalid as invalid:
        return str(invalid)
    return None
