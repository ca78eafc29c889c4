"""A stranger, who sends anything and looks hard at each answer."""

import asyncio
import json

import asyncpg

from support.projects import a_call

SECONDS = 5
# What would give away how the server is made.
INDISCRETIONS = ("Traceback", 'File "', "asyncpg", "pydantic.dev", "insert into", "usage_logs")


class Stranger:
    """Sends anything, and looks hard at each answer."""

    def __init__(self, http, database_url):
        self._http = http
        self._database_url = database_url
        self.stored = 0

    async def sends(self, method, path, key="alice", **options):
        headers = [("X-API-Key", key)] if key is not None else []
        headers += [*dict(options.pop("headers", {})).items(), *options.pop("pairs", [])]
        async with asyncio.timeout(SECONDS):
            answer = await self._http.request(method, path, headers=headers, **options)
        check(answer)
        if answer.status_code == 200 and method == "POST":
            self.stored += answer.json().get("stored", 1)
        return answer

    async def posts(self, body, path="/api/v1/log", **options):
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return await self.sends("POST", path, content=body, headers=headers, **options)

    async def is_refused(self, *arguments, **options):
        answer = await self.posts(*arguments, **options)
        assert 400 <= answer.status_code < 500, (arguments[0][:80], answer.text)

    async def left_nothing_else(self):
        """Only what was answered with 200 is stored."""
        connection = await asyncpg.connect(self._database_url)
        count = await connection.fetchval("select count(*) from llmring.usage_logs")
        await connection.close()
        assert count == self.stored


def check(answer):
    assert answer.status_code < 500, answer.text
    assert not [word for word in INDISCRETIONS if word in answer.text], answer.text
    identifier = answer.headers["X-Request-Id"]
    if answer.status_code >= 400:
        problem = answer.json()
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert problem["type"].startswith("urn:llmring:problem:")
        assert (problem["status"], problem["request_id"]) == (answer.status_code, identifier)
        assert problem["title"]
        assert problem["detail"]


def json_of(**members):
    return json.dumps(a_call(**members)).encode()


def raw(name, value):
    """A call with one member in the stranger's own spelling."""
    return json_of(**{name: "@"}).replace(b'"@"', value)
