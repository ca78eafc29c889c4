"""A server with `/metrics`, as Prometheus sees it."""

import uuid
from collections.abc import Awaitable, Callable

import httpx
from prometheus_client.parser import text_string_to_metric_families

from support.projects import Project


def sum_of(text: str, name: str, **labels: str) -> float:
    """What the samples of a name and of these labels add up to."""
    samples = (
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    )
    return sum(
        sample.value
        for sample in samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


class Scraped:
    """A server with `/metrics`, and how its figures grow."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.alice = Project(http, f"alice-{uuid.uuid4().hex}")

    async def value(self, name: str, **labels: str) -> float:
        text = (await self.http.get("/metrics")).raise_for_status().text
        return sum_of(text, name, **labels)

    async def growth(
        self, done: Callable[[], Awaitable[object]], name: str, **labels: str
    ) -> float:
        before = await self.value(name, **labels)
        await done()
        return await self.value(name, **labels) - before
