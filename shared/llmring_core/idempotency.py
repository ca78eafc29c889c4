"""The same write sent twice is done once (draft-ietf-httpapi-idempotency-key-header-07)."""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from llmring_core.auth import CallerDep
from llmring_core.callers import Caller
from llmring_core.connection import Connection, Row, Runner
from llmring_core.database import Database
from llmring_core.errors import BadRequest, KeyReused, StillInFlight, raises
from llmring_core.queries import load
from llmring_core.sealing import seal, unseal

SQL = load("llmring_core", "idempotency.sql")
Answer = TypeVar("Answer", bound=BaseModel | Response)
Made = TypeVar("Made")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Once:
    """The Idempotency-Key of a request, if it came with one."""

    caller: Caller
    endpoint: str
    key: str | None
    body_hash: bytes

    async def write(
        self,
        database: Database,
        do: Callable[[Runner], Awaitable[Answer]],
        *,
        in_transaction: bool = False,
    ) -> Answer | Response:
        """Do a write, or answer what the same request was answered before.

        The key is remembered in the transaction of the write: both are there or neither is.
        Without a key a write of one statement needs no transaction; `in_transaction` asks for one.

        Raises:
            StillInFlight: a request with the key is being worked on.
            KeyReused: the key came before with another request.
        """
        if self.key is None and not in_transaction:
            return await do(database)
        if self.key is None:
            return await database.transact(do)
        return await database.transact(lambda tx: self._write_once(tx, do))

    async def make_and_write(
        self,
        database: Database,
        make: Callable[[], Awaitable[Made]],
        do: Callable[[Runner, Made], Awaitable[Answer]],
        *,
        in_transaction: bool = False,
    ) -> Answer | Response:
        """Make something and write it; raises as `write`.

        What was made before is answered again without making it anew. Making happens before any
        transaction, so that no connection is held while it waits for somebody else.
        """
        if self.key is not None:
            earlier = await database.fetch_row(SQL["earlier"], *self._name)
            if earlier is not None:
                return self._replayed(earlier)
        made = await make()
        return await self.write(
            database, lambda runner: do(runner, made), in_transaction=in_transaction
        )

    @property
    def _name(self) -> tuple[str, str, str | None]:
        return self.caller.api_key_id, self.endpoint, self.key

    async def _write_once(
        self, tx: Connection, do: Callable[[Runner], Awaitable[Answer]]
    ) -> Answer | Response:
        if not await tx.fetch_value(SQL["claim"], *self._name):
            raise StillInFlight
        earlier = await tx.fetch_row(SQL["earlier"], *self._name)
        if earlier is not None:
            return self._replayed(earlier)
        answer = await do(tx)
        # An answer may hold what was said in a conversation: only this caller can read it again.
        sealed = seal(_text(answer), self.caller.secret)
        await tx.execute(SQL["remember"], *self._name, self.body_hash, sealed)
        return answer

    def _replayed(self, earlier: Row) -> Response:
        if earlier["body_hash"] != self.body_hash:
            raise KeyReused
        headers = {"Idempotency-Replayed": "true"}
        answer = unseal(earlier["answer"], self.caller.secret)
        return Response(answer, headers=headers, media_type="application/json")


def _text(answer: BaseModel | Response) -> str:
    if isinstance(answer, BaseModel):
        return answer.model_dump_json()
    return bytes(answer.body).decode()


async def forget_old(database: Database) -> None:
    """Delete the keys that are older than 24 hours."""
    await database.execute(SQL["forget_old"])


@raises(BadRequest, StillInFlight, KeyReused)
async def _once(
    request: Request,
    caller: CallerDep,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Any text of up to 255 visible ASCII characters, kept for 24 hours.",
            json_schema_extra={"pattern": '^(?!""$)([!-~]{1,255}|"[!-~]{1,255}")$'},
        ),
    ] = None,
) -> Once:
    key = None
    if idempotency_key is not None:
        # The draft writes the key as a structured-field string, in quotes; most clients do not.
        key = re.sub(r'^"(.*)"$', r"\1", idempotency_key.strip())
        if not _KEY.fullmatch(key):
            raise BadRequest("Idempotency-Key takes 1 to 255 visible ASCII characters.")
    # What the path names, too: the same body for another conversation is another request.
    named = "".join(f"{name}={value.lower()}\n" for name, value in request.path_params.items())
    asked = f"{named}{request.url.query}\n".encode() + await request.body()
    # What answers at two paths is one endpoint: a client may have learned of the other meanwhile.
    endpoint = f"{request.method} {request.scope['route'].first_path}"
    # Keyed, because a bare hash of a short text can be guessed.
    return Once(caller, endpoint, key, hmac.digest(caller.secret, asked, hashlib.sha256))


OnceDep = Annotated[Once, Depends(_once)]
