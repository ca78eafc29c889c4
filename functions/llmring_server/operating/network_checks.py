"""What a server asks over the network, and the clock, as `doctor` finds them."""

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from llmring_core import clock, registry_copies
from llmring_core.database_urls import shown_url
from llmring_core.registry_snapshot import BadCopy, read_manifest
from llmring_core.settings import Settings
from llmring_server.operating.findings import Finding, Patient, failed, ok, reason, warning
from llmring_server.operating.target import SQL

if TYPE_CHECKING:
    import httpx

ASK_SECONDS = 5.0
# A Date header says whole seconds, and an answer takes time.
LATE_SECONDS = 5.0
WRONG_SECONDS = 300.0


async def registry(patient: Patient) -> Finding:
    """Whether it can be reached, and how old what is stored of it is."""
    settings = patient.settings
    kept, age = await _stored(patient)
    if not settings.registry_fetch:
        told = f"{kept}; it is not fetched from here (LLMRING_REGISTRY_FETCH=false)"
        return ok(told) if age is not None else warning(told, "let another process fetch it")
    where, fault = shown_url(settings.registry_base_url), await _fault(settings)
    if fault is None:
        return ok(f"{where} answers, {kept}")
    remedy = "see LLMRING_REGISTRY_BASE_URL, and whether this machine reaches it"
    if age is None and patient.database is not None:
        return failed(f"{where}: {fault}; {kept}, so calls stay unpriced", remedy)
    return warning(f"{where}: {fault}; {kept}", remedy)


async def _stored(patient: Patient) -> tuple[str, float | None]:
    """How old what is stored is, in words and in seconds."""
    if patient.database is None:
        return "what is stored is not known", None
    base_url = patient.settings.registry_base_url
    snapshot = await registry_copies.stored(patient.database, base_url)
    if snapshot is None:
        return "nothing is stored", None
    age = (clock.now() - snapshot.checked_at).total_seconds()
    return f"what is stored was checked {age / 3600:.1f} hours ago", age


async def _fault(settings: Settings) -> str | None:
    """Why the registry cannot be used; None if it can."""
    import httpx

    try:
        answer = await _manifest(settings)
        answer.raise_for_status()
        read_manifest(answer.text)
    except httpx.HTTPStatusError as error:
        return f"HTTP {error.response.status_code}"
    except BadCopy as error:
        return str(error)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return type(error).__name__
    return None


async def _manifest(settings: Settings) -> "httpx.Response":
    import httpx

    async with httpx.AsyncClient(timeout=ASK_SECONDS, follow_redirects=True) as client:
        return await client.get(f"{settings.registry_base_url.rstrip('/')}/manifest.json")


async def redis(patient: Patient) -> Finding:
    """Whether it answers, if there is to be one."""
    url = patient.settings.redis_url
    if url is None:
        return ok("not used (LLMRING_REDIS_URL is not set)")
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    begin = time.perf_counter()
    try:
        client = Redis.from_url(
            url.get_secret_value(), socket_timeout=ASK_SECONDS, socket_connect_timeout=ASK_SECONDS
        )
        async with client:
            await client.ping()
    except (RedisError, OSError, TimeoutError, ValueError) as error:
        return warning(
            f"{reason(error)}; without it each process counts requests by itself",
            "see LLMRING_REDIS_URL and whether Redis runs",
        )
    return ok(f"answers in {(time.perf_counter() - begin) * 1000:.1f} ms")


async def time_of_day(patient: Patient) -> Finding:
    """How far this machine's clock is from that of the database, and of the registry."""
    offsets = {"the database": await _database_offset(patient)}
    if patient.settings.registry_fetch:
        offsets["the registry"] = await _registry_offset(patient.settings)
    known = {who: abs(offset) for who, offset in offsets.items() if offset is not None}
    if not known:
        return warning("there is nobody to compare it with", "see database and registry above")
    told = " and ".join(f"{offset:.1f} s from that of {who}" for who, offset in known.items())
    remedy = "set the clock that is wrong, and keep it with NTP (timedatectl set-ntp true)"
    worst = max(known.values())
    if worst > WRONG_SECONDS:
        return failed(f"{told}, so that calls and receipts get wrong times", remedy)
    return warning(told, remedy) if worst > LATE_SECONDS else ok(told)


async def _database_offset(patient: Patient) -> float | None:
    if patient.database is None:
        return None
    before = clock.now()
    there = await patient.database.fetch_value(SQL["time"])
    middle = before + (clock.now() - before) / 2
    return float((there - middle).total_seconds())


async def _registry_offset(settings: Settings) -> float | None:
    """By the Date of its answer; None if there is none to go by, which is not of the clock."""
    import httpx

    try:
        date = (await _manifest(settings)).headers["date"]
        return (parsedate_to_datetime(date) - clock.now()).total_seconds()
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError, TypeError):
        return None
