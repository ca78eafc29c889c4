"""A project that uses the server: what its people do, in their words."""

from typing import Any

import httpx


def a_call(**members: Any) -> dict[str, Any]:
    """A model call to log; name what matters to the test."""
    return {
        "provider": "openai",
        "model": "gpt-4.1",
        "input_tokens": 1000,
        "output_tokens": 100,
        **members,
    }


class Project:
    """Speaks to the server with the API key of a project."""

    def __init__(self, http: httpx.AsyncClient, key: str) -> None:
        self.http = http
        self.key = key

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"X-API-Key": self.key, **options.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **options)

    async def logs(self, call: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
        """Log a call and expect that it is taken."""
        response = await self.ask("POST", "/api/v1/log", json=call or a_call(), headers=headers)
        assert response.status_code == 200, response.text
        return response.json()

    async def logs_batch(self, calls: list[Any], **params: Any) -> httpx.Response:
        return await self.ask("POST", "/api/v1/log/batch", json=calls, params=params)

    async def reads(self, path: str, **params: Any) -> Any:
        """Get something and expect that it is there."""
        response = await self.ask("GET", path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    async def reads_stats(self, **params: Any) -> dict[str, Any]:
        return await self.reads("/api/v1/stats", **params)

    async def reads_logs(self, **params: Any) -> list[dict[str, Any]]:
        return await self.reads("/api/v1/logs", **params)
