"""What the environment says, as `doctor` finds it."""

from llmring_core.unknown_settings import misspelt
from llmring_server.operating.findings import Finding, Patient, ok, warning


async def names(_: Patient) -> Finding:
    """Whether a variable has nearly the name of a setting, and so means nothing."""
    found = list(misspelt())
    if found:
        return warning("; ".join(found), "write it so, or take it away")
    return ok("every LLMRING_ variable that is like a setting is one")
