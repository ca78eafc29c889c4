"""What `sam build` built, run as on Lambda: each function in processes of its own."""

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import SecretStr

from llmring_core.settings import Settings
from support.functions import group_of, response_of, v2_event
from support.runtime_api import BUILT, PYTHON, Function

needs_built = pytest.mark.skipif(
    not (BUILT / "template.yaml").exists() or not PYTHON.exists(),
    reason="nothing was built: make .aws-sam/.local .venv-lambda/.made (needs Python 3.13)",
)


class _Template(yaml.SafeLoader):
    """Reads a SAM template; of short forms only !Ref matters here."""


_Template.add_multi_constructor("!", lambda loader, suffix, node: node.value)


@cache
def functions() -> dict[str, dict[str, Any]]:
    """The functions of the built template, by name."""
    template = yaml.load((BUILT / "template.yaml").read_text(), _Template)
    return {
        name.removesuffix("Function"): resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def container(name: str, environment: dict[str, str]) -> Function:
    """Start a container of a function."""
    built = functions()[name]
    layers = [BUILT / layer for layer in built["Layers"] if isinstance(layer, str)]
    layers = layers or [BUILT / "CoreLayer"]
    task = BUILT / Path(built["CodeUri"]).name
    return Function(name, built["Handler"], task, layers, environment)


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that say what settings say."""
    fresh = Settings.model_construct()
    return {
        f"LLMRING_{name.upper()}": _text(value)
        for name, value in settings
        if value is not None and value != getattr(fresh, name, None)
    }


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ",".join(str(each) for each in value)
    return str(value)


class BuiltTransport(httpx.AsyncBaseTransport):
    """Hands requests to the built functions, as API Gateway does, one container of each."""

    def __init__(self, settings: Settings) -> None:
        # What the template says for all functions.
        self._environment = environment_of(settings) | {
            "LLMRING_DATABASE_POOL_SIZE": "1",
            "LLMRING_DATABASE_STATEMENT_CACHE": "0",
        }
        self._containers: dict[str, Function] = {}
        self._lock = asyncio.Lock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        event = await v2_event(request)
        async with self._lock:  # a container answers one request at a time
            function = self.container(group_of(request.url.path).title())
            return response_of(await asyncio.to_thread(function.invoke, event))

    def container(self, name: str) -> Function:
        """The container of a function, started if it is not."""
        if name not in self._containers:
            self._containers[name] = container(name, self._environment)
        return self._containers[name]

    async def aclose(self) -> None:
        for each in self._containers.values():
            await asyncio.to_thread(each.close)
