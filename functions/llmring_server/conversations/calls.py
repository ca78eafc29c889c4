"""A call is logged with all that was said: a conversation, its messages, and one usage row."""

from llmring_core import clock, usage_log
from llmring_core.callers import Caller
from llmring_core.connection import Runner
from llmring_core.costs import cost_of
from llmring_core.prices import PriceList
from llmring_core.settings import Settings
from llmring_server.conversations import adding, store
from llmring_server.conversations.logged_calls import CallLog, LoggedCall
from llmring_server.conversations.models import ConversationChanges


async def log_call(
    tx: Runner, caller: Caller, call: CallLog, prices: PriceList | None, settings: Settings
) -> LoggedCall:
    """Store a call: its conversation, its messages as far as the level allows, its usage.

    Has to run in a transaction. The usage row awaits the `POST /log` that the published client
    sends for the same call; where none comes, it is the row of the call all the same.
    """
    now = clock.now()
    begun = await store.add(tx, caller, _conversation(call), now)
    stored = await adding.add_all(
        tx, caller, begun.id, call.all_messages(), call.logging_level, settings
    )
    entry = call.usage_entry(begun.id, now)
    cost = cost_of(entry, prices, knows_tokens=call.knows_tokens)
    logged = await usage_log.add_awaiting_log(
        tx, caller, entry, cost, knows_tokens=call.knows_tokens
    )
    return LoggedCall(
        conversation_id=begun.id,
        message_id=stored.message_ids[-1] if stored.message_ids else None,
        log_id=logged.log_id,
    )


def _conversation(call: CallLog) -> ConversationChanges:
    """What the conversation says of itself. It has no title: that would outlive its messages."""
    metadata = call.metadata
    kept = {"provider": metadata.provider, "model": call.model, "profile": metadata.profile}
    return ConversationChanges(
        model_alias=metadata.alias or call.model,
        origin=metadata.origin,
        metadata={name: value for name, value in kept.items() if value is not None},
    )
