"""Fetching the public registry, conditionally and within bounds."""

import asyncio
import logging
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from llmring_core import clock
from llmring_core.registry_snapshot import (
    MANIFEST,
    BadCopy,
    Copy,
    read_manifest,
    read_provider,
)

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("llmring.registry")

FETCH_SECONDS = 10.0
# Of the manifest, and of all providers together, each of which may have an equal part.
MAX_BYTES = 32 * 1024 * 1024
# zlib's word for gzip, whose header it then checks.
_GZIP = 16 + zlib.MAX_WBITS


async def fetch_all(base_url: str, known: Mapping[str, Copy]) -> tuple[dict[str, Copy], bool]:
    """Fetch the manifest and every provider it names.

    What fails keeps the copy that is `known`, if there is one.

    Returns:
        The copies by provider, and whether every file was got or confirmed.
    """
    import httpx  # imported only when a request goes out: it costs a cold start 160 ms

    async with httpx.AsyncClient(
        base_url=base_url.rstrip("/") + "/",
        timeout=FETCH_SECONDS,
        follow_redirects=True,
        headers={"Accept-Encoding": "gzip"},
    ) as client:
        manifest = await _fetch_or_keep(client, MANIFEST, known.get(MANIFEST), MAX_BYTES)
        names = _providers(manifest, known)
        part = MAX_BYTES // max(1, len(names))
        files = await asyncio.gather(
            *(_fetch_or_keep(client, name, known.get(name), part) for name in names)
        )
    copies = {copy.provider: copy for copy, _ in [manifest, *files] if copy is not None}
    return copies, all(is_current for _, is_current in [manifest, *files])


def _providers(manifest: tuple[Copy | None, bool], known: Mapping[str, Copy]) -> list[str]:
    copy, _ = manifest
    if copy is not None:
        return read_manifest(copy.body)
    return [name for name in known if name != MANIFEST]


async def _fetch_or_keep(
    client: "httpx.AsyncClient", name: str, known: Copy | None, most: int
) -> tuple[Copy | None, bool]:
    import httpx

    faults = (httpx.HTTPError, httpx.InvalidURL, BadCopy, TimeoutError, UnicodeError, zlib.error)
    try:
        return await _fetch(client, name, known, most), True
    except faults as error:
        log.warning("the registry's %s could not be fetched: %r", name or "manifest", error)
        return known, False


async def _fetch(client: "httpx.AsyncClient", name: str, known: Copy | None, most: int) -> Copy:
    path = f"{name}/models.json" if name else "manifest.json"
    now = clock.now()
    async with asyncio.timeout(FETCH_SECONDS):
        async with client.stream("GET", path, headers=_conditions(known)) as response:
            if response.status_code == 304 and known is not None:  # noqa: PLR2004
                return known.still_good(now)
            response.raise_for_status()
            body = await _read(response, most)
    if known is not None and known.body == body:
        return known.still_good(now)
    (read_provider if name else read_manifest)(body)
    etag, modified = response.headers.get("etag"), response.headers.get("last-modified")
    return Copy(name, body, etag, modified, fetched_at=now, checked_at=now)


def _conditions(known: Copy | None) -> dict[str, str]:
    if known is None:
        return {}
    conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in conditions.items() if value}


async def _read(response: "httpx.Response", most: int) -> str:
    """Read a file of `most` bytes; inflated by ourselves, as httpx does that without a limit."""
    coding = response.headers.get("content-encoding", "identity")
    if coding not in ("identity", "gzip"):
        raise BadCopy(f"the file came as {coding}, which nobody asked for")
    inflater = zlib.decompressobj(_GZIP) if coding == "gzip" else None
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += inflater.decompress(chunk, most + 1 - len(body)) if inflater else chunk
        if len(body) > most:
            raise BadCopy(f"the file is larger than {most} bytes")
    if inflater is not None and not inflater.eof:
        raise BadCopy("the file ends early")
    return body.decode()
