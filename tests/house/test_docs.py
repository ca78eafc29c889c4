"""What is public says what it is: modules in their docstrings, routes in the OpenAPI document."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from llmring_core.settings import Settings
from llmring_server import create_app

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    file
    for top in ("functions", "shared")
    for file in (ROOT / top).rglob("*.py")
    if file.name == "__init__.py" or not file.name.startswith("_")
)
PATHS = create_app(settings=Settings(_env_file=None)).openapi()["paths"]
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in PATHS.items()
    for method, operation in operations.items()
}


@pytest.mark.parametrize("file", MODULES, ids=[str(file.relative_to(ROOT)) for file in MODULES])
def test_a_module_begins_with_what_lives_in_it(file):
    assert ast.get_docstring(ast.parse(file.read_text()))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_route_says_what_it_is_for(operation):
    assert operation["summary"]
    assert operation["description"]


@pytest.mark.parametrize("path", [path for path in PATHS if path.startswith("/conversations")])
def test_a_path_with_an_alias_names_it(path):
    for operation in PATHS[path].values():
        assert f"Also at `/api/v1{path}`." in operation["description"]


def test_every_operation_has_an_id_of_its_own():
    counts = Counter(operation["operationId"] for operation in OPERATIONS.values())
    assert [name for name, count in counts.items() if count > 1] == []
