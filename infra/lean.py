"""Make what `sam build` built lean: run after it, with the Python that Lambda has.

The mcp layer keeps only what the core layer lacks, and every module of the layers comes with its
bytecode, which Lambda could not write. Prints the size of each artefact as it is uploaded.

    lean.py FOLDER ARCHITECTURE
"""

import compileall
import io
import os
import py_compile
import shutil
import sys
import zipfile
from pathlib import Path

BUILT = Path(sys.argv[1])
# What an ELF file says of its processor, in its bytes 18 and 19.
MACHINES = {"x86_64": b"\x3e\x00", "arm64": b"\xb7\x00"}
CORE, MCP = BUILT / "CoreLayer" / "python", BUILT / "McpLayer" / "python"


def main() -> None:
    """Do all of it."""
    if sys.version_info[:2] != (3, 13):
        sys.exit("The bytecode has to be that of Python 3.13, which Lambda runs.")
    check_architecture(sys.argv[2])
    prune()
    for layer in (CORE, MCP):
        compiled = compileall.compile_dir(
            layer,
            quiet=1,
            stripdir=str(layer.parent),
            prependdir="/opt",
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        if not compiled:
            sys.exit(f"{layer} has a module that cannot be compiled.")
    stamp(os.environ.get("RELEASE", ""))
    for artefact in sorted(each for each in BUILT.iterdir() if each.is_dir()):
        kilobytes = zipped_size(artefact) / 1024
        sys.stdout.write(f"{artefact.name:24}{kilobytes:10.1f} KB zipped\n")


def check_architecture(wanted: str) -> None:
    """Refuse libraries of another processor than that of the functions: nothing would start."""
    for library in [*CORE.rglob("*.so"), *MCP.rglob("*.so")]:
        if library.read_bytes()[18:20] != MACHINES[wanted]:
            sys.exit(f"{library} is not for {wanted}.")


def stamp(release: str) -> None:
    """Put a text into each function, so that it gets a new version even if only parameters changed.

    SAM makes one of new code and new layers only; the alias would go on with the old environment.
    """
    for function in BUILT.glob("*Function") if release else ():
        (function / "release").write_text(release)


def prune() -> None:
    """Take out what nobody needs, and of the mcp layer what the core layer has as it is."""
    for each in MCP.iterdir():
        if (CORE / each.name).exists() and is_same(each, CORE / each.name):
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    # FastAPI imports it, if it is there, to find out whether a model is one of its own.
    shutil.rmtree(CORE / "pydantic" / "v1", ignore_errors=True)
    for layer in (CORE, MCP):
        for name in ("requirements.txt", "requirements.in"):
            (layer / name).unlink(missing_ok=True)


def is_same(ours: Path, cores: Path) -> bool:
    """Whether two packages have the same files; bytecode does not count."""
    return sources(ours) == sources(cores)


def sources(path: Path) -> dict[str, bytes]:
    """The files of a package, by name."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return {str(each.relative_to(path)): each.read_bytes() for each in files if not is_cached(each)}


def is_cached(path: Path) -> bool:
    """Whether a file was made by Python or pip, and may differ between two equal packages."""
    return path.suffix == ".pyc" or path.name in {"RECORD", "INSTALLER", "REQUESTED"}


def zipped_size(artefact: Path) -> int:
    """The size of an artefact as AWS counts it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for each in sorted(artefact.rglob("*")):
            if each.is_file():
                archive.write(each, each.relative_to(artefact))
    return len(buffer.getvalue())


if __name__ == "__main__":
    main()
