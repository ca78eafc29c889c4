"""House rules that are run, not remembered."""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from llmring_core.settings import Settings
from llmring_server import create_app
from support.functions import group_of
from support.routes import all_routes

ROOT = Path(__file__).parents[2]


class Template(yaml.SafeLoader):
    """Reads a SAM template, whose short forms (!Ref, !GetAtt) are of no interest here."""


Template.add_multi_constructor("!", lambda loader, suffix, node: suffix)


@pytest.fixture
def paths():
    return set(create_app(settings=Settings(_env_file=None)).openapi()["paths"])


def group_of_route(template, path):
    """The function that API Gateway hands a path to: of the fitting routes the most specific."""
    fitting = {}
    for function in template["Resources"].values():
        for event in function.get("Properties", {}).get("Events", {}).values():
            route = event["Properties"].get("Path", "/{proxy+}")
            pattern = re.escape(route).replace(r"\{proxy\+\}", ".+")
            if event["Type"] == "HttpApi" and re.fullmatch(pattern, path):
                fitting[route] = function["Properties"]["Handler"].split(".")[1]
    return fitting[max(fitting, key=lambda route: len(route.partition("{")[0]))]


def test_the_template_routes_every_path_to_the_function_of_its_group(paths):
    template = yaml.load((ROOT / "template.yaml").read_text(), Template)
    groups = {path: group_of(path) for path in paths}
    aliases = {"/api/v1/conversations": "conversations", "/api/v1/conversations/x": "conversations"}
    for path, group in (groups | aliases).items():
        assert group_of_route(template, re.sub(r"{\w+}", "x", path)) == group, path


def test_what_no_group_has_is_answered_by_meta():
    template = yaml.load((ROOT / "template.yaml").read_text(), Template)
    assert group_of_route(template, "/nothing/here") == "meta"


def test_who_deploys_without_saying_lets_in_only_the_keys_that_were_made():
    text = (ROOT / "template.yaml").read_text()
    assert re.findall(r"LLMRING_AUTH_MODE: (.*)", text) == ["!Ref AuthMode"]
    assert yaml.load(text, Template)["Parameters"]["AuthMode"]["Default"] == "registered"


@pytest.mark.parametrize("file", ["template.yaml", "infra/data.yaml"])
def test_no_function_may_do_everything_or_touch_everything(file):
    text = (ROOT / file).read_text()
    assert re.findall(r"(Action|Resource): \[?[\"']?[\w:]*\*", text) == []


def test_only_receipts_may_read_the_signing_secret_and_only_mcp_has_its_layer():
    functions = re.split(r"\n  (?=\w+:\n)", (ROOT / "template.yaml").read_text())

    def those_with(words):
        return [each.split(":")[0] for each in functions if words in each]

    assert those_with("Resource: !Ref ReceiptsPrivateKey") == ["ReceiptsFunction"]
    assert those_with("!Ref McpLayer") == ["McpFunction"]
    # The renewal fetches the registry for all others; it answers no requests.
    assert those_with("Outputs.EgressSubnets") == ["McpFunction", "RenewFunction"]


def test_no_secret_is_in_the_environment_of_a_function():
    text = (ROOT / "template.yaml").read_text()
    names = set(re.findall(r"(LLMRING_\w+):", text))
    assert {"LLMRING_SECRETS_KEY", "LLMRING_RECEIPTS_PRIVATE_KEY_B64"} & names == set()
    assert "NoEcho" not in text  # which a secret in a parameter would need


@pytest.mark.parametrize(
    ("file", "function"),
    [
        ("functions/llmring_server/admin/routes.py", "_check"),
        ("shared/llmring_core/key_book.py", "_looked_up"),
    ],
)
def test_how_long_it_takes_to_compare_a_secret_says_nothing_of_it(file, function):
    tree = ast.parse((ROOT / file).read_text())
    (code,) = [each for each in ast.walk(tree) if getattr(each, "name", "") == function]
    nodes = list(ast.walk(code))
    assert "hmac.compare_digest" in [ast.unparse(each) for each in nodes]
    assert not any(isinstance(each, ast.Eq | ast.NotEq) for each in nodes)


def test_every_handler_of_the_template_is_there():
    handlers = re.findall(r"Handler: (\S+)", (ROOT / "template.yaml").read_text())
    for handler in handlers:
        module, name = handler.rsplit(".", 1)
        source = (ROOT / "functions" / Path(*module.split("."))).with_suffix(".py").read_text()
        assert re.search(rf"^(def )?{name}\b", source, re.MULTILINE), handler


def test_the_readme_lists_every_path(paths):
    readme = (ROOT / "README.md").read_text()
    assert {path for path in paths if f" {path}`" not in readme} == set()


def test_the_example_environment_lists_every_setting():
    listed = set(
        re.findall(r"^# (LLMRING_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    )
    assert listed == {f"LLMRING_{name.upper()}" for name in Settings.model_fields}


def test_the_readme_shows_the_curl_that_the_first_lines_print():
    first_lines = (ROOT / "functions/llmring_server/first_lines.py").read_text()
    body = '{"provider":"openai","model":"gpt-4.1","input_tokens":1200,"output_tokens":350}'
    assert body in first_lines
    assert body in (ROOT / "README.md").read_text()


def test_every_make_target_is_in_its_help():
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert set(phony.split()) == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


@pytest.mark.parametrize("file", ["requirements/dev.txt", "requirements/serve.txt"])
def test_lock_files_have_hashes_and_no_addresses(file):
    text = (ROOT / file).read_text()
    assert "://" not in text
    pins = re.findall(r"^[a-z0-9].*==.*$", text, re.MULTILINE)
    assert all(line.endswith("\\") for line in pins)


def test_the_layer_has_the_versions_that_are_tested():
    tested = pins(ROOT / "requirements/dev.txt")
    layer = pins(ROOT / "shared/requirements.txt")
    assert layer.items() <= tested.items()


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[><=; ]", each)[0] for each in project["dependencies"]}
    assert names <= pins(ROOT / "requirements/serve.txt").keys()


def pins(file):
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", file.read_text(), re.MULTILINE))


def test_no_dependency_of_a_route_hops_to_another_thread():
    found, seen = set(), set()

    def look_at(dependant):
        for each in dependant.dependencies:
            seen.add(each.call)
            if not inspect.iscoroutinefunction(each.call):
                is_scheme = inspect.iscoroutinefunction(type(each.call).__call__)
                found.update(set() if is_scheme else {each.call})
            look_at(each)

    app = create_app(settings=Settings(_env_file=None))
    for route in all_routes(app):
        assert inspect.iscoroutinefunction(route.endpoint), route.path
        look_at(route.dependant)
    assert (found, len(seen) > 10) == (set(), True)


@pytest.mark.parametrize(
    "command",
    [
        *("db", "stats", "ingest", "keys", "keygen", "receipt_files", "trusted_keys"),
        *("operating.doctor", "operating.backup", "operating.restore"),
    ],
)
def test_a_command_loads_no_web_framework(command):
    grouped = command in ("db", "stats", "ingest", "keys")
    module = f"llmring_server.{command}{'_commands' if grouped else ''}"
    code = f"import sys, {module}; sys.exit('fastapi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
