"""Statistics over the calls of a project, exact and up to the last acknowledged row."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

from llmring_core.callers import Caller
from llmring_core.connection import Row, Runner
from llmring_core.periods import Period, zone
from llmring_server.usage import summing
from llmring_server.usage.models import PeriodTotals, Summary, Totals, UsageStats
from llmring_server.usage.spans import spans

Grouping = Literal["day", "week", "month"]


async def statistics(
    runner: Runner, caller: Caller, period: Period, grouping: Grouping, tz: str
) -> UsageStats:
    """Sum up the calls of a period by day, week or month, and by model, origin and alias.

    Raises:
        Unprocessable: there is no time zone of that name.
    """
    days_of = zone(tz)
    parts = spans(period, days_of)
    wanted = (*period, grouping, str(days_of), *parts.hours, *parts.days)
    rows = await runner.fetch(
        summing.SQL["statistics"], caller.api_key_id, *wanted, parts.days_are_utc, parts.cut
    )
    periods = sorted(_of("all", rows), key=_by_period, reverse=True)
    return UsageStats(
        summary=_summary(rows),
        by_day=[
            PeriodTotals(date=row["period"], top_model=row["name"], **_totals(row))
            for row in periods
        ],
        by_model=_by_name("model", rows),
        by_origin=_by_name("origin", rows),
        by_alias=_by_name("alias", rows),
    )


def _summary(rows: Sequence[Row]) -> Summary:
    total = _of("total", rows)
    totals = _totals(total[0]) if total else dict.fromkeys(Totals.model_fields, Decimal(0))
    return Summary(
        total_requests=totals.pop("requests"),
        total_cost=totals.pop("cost"),
        unique_models=len(_of("model", rows)),
        unique_origins=len(_of("origin", rows)),
        **totals,
    )


def _of(dimension: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["dimension"] == dimension]


def _by_name(dimension: str, rows: Sequence[Row]) -> dict[str, Totals]:
    """The sums by name; calls that have no name there are only in the summary."""
    named = sorted(_of(dimension, rows), key=_busiest_first)
    return {row["name"]: Totals(**_totals(row)) for row in named}


def _busiest_first(row: Row) -> tuple[int, str]:
    return -row["requests"], row["name"]


def _by_period(row: Row) -> Any:
    return row["period"]


def _totals(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in Totals.model_fields}
