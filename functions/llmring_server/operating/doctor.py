"""`llmring-server doctor`: whether all that a server needs is well, and what to do if not."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from llmring_core.database import Database
from llmring_core.database_errors import NOT_MIGRATED
from llmring_core.errors import LLMRingError, StartRefused
from llmring_core.local_postgres import LocalPostgres
from llmring_core.settings import Settings
from llmring_server.embedded import data_folder, uses_embedded
from llmring_server.operating import (
    database_checks,
    key_checks,
    network_checks,
    settings_checks,
)
from llmring_server.operating.disk_check import disk
from llmring_server.operating.findings import (
    Finding,
    NotAsked,
    Patient,
    failed,
    reason,
    warning,
    without_secrets,
)

Check = Callable[[Patient], Awaitable[Finding]]

CHECKS: dict[str, Check] = {
    "settings": settings_checks.names,
    "schema": database_checks.schema,
    "registry": network_checks.registry,
    "Redis": network_checks.redis,
    "receipt key": key_checks.receipts,
    "API keys": key_checks.api_keys,
    "secrets key": key_checks.credentials,
    "clock": network_checks.time_of_day,
    "disk": disk,
}
CHECK_SECONDS = 30.0
ANSWER_SECONDS = 5.0


def doctor() -> int:
    """Print a line for each check; 1 if one failed. Nothing is changed."""
    logging.getLogger("llmring").addHandler(logging.NullHandler())  # the lines say what it would
    try:
        settings = Settings.from_env()
    except StartRefused as error:
        _tell("settings", failed(str(error)))
        return 1
    with _database(settings) as (patient, first):
        findings = asyncio.run(_findings(patient, first))
    return 1 if any(each.level == "FAILED" for each in findings) else 0


@contextmanager
def _database(settings: Settings) -> Iterator[tuple[Patient, Finding | None]]:
    """The database that the settings mean; or what there is to say of it already."""
    patient = Patient(settings, data_folder(settings), Database(settings))
    if not uses_embedded(settings):
        yield patient, None
        return
    nobody = replace(patient, database=None)
    if not (patient.data_dir / "postgres").exists():
        text = f"there is none in {patient.data_dir} yet"
        yield nobody, warning(text, "the first start of a server makes it")
        return
    try:
        local = LocalPostgres.open(patient.data_dir)
    except StartRefused as error:
        yield nobody, failed(str(error))
        return
    with local:
        patient.asked.go_to(local.url)
        yield replace(patient, was_started=local.started), None


async def _findings(patient: Patient, first: Finding | None) -> list[Finding]:
    database = patient.database
    try:
        if first is None:
            first = await _checked(patient, database_checks.database)
            if not await patient.asked.answers(ANSWER_SECONDS):
                patient = replace(patient, database=None)
        _tell("database", first, patient.settings)
        findings = [first]
        for name, check in CHECKS.items():
            findings.append(await _checked(patient, check))
            _tell(name, findings[-1], patient.settings)
        return findings
    finally:
        if database is not None:
            await database.close()


async def _checked(patient: Patient, check: Check) -> Finding:
    """What a check finds; that it cannot look is a finding too, and keeps no other from looking."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check(patient)
    except NotAsked:
        return warning("not looked at", "first see to the database")
    except LLMRingError as error:
        if str(error) == NOT_MIGRATED:
            return warning("not looked at", "first see to the schema")
        return failed(reason(error))
    except Exception as error:  # noqa: BLE001 - whatever a check comes up with
        return failed(f"this could not be checked ({reason(error)})")


def _tell(name: str, finding: Finding, settings: Settings | None = None) -> None:
    line = finding.line(name)
    sys.stdout.write(f"{line if settings is None else without_secrets(line, settings)}\n")
    sys.stdout.flush()
