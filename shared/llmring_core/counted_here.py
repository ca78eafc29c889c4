"""Counts of requests in the memory of a process, of the keys that were used last."""

from limits.aio.storage import MemoryStorage

# An open server may be asked with any number of made-up keys.
MAX_COUNTED = 20_000


class BoundedMemory(MemoryStorage):
    """The library's own, but its size is limited and what is over is dropped when it is met.

    The library looks through all counts at each request, which takes ever longer.
    """

    # Other than that of the library's own, which stays.
    STORAGE_SCHEME = ["async+bounded"]  # noqa: RUF012 - as the library has it

    async def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802 - as the library calls it
        if len(self.expirations) > MAX_COUNTED:
            for key in list(self.expirations)[: MAX_COUNTED // 2]:
                await self.clear(key)
