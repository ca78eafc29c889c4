"""The short path of the registry: the whole of it, as bytes that are ready."""

from fastapi import FastAPI

from llmring_core.registry import Registry
from llmring_core.registry_snapshot import Snapshot
from llmring_core.settings import Settings
from llmring_core.short_path import PlainAnswer, PlainRequest
from llmring_server.registry.filters import EVERYTHING
from llmring_server.registry.routes import headers_of


def add_short_paths(app: FastAPI) -> None:
    """Give an app the short paths."""
    ready = _Ready(app.state.registry, app.state.settings)
    for path in ("/registry", "/registry.json"):
        app.state.short_paths["GET", path] = ready.registry


class _Ready:
    """The answer, made once for each snapshot."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self._registry = registry
        self._settings = settings
        self._of: Snapshot | None = None
        self._answer: PlainAnswer | None = None

    async def registry(self, request: PlainRequest) -> PlainAnswer | None:
        """`routes.registry` for whoever has none yet and wants all of it."""
        if b"if-none-match" in request.headers:
            return None
        snapshot = await self._registry.snapshot()
        if snapshot is not self._of:
            self._of, self._answer = snapshot, self._made(snapshot)
        return self._answer

    def _made(self, snapshot: Snapshot) -> PlainAnswer:
        headers = headers_of(snapshot, EVERYTHING, self._settings)
        headers["Content-Type"] = "application/json"
        raw = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
        return PlainAnswer(snapshot.document_json, headers=raw)
