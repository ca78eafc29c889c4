"""No file and no function of ours grows beyond what one can read at a sitting."""

import ast
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(file for top in ("functions", "shared") for file in (ROOT / top).rglob("*.py"))
IDS = [str(file.relative_to(ROOT)) for file in FILES]


def lines_of(file):
    return len(file.read_text().splitlines())


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_a_file_has_at_most_250_lines(file):
    assert lines_of(file) <= 250


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_a_function_has_at_most_40_lines(file):
    functions = (
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    sizes = {node.name: node.end_lineno - node.lineno + 1 for node in functions}
    assert {name: size for name, size in sizes.items() if size > 40} == {}


def test_the_median_file_has_at_most_80_lines():
    assert median(map(lines_of, FILES)) <= 80
