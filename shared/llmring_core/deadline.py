"""How long there is left to answer: on Lambda less than one may have asked for."""

import time
from contextvars import ContextVar, Token

# What stays for us to say that it took too long.
MARGIN_SECONDS = 1.0
# And for a statement, which may be the one that notes it.
STATEMENT_MARGIN_SECONDS = 0.25

_ends_at: ContextVar[float | None] = ContextVar("llmring_deadline", default=None)


def ends_in(seconds: float) -> Token[float | None]:
    """Say when what runs in this context is ended from outside; returns what `forget` takes."""
    return _ends_at.set(time.monotonic() + seconds)


def forget(token: Token[float | None]) -> None:
    """Go back to what was said before."""
    _ends_at.reset(token)


def is_set() -> bool:
    """Whether anybody said when this ends."""
    return _ends_at.get() is not None


def at_most(seconds: float, *, margin: float = MARGIN_SECONDS) -> float:
    """So many seconds, or fewer where less than that is left, but for the margin."""
    ends_at = _ends_at.get()
    if ends_at is None:
        return seconds
    return max(0.0, min(seconds, ends_at - time.monotonic() - margin))
