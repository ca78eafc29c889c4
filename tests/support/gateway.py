"""`make aws-local`: the built functions, served over HTTP as API Gateway would.

On the database of `LLMRING_DATABASE_URL`, or the embedded PostgreSQL.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

import httpx
import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1]))
from pydantic import SecretStr

from llmring_core.local_postgres import LocalPostgres, default_data_dir
from llmring_core.settings import Settings
from support.built import BuiltTransport
from support.events import http_api


def app_of(transport: BuiltTransport) -> Any:
    """An ASGI app that hands requests to functions, one at a time each."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        url = f"http://gateway{scope['path']}?{scope['query_string'].decode()}"
        request = httpx.Request(scope["method"], url, headers=scope["headers"], content=body)
        answer = await transport.handle_async_request(request)
        headers = [(name.lower(), value) for name, value in answer.headers.raw]
        await send(
            {"type": "http.response.start", "status": answer.status_code, "headers": headers}
        )
        await send({"type": "http.response.body", "body": answer.content})

    return app


def main() -> None:
    """Migrate by the built function, then serve until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8001)
    port = parser.parse_args().port
    settings = Settings.from_env()
    if settings.database_url is not None:
        serve(settings, port)
        return
    with LocalPostgres.open(settings.data_dir or default_data_dir()) as local:
        serve(settings.model_copy(update={"database_url": SecretStr(local.url)}), port)


def serve(settings: Settings, port: int) -> None:
    """Serve the built functions with these settings."""
    transport = BuiltTransport(settings)
    transport.container("Migrate").invoke(http_api("/"), seconds=60)
    try:
        uvicorn.run(app_of(transport), port=port, lifespan="off")
    finally:
        asyncio.run(transport.aclose())


if __name__ == "__main__":
    main()
