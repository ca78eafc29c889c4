"""Statistics over the calls of a project, exact and up to the last acknowledged row."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from llmring_core.auth import Caller
from llmring_core.connection import Row, Runner
from llmring_core.periods import Period
from llmring_core.queries import load
from llmring_server.usage.models import PeriodTotals, Summary, Totals, UsageStats

SQL = load("llmring_server.usage")

Grouping = Literal["day", "week", "month"]


async def statistics(
    runner: Runner, caller: Caller, period: Period, grouping: Grouping, tz: str
) -> UsageStats:
    """Sum up the calls of a period by day, week or month, and by model, origin and alias."""
    rows = await runner.fetch(SQL["statistics"], caller.api_key_id, *period, grouping, tz)
    levels: dict[str, list[Row]] = {}
    for row in rows:
        levels.setdefault(row["level"], []).append(row)
    top_models = _top_models(levels.get("period_model", []))
    return UsageStats(
        summary=_summary(levels),
        by_day=[
            PeriodTotals(date=row["period"], top_model=top_models[row["period"]], **_totals(row))
            for row in sorted(levels.get("period", []), key=_by_period, reverse=True)
        ],
        by_model=_by("model", levels),
        by_origin=_by("origin", levels),
        by_alias=_by("alias", levels),
    )


def _summary(levels: Mapping[str, list[Row]]) -> Summary:
    (row,) = levels["all"]
    totals = _totals(row)
    return Summary(
        total_requests=totals.pop("requests"),
        total_cost=totals.pop("cost"),
        unique_models=len(_by("model", levels)),
        unique_origins=len(_by("origin", levels)),
        **totals,
    )


def _by(level: str, levels: Mapping[str, list[Row]]) -> dict[str, Totals]:
    """The sums of a level by name; calls that have no name there are only in the summary."""
    named = [row for row in levels.get(level, []) if row[level] is not None]
    return {row[level]: Totals(**_totals(row)) for row in sorted(named, key=_busiest_first)}


def _top_models(rows: Iterable[Row]) -> dict[Any, str]:
    """The busiest model of each period."""
    top: dict[Any, str] = {}
    for row in sorted(rows, key=_busiest_first):
        top.setdefault(row["period"], row["model"])
    return top


def _busiest_first(row: Row) -> tuple[int, str]:
    return -row["requests"], row["model"] or row["origin"] or row["alias"] or ""


def _by_period(row: Row) -> Any:
    return row["period"]


def _totals(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in Totals.model_fields}
