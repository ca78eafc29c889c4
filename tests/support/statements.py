"""Every SQL statement that the server has, by name."""

from llmring_core import clock
from llmring_core.partitions import USAGE_LOGS
from llmring_core.queries import load

FILES = {
    "llmring_server.admin": "keys.sql",
    "llmring_server.conversations": "queries.sql",
    "llmring_server.mcp": "queries.sql",
    "llmring_server.operating": "checks.sql",
    "llmring_server.operating.loading": "loading.sql",
    "llmring_server.receipts": "queries.sql",
    "llmring_server.templates": "queries.sql",
    "llmring_server.usage": "queries.sql",
    "llmring_server.usage.summing": "sums.sql",
    "key_ring": "key_ring.sql",
    "key_book": "key_book.sql",
    "idempotency": "idempotency.sql",
    "migrate": "migrate.sql",
    "registry_copies": "registry_copies.sql",
    "usage_log": "usage_log.sql",
    "partitions": "partitions.sql",
}
# Not single statements: they change the schema, with names put in by the code.
SCRIPTS = {"create_month", "drop_month", "create_schema", "create_ledger"}


def every_statement():
    for package, file in FILES.items():
        owner = (
            package.removesuffix(".summing").removesuffix(".loading")
            if "." in package
            else "llmring_core"
        )
        for name, statement in load(owner, file).items():
            if name in SCRIPTS:
                continue
            # Those of partitions are about a table that the code puts in.
            is_about_one = package == "partitions"
            filled = USAGE_LOGS.statement(name, start=clock.now()) if is_about_one else statement
            yield f"{package}.{name}", filled
