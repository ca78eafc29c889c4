"""A registered key goes on with whatever an open key left, and with nothing else."""

import asyncpg
import pytest
from pydantic import SecretStr

from llmring_core.callers import project_id
from llmring_core.errors import Unprocessable
from llmring_server.admin import managing
from llmring_server.admin.models import NewKey

PEPPER = bytes(32)
# One row in one table, as if nothing else had ever been kept; $1 is the project.
ROWS = {
    "sum": "llmring.usage_sums values ($1, 'day', now(), 'all', '', 1, 0, 0, 0, 0, 0)",
    "change": "llmring.usage_changes values ($1, now(), 'm', null, null, 1, 0, 0, 0, 0, 0)",
    "call": "llmring.usage_logs values ($1, now(), gen_random_uuid(), 'p', 'm', 0, 0, 0, 0,"
    " 'given')",
    "receipt": "llmring.receipts (api_key_id, receipt_id, row_id, timestamp, key_id, canonical)"
    " select $1, 'r', gen_random_uuid(), now(), key_id, '' from llmring.signing_keys",
    "conversation": "llmring.conversations (api_key_id, conversation_id, created_at, updated_at,"
    " search) values ($1, gen_random_uuid(), now(), now(), '')",
    "template": "llmring.templates (api_key_id, template_id, name, created_at, updated_at)"
    " values ($1, gen_random_uuid(), 'n', now(), now())",
    "MCP server": "llmring_mcp.servers (api_key_id, server_id, created_at, updated_at, name, url,"
    " transport_type, policy) values ($1, gen_random_uuid(), now(), now(), 'n', 'u', 'http',"
    " 'warn')",
}


A_SIGNING_KEY = (
    "insert into llmring.signing_keys values ('k', decode(repeat('00', 32), 'hex'), now())"
)


def adopting(key):
    return NewKey(project="billing", open_key=SecretStr(key))


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_a_key_with_any_row_can_be_adopted_and_no_other(database, database_url, row):
    connection = await asyncpg.connect(database_url)
    await connection.execute(A_SIGNING_KEY)
    await connection.execute(f"insert into {row}", project_id("alice"))
    if "usage_logs" in row:
        await connection.execute("delete from llmring.usage_changes")  # which a trigger adds
    await connection.close()
    with pytest.raises(Unprocessable, match="Nothing is kept under that key"):
        await managing.create(database, PEPPER, adopting("bob"))
    assert (await managing.create(database, PEPPER, adopting("alice"))).project == "billing"
