"""Statistics over the calls of a project, exact and up to the last acknowledged row."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

from llmring_core.auth import Caller
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
    wanted = (*period, grouping, str(days_of), *parts.hours, *parts.days, parts.days_are_utc)
    rows = await runner.fetch(summing.SQL["statistics"], caller.api_key_id, *wanted)
    sums = [row for row in rows if not row["is_of_period"]]
    of_periods = [row for row in rows if row["is_of_period"]]
    top_models = _top_models(_of("model", of_periods))
    return UsageStats(
        summary=_summary(sums),
        by_day=[
            PeriodTotals(date=row["period"], top_model=top_models[row["period"]], **_totals(row))
            for row in sorted(_of("all", of_periods), key=_by_period, reverse=True)
        ],
        by_model=_by_name("model", sums),
        by_origin=_by_name("origin", sums),
        by_alias=_by_name("alias", sums),
    )


def _summary(sums: list[Row]) -> Summary:
    totals = next(map(_totals, _of("all", sums)), dict.fromkeys(Totals.model_fields, Decimal(0)))
    return Summary(
        total_requests=totals.pop("requests"),
        total_cost=totals.pop("cost"),
        unique_models=len(_of("model", sums)),
        unique_origins=len(_of("origin", sums)),
        **totals,
    )


def _of(dimension: str, rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["dimension"] == dimension]


def _by_name(dimension: str, sums: list[Row]) -> dict[str, Totals]:
    """The sums by name; calls that have no name there are only in the summary."""
    named = sorted(_of(dimension, sums), key=_busiest_first)
    return {row["name"]: Totals(**_totals(row)) for row in named}


def _top_models(rows: Iterable[Row]) -> dict[Any, str]:
    """The busiest model of each period."""
    top: dict[Any, str] = {}
    for row in sorted(rows, key=_busiest_first):
        top.setdefault(row["period"], row["name"])
    return top


def _busiest_first(row: Row) -> tuple[int, str]:
    return -row["requests"], row["name"]


def _by_period(row: Row) -> Any:
    return row["period"]


def _totals(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in Totals.model_fields}
