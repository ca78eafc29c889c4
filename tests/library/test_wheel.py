"""The wheel: what is in it, and that it works beside a project's own `shared` and `functions`."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A project whose own packages have the names of our import roots.
PROJECT = {
    "shared/__init__.py": "WHOSE = 'the project\\'s'\n",
    "shared/llmring.py": "",
    "functions/__init__.py": "WHOSE = 'the project\\'s'\n",
    "functions/app.py": "from shared import WHOSE\n",
    "main.py": """
import asyncio, sys
import httpx
import functions.app, shared
import llmring_core, llmring_server
from llmring_server import create_app

assert functions.app.WHOSE == shared.WHOSE == "the project's"

async def main():
    transport = httpx.ASGITransport(create_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        return (await http.get("/")).json()["service"]

print(asyncio.run(main()))
print(llmring_server.__file__)
print(llmring_core.__file__)
""",
}


def run(*command, cwd=ROOT):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def names(wheel):
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """The Python of a new environment: the wheel is installed there, dependencies are borrowed."""
    home = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--without-pip", str(home))
    python = home / "bin" / "python"
    install = ("uv", "pip", "install", "--offline", "--no-cache", "--no-deps", "--quiet")
    run(sys.executable, "-m", *install, "--python", str(python), str(wheel))
    # A folder that a .pth file names is searched last, and its own .pth files are not read: our
    # editable install is out of reach.
    (site,) = home.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_the_wheel_works_beside_packages_of_the_same_names(python, project):
    service, *files = run(python, "main.py", cwd=project).splitlines()
    assert service == "llmring-server"
    environment = python.parents[1]
    assert all(Path(file).is_relative_to(environment) for file in files)


def test_the_command_is_installed(python):
    assert run(python.with_name("llmring-server"), "--version").startswith("llmring-server ")


def test_the_wheel_has_our_two_packages_and_nothing_else(names):
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "llmring_core",
        "llmring_server",
    }


def test_the_wheel_has_every_file_of_ours(names):
    expected = {
        str(path.relative_to(ROOT / root))
        for root in ("functions", "shared")
        for kind in ("*.py", "*.sql", "py.typed")
        for path in (ROOT / root).rglob(kind)
    }
    assert expected <= names
    assert "llmring_core/migrations/0001_pre_usage.sql" in expected
    assert {"llmring_core/py.typed", "llmring_server/py.typed"} <= expected


def test_the_wheel_has_no_leavings(names):
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".env"))]
