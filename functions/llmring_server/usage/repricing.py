"""Rows that were logged while no registry was at hand get their price once there is one."""

import asyncio
import json
import logging
from collections.abc import Sequence

from fastapi import FastAPI

from llmring_core.connection import Row
from llmring_core.costs import Cost, priced
from llmring_core.database import Database
from llmring_core.errors import Unavailable
from llmring_core.prices import PriceList
from llmring_core.pricing import Tokens
from llmring_core.queries import load

SQL = load("llmring_server.usage")
log = logging.getLogger("llmring.usage")

ROWS_AT_ONCE = 500
RETRY_SECONDS = 10.0


def reprice_when_renewed(app: FastAPI) -> None:
    """Have waiting rows priced whenever a registry comes to hand."""
    database: Database = app.state.database

    async def listener(prices: PriceList) -> None:
        while True:
            try:
                await reprice(database, prices)
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    app.state.registry.when_renewed(listener)


async def reprice(database: Database, prices: PriceList) -> int:
    """Price the rows that wait for a registry, of every project; returns how many.

    Any number of processes may do so at once: a row is changed only while it waits.
    """
    count = 0
    while rows := await database.fetch(SQL["awaiting_prices"], ROWS_AT_ONCE):
        await database.execute(SQL["set_prices"], *_columns(rows, prices))
        count += len(rows)
    if count:
        log.info("priced %d rows that waited for the registry", count)
    return count


def _columns(rows: Sequence[Row], prices: PriceList) -> list[list[object]]:
    values = [_values(row, _cost(row, prices)) for row in rows]
    return [list(column) for column in zip(*values, strict=True)]


def _values(row: Row, cost: Cost) -> tuple[object, ...]:
    key = (row["api_key_id"], row["logged_at"], row["log_id"])
    return (*key, cost.amount, cost.status, json.dumps(cost.pricing))


def _cost(row: Row, prices: PriceList) -> Cost:
    tokens = Tokens(row["input_tokens"], row["output_tokens"], row["cached_input_tokens"])
    return priced(row["provider"], row["model"], tokens, prices)
