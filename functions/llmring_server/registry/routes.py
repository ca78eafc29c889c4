"""What HTTP sees of the registry."""

import hashlib
import json
from typing import Annotated, Any

from fastapi import Header, Request, Response

from llmring_core.dependencies import RegistryDep
from llmring_core.errors import Unavailable, raises
from llmring_core.registry_snapshot import Snapshot
from llmring_core.settings import Settings
from llmring_core.web import group_router
from llmring_server.registry.filters import Wanted, WantedDep

router = group_router("registry")

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The registry is the one that If-None-Match names."}
}


@router.get("/registry", responses=NOT_MODIFIED)
@router.get("/registry.json", responses=NOT_MODIFIED, operation_id="get_registry_json")
@raises(Unavailable)
async def get_registry(
    request: Request,
    registry: RegistryDep,
    wanted: WantedDep,
    _: Annotated[str | None, Header(alias="If-None-Match", description="Tags, or `*`.")] = None,
) -> Response:
    """The aggregated registry: every provider's models with their limits and prices."""
    snapshot = await registry.snapshot()
    headers = headers_of(snapshot, wanted, request.app.state.settings)
    # It may come in several lines, all of which count.
    if _matches(request.headers.getlist("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(_body(snapshot, wanted), headers=headers, media_type="application/json")


def headers_of(snapshot: Snapshot, wanted: Wanted, settings: Settings) -> dict[str, str]:
    """An answer's tag (weak: servers tell different times of it), and how long it may be kept."""
    max_age = min(settings.cache_ttl, 300)
    tag = f'W/"{_etag(snapshot, wanted)}"'
    return {"ETag": tag, "Cache-Control": f"public, max-age={max_age}"}


def _body(snapshot: Snapshot, wanted: Wanted) -> bytes:
    if not wanted.providers and not wanted.capabilities:
        return snapshot.document_json
    return json.dumps(wanted.of(snapshot.document)).encode()


def _etag(snapshot: Snapshot, wanted: Wanted) -> str:
    """A tag of the whole answer: of the registry and of what was asked of it."""
    asked = repr((sorted(wanted.providers), sorted(wanted.capabilities)))
    return hashlib.sha256(f"{snapshot.etag} {asked}".encode()).hexdigest()[:32]


def _matches(if_none_match: list[str], etag: str) -> bool:
    """Weak comparison, as RFC 9110, section 13.1.2, asks for."""
    given = [tag.strip().removeprefix("W/") for tag in ",".join(if_none_match).split(",")]
    return etag.removeprefix("W/") in given or "*" in given
