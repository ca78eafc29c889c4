"""The disk of the embedded database, as `doctor` finds it."""

import shutil

from llmring_server.embedded import uses_embedded
from llmring_server.operating.findings import Finding, Patient, failed, ok, warning

MB = 1_000_000
# A backup of what is there, and what PostgreSQL keeps for a recovery (max_wal_size is 1 GB).
LITTLE_BYTES = 2_000 * MB
NONE_BYTES = 100 * MB


async def disk(patient: Patient) -> Finding:
    """Whether the folder of the embedded database has room."""
    if not uses_embedded(patient.settings):
        return ok("the database is not on it (LLMRING_DATABASE_URL)")
    # Before the first start there is only what the folder will be made in.
    folder = next(each for each in (patient.data_dir, *patient.data_dir.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    told, remedy = f"{free // MB} MB free at {folder}", "make room, or set LLMRING_DATA_DIR"
    if free < NONE_BYTES:
        return failed(told, remedy)
    return warning(told, remedy) if free < LITTLE_BYTES else ok(told)
