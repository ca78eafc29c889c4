"""UUIDv7 identifiers, which carry their time (RFC 9562, section 5.7)."""

import os
import struct
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MICROSECOND = timedelta(microseconds=1)
# Random bytes are asked of the kernel for many ids at once: asking takes longer than the rest.
_RANDOM_AT_ONCE = 512
_random: list[int] = []
os.register_at_fork(after_in_child=_random.clear)


def new_id(moment: datetime) -> UUID:
    """Make an id of `moment` (from 1970 on).

    The twelve bits after the milliseconds hold the fraction of the millisecond (section 6.2,
    method 3), so that ids sort by time to within a microsecond; the rest is random.
    """
    return UUID(int=_time_bits(moment) | _random_bits() >> 2)


@lru_cache(maxsize=1)
def _time_bits(moment: datetime) -> int:
    """What an id says of its time, which is the same for a whole batch."""
    microseconds = (moment - _EPOCH) // _MICROSECOND
    milliseconds, rest = divmod(microseconds, 1000)
    fraction = rest * 4096 // 1000
    return milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62


def first_id(moment: datetime) -> UUID:
    """The least id that is of `moment`, whole milliseconds, or later."""
    return UUID(int=(moment - _EPOCH) // _MILLISECOND << 80)


def new_request_id() -> str:
    """Make an id of a request: 64 random bits, in hexadecimal."""
    return f"{_random_bits():016x}"


def _random_bits() -> int:
    """64 bits that nobody can guess."""
    try:
        return _random.pop()
    except IndexError:
        _random.extend(struct.unpack(f"{_RANDOM_AT_ONCE}Q", os.urandom(8 * _RANDOM_AT_ONCE)))
        return _random.pop()


def millisecond_of(identifier: UUID) -> tuple[datetime, datetime]:
    """The half-open millisecond in which a UUIDv7 was made.

    Any UUID is answered, so that a look-up by a foreign id simply finds nothing.
    """
    milliseconds = min(identifier.int >> 80, 253_402_300_798_999)
    start = _EPOCH + timedelta(milliseconds=milliseconds)
    return start, start + _MILLISECOND
