"""AWS Lambda entry point of the ingestion: what SQS delivers is stored, what fails told apart."""

import asyncio
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from llmring_core.database import Database
from llmring_core.lambda_adapter import log_as_the_runtime_does
from llmring_core.settings import Settings
from llmring_core.usage_queue import QueuedCall
from llmring_server.ingest.storing import store

_settings = Settings.from_env()
_database = Database(_settings)
_loop = asyncio.new_event_loop()
_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
log_as_the_runtime_does(_settings)


def _read(record: SQSRecord) -> QueuedCall:
    return QueuedCall.model_validate_json(record.body)


def ingest(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    """Store a batch of messages; those that cannot be are reported, and come again or are buried.

    Raises:
        Unavailable: the database does not answer; SQS delivers the whole batch again.
    """
    records = event["Records"]
    with _processor(records, _read):
        read = _processor.process()
    good = [
        (record["messageId"], outcome[1])
        for record, outcome in zip(records, read, strict=True)
        if outcome[0] == "success"
    ]
    bad = _loop.run_until_complete(store(_database, [call for _, call in good]))
    failed = [*_processor.response()["batchItemFailures"]]
    failed += [{"itemIdentifier": good[index][0]} for index in sorted(bad)]
    return {"batchItemFailures": failed}
