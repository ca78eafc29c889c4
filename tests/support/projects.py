"""A project that uses the server: what its people do, in their words."""

from typing import Any

import httpx

RECEIPTS = "/api/v1/receipts"


def a_call(**members: Any) -> dict[str, Any]:
    """A model call to log; name what matters to the test."""
    return {
        "provider": "openai",
        "model": "gpt-4.1",
        "input_tokens": 1000,
        "output_tokens": 100,
        **members,
    }


def a_receipt(**members: Any) -> dict[str, Any]:
    """An unsigned receipt; name what matters to the test."""
    return {
        "model": "openai:gpt-4.1",
        "alias": "summarizer",
        "tokens": {"input": 1200, "output": 350, "cached_input": 200},
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

    async def asks_for_receipt(self, body: Any, **headers: str) -> httpx.Response:
        return await self.ask("POST", f"{RECEIPTS}/issue", json=body, headers=headers)

    async def issues(self, **members: Any) -> dict[str, Any]:
        """Have a receipt signed and expect that it is."""
        response = await self.asks_for_receipt(a_receipt(**members))
        assert response.status_code == 200, response.text
        return response.json()

    async def stores(self, receipt: Any) -> httpx.Response:
        return await self.ask("POST", RECEIPTS, json={"receipt": receipt})

    async def generates(self, **selection: Any) -> dict[str, Any]:
        """Have logs certified and expect that they are."""
        response = await self.ask("POST", f"{RECEIPTS}/generate", json=selection)
        assert response.status_code == 200, response.text
        return response.json()

    async def reads_receipts(self, **params: Any) -> list[dict[str, Any]]:
        return await self.reads(RECEIPTS, **params)
