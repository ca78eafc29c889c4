"""One way to page through a list: limit and offset, or a cursor that stays right as rows arrive."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from llmring_core.errors import Unprocessable, raises

Item = TypeVar("Item")

MAX_LIMIT = 10_000
# A page ends early rather than getting larger; one row may be larger by itself.
PAGE_BYTES = 4 * 1024 * 1024
DEFAULT_LIMIT = 50
LONG_DEFAULT_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list that is ordered by time and then id; a cursor says it."""

    moment: datetime
    id: UUID

    def cursor(self) -> str:
        """Write the place as an opaque cursor."""
        text = f"{self.moment.isoformat()}|{self.id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def of(cls, cursor: str) -> "Place":
        """Read a cursor.

        Raises:
            Unprocessable: it is not one that we gave out.
        """
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            moment, _, identifier = base64.urlsafe_b64decode(padded).decode().partition("|")
            place = cls(datetime.fromisoformat(moment), UUID(identifier))
        except (ValueError, binascii.Error) as error:
            raise Unprocessable("The cursor is not one that this server gave out.") from error
        if place.moment.tzinfo is None:
            raise Unprocessable("The cursor is not one that this server gave out.")
        return place


# Before and after every row of a list.
FIRST = Place(datetime(1, 1, 2, tzinfo=UTC), UUID(int=0))
LAST = Place(datetime(9999, 12, 30, tzinfo=UTC), UUID(int=2**128 - 1))


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    limit: int
    offset: int
    after: Place | None
    request: Request

    def cut(
        self,
        response: Response,
        rows: Sequence[Item],
        place: Callable[[Item], Place],
        *,
        found: int | None = None,
    ) -> list[Item]:
        """Cut rows to the page, and put the way to the next page, if there is one, into headers.

        `rows` holds one more than asked for if there is a next page; `place` says where a row
        stands. Where a page may end before it gets too large, `found` says how many rows there
        would have been.
        """
        page = list(rows[: self.limit])
        if page and max(len(rows), found or 0) > len(page):
            self.lead_on(response, place(page[-1]))
        return page

    def lead_on(self, response: Response, last: Place) -> None:
        """Put the way to the page that follows a place into headers."""
        cursor = last.cursor()
        query = [
            (name, value)
            for name, value in self.request.query_params.multi_items()
            if name not in ("cursor", "offset")
        ]
        target = f"{self.request.url.path}?{urlencode([*query, ('cursor', cursor)])}"
        response.headers["Link"] = f'<{target}>; rel="next"'
        response.headers["X-Next-Cursor"] = cursor


Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows at most.")]
Offset = Annotated[int, Query(ge=0, le=2**31, description="Rows to pass over.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=200,
        description="`X-Next-Cursor` of the page before.",
        json_schema_extra={"format": "cursor"},
    ),
]


@raises(Unprocessable)
async def _page(
    request: Request, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0, cursor: Cursor = None
) -> Page:
    return Page(limit, offset, Place.of(cursor) if cursor else None, request)


@raises(Unprocessable)
async def _long_page(
    request: Request, limit: Limit = LONG_DEFAULT_LIMIT, offset: Offset = 0, cursor: Cursor = None
) -> Page:
    return await _page(request, limit, offset, cursor)


PageDep = Annotated[Page, Depends(_page)]
# For lists that the published client reads without asking for a second page.
LongPageDep = Annotated[Page, Depends(_long_page)]
