"""A function that does nothing but ask its database: what ours are measured by."""

import asyncio
import os

import asyncpg
from fastapi import FastAPI
from mangum import Mangum

asyncio.set_event_loop(asyncio.new_event_loop())
app = FastAPI()
pools: list[asyncpg.Pool] = []


@app.get("/")
async def one() -> dict[str, int]:
    """Ask the database for one."""
    if not pools:
        url = os.environ["LLMRING_DATABASE_URL"]
        pools.append(await asyncpg.create_pool(url, min_size=0, max_size=1))
    return {"one": await pools[0].fetchval("select 1")}


handler = Mangum(app, lifespan="off")
