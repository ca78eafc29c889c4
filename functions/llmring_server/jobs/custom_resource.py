"""A job as a custom resource of CloudFormation: it runs in a deployment, which waits for it.

See "Custom resource request and response objects" in the AWS CloudFormation User Guide.
"""

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

from llmring_core.errors import DatabaseIsNewer, LLMRingError

log = logging.getLogger("llmring.jobs")

ANSWER_SECONDS = 10


def is_request(event: Any) -> bool:
    """Whether CloudFormation asks, and not somebody who invokes the function."""
    return isinstance(event, dict) and "RequestType" in event and "ResponseURL" in event


def answer(event: dict[str, Any], job: Callable[[], object]) -> dict[str, Any]:
    """Run a job, unless the resource is being deleted, and tell CloudFormation how it went."""
    told: dict[str, Any] = {"Status": "SUCCESS"}
    if event["RequestType"] != "Delete":
        try:
            job()
        except DatabaseIsNewer as error:
            # A deployment that is taken back: the older code lives with the newer schema, as its
            # migrations only ever expand it.
            log.warning("nothing to migrate: %s", error)
        except Exception as error:
            # Whatever it is: CloudFormation would wait for an answer that never comes.
            log.exception("the job of a deployment failed")
            reason = error.message if isinstance(error, LLMRingError) else type(error).__name__
            told = {"Status": "FAILED", "Reason": reason}
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        told[name] = event[name]
    told["PhysicalResourceId"] = event.get("PhysicalResourceId", event["LogicalResourceId"])
    _send(event["ResponseURL"], told)
    return told


def _send(url: str, told: dict[str, Any]) -> None:
    """Put an answer where CloudFormation waits for it: a presigned URL of S3."""
    body = json.dumps(told).encode()
    # Without a Content-Type, which is part of what was signed.
    request = Request(url, data=body, method="PUT", headers={"Content-Type": ""})  # noqa: S310
    with urlopen(request, timeout=ANSWER_SECONDS):  # noqa: S310 - CloudFormation's own
        log.info("told CloudFormation: %s", told["Status"])
