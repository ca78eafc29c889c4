"""What is uploaded: small, compiled, and each function with its own group only."""

import asyncio
import zipfile

import pytest

from support.built import functions, needs_built
from support.runtime_api import BUILT

pytestmark = needs_built

KILOBYTE = 1024
LAYERS = {"CoreLayer": 15_000, "McpLayer": 10_000}
# The group of MCP is the largest by far: see docs/aws.md.
FUNCTIONS = {"Mcp": 125, "Sweep": 125}
NAMES = [
    *("Meta", "Registry", "Usage", "Receipts", "Conversations", "Mcp", "Templates"),
    *("Ingest", "Retention", "Sweep", "Renew", "Rollup", "Upkeep", "Migrate", "Admin"),
]


def zipped(folder, tmp_path):
    """The size of an artefact in kilobytes, as it is uploaded."""
    file = tmp_path / "artefact.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in folder.rglob("*"):
            archive.write(each, each.relative_to(folder))
    return file.stat().st_size / KILOBYTE


def test_every_function_of_the_template_is_tested():
    assert set(functions()) == set(NAMES)


@pytest.mark.parametrize(("layer", "limit"), LAYERS.items(), ids=LAYERS)
def test_a_layer_is_small(layer, limit, tmp_path):
    assert zipped(BUILT / layer, tmp_path) <= limit


@pytest.mark.parametrize("name", NAMES)
def test_a_function_is_small_and_has_no_group_but_its_own(name, tmp_path):
    folder = BUILT / f"{name}Function"
    (group,) = (each for each in (folder / "llmring_server").iterdir() if each.is_dir())
    assert zipped(folder, tmp_path) <= FUNCTIONS.get(name, 60)
    assert group.name == functions()[name]["Handler"].split(".")[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_function_comes_as_bytecode(name):
    files = [each for each in (BUILT / f"{name}Function").rglob("*") if each.is_file()]
    assert {each.suffix for each in files} <= {".pyc", ".sql", ".json"}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_comes_with_its_bytecode(layer):
    modules = set((BUILT / layer / "python").rglob("*.py"))
    compiled = {
        each.parent.parent / f"{each.name.split('.')[0]}.py"
        for each in (BUILT / layer).rglob("__pycache__/*.cpython-313.pyc")
    }
    assert modules == compiled


def test_the_mcp_layer_has_nothing_that_the_core_layer_has():
    core, mcp = ({each.name for each in (BUILT / layer / "python").iterdir()} for layer in LAYERS)
    assert core & mcp == set()


@pytest.mark.parametrize("name", NAMES)
async def test_a_function_starts(name, start):
    await asyncio.to_thread(start(name).started)
