"""What a database holds, beside what clients were told that it holds."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from support.load import Write

# Every row of a load: its table, what tells it from the others there, and its id.
ROWS = """
select 'usage_logs' as place, case origin when 'load' then id_at_origin else origin end as mark,
    log_id::text as id from llmring.usage_logs
union all select 'conversations', coalesce(title, metadata ->> 'origin', origin),
    conversation_id::text from llmring.conversations
union all select 'messages', content #>> '{}', message_id::text from llmring.messages
union all select 'receipts', coalesce(alias, convert_from(canonical, 'UTF8')::jsonb
    ->> 'description'), receipt_id from llmring.receipts
union all select 'tool_executions', input ->> 'mark', execution_id::text
    from llmring_mcp.tool_executions
"""

# What must never be found, each with the rows that are wrong.
HALF_WRITTEN = {
    "a conversation does not count its messages": """
        select conversation_id, message_count, last_position, written.*
        from llmring.conversations as conversation
        left join lateral (
            select count(*) as messages, coalesce(max(position), 0) as last,
                coalesce(sum(input_tokens), 0) as input, coalesce(sum(output_tokens), 0) as output
            from llmring.messages as message
            where message.conversation_id = conversation.conversation_id
        ) as written on true
        where message_count <> messages or last_position <> last or last <> messages
            or input_tokens <> input or output_tokens <> output
    """,
    "a conversation does not add up the calls that name it": """
        select conversation_id, total_cost, called.cost from llmring.conversations
        join (
            select conversation_id, sum(cost) as cost from llmring.usage_logs group by 1
        ) as called using (conversation_id)
        where total_cost is distinct from called.cost
    """,
    "a receipt does not have its logs": """
        select receipt_id, certified_rows, linked.* from llmring.receipts
        full join (
            select receipt_id, count(*) as links, max(leaf_index) + 1 as leaves,
                count(log.log_id) as logs
            from llmring.certified_logs as link
            left join llmring.usage_logs as log using (api_key_id, logged_at, log_id)
            group by 1
        ) as linked using (receipt_id)
        where certified_rows is distinct from links or links <> leaves or links <> logs
    """,
    "a log is in two receipts": """
        select log_id from llmring.certified_logs group by log_id having count(*) > 1
    """,
    "an execution has no end": """
        select execution_id, status from llmring_mcp.tool_executions
        where (status = 'succeeded') <> (output is not null)
            or (status = 'running') <> (duration_ms is null)
    """,
}


@dataclass
class Findings:
    """How writes and rows differ; `wrong` says it in sentences."""

    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.duplicated or self.wrong)

    def counts(self) -> dict[str, int]:
        """For the table of figures."""
        lost, duplicated = len(self.lost), len(self.duplicated)
        return {"acknowledged": self.acknowledged, "lost": lost, "duplicated": duplicated}


def url_of(data_dir: Path) -> str:
    """The embedded database of a folder, for whoever may enter it."""
    return f"postgresql://llmring@/llmring?host={data_dir / 'run'}&port=5432"


def compare(data_dir: Path, writes: Sequence[Write]) -> Findings:
    """Compare what was told with what is there, in the embedded database of a folder."""
    return asyncio.run(_compare(data_dir, writes))


async def _compare(data_dir: Path, writes: Sequence[Write]) -> Findings:
    connection = await asyncpg.connect(url_of(data_dir))
    try:
        there = defaultdict(list)
        for row in await connection.fetch(ROWS):
            there[row["place"], row["mark"]].append(row["id"])
        offences = {each: await connection.fetch(sql) for each, sql in HALF_WRITTEN.items()}
    finally:
        await connection.close()
    findings = Findings(acknowledged=sum(write.is_acknowledged for write in writes))
    for write in writes:
        _look_for(write, [there[place] for place in write.places], findings)
    findings.wrong += _sentences(offences, writes)
    return findings


def _look_for(write: Write, found: Sequence[Sequence[str]], findings: Findings) -> None:
    counts = {len(ids) for ids in found}
    answers = dict(Counter(write.statuses))
    told = f"{write.mark} (key {write.key}, answered {answers}): {sorted(counts)} rows"
    if write.is_acknowledged and 0 in counts:
        findings.lost.append(told)
    if counts - {0, 1}:
        findings.duplicated.append(told)
    if counts == {0, 1}:
        findings.wrong.append(f"half-written: {told}")
    if write.is_acknowledged and counts == {1} and not write.ids() <= {ids[0] for ids in found}:
        findings.wrong.append(f"{told}, but others than {write.ids()}")


def _sentences(offences: dict[str, Sequence[asyncpg.Record]], writes: Iterable[Write]) -> list[str]:
    """What is wrong in itself. An execution whose end was not acknowledged may well have none."""
    ended = {write.answer["id"] for write in writes if write.kind == "tool" and write.answer}
    return [
        f"{sentence}: {dict(row)}"
        for sentence, rows in offences.items()
        for row in rows
        if row.get("status") != "running" or str(row["execution_id"]) in ended
    ]
