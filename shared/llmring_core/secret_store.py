"""Secrets that AWS keeps for us: in Secrets Manager, or as parameters of Systems Manager."""

import base64
import json
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from llmring_core.errors import StartRefused, Unavailable

log = logging.getLogger("llmring.secrets")

# A secret is read once per process in so many seconds; a rotated one is noticed then.
KEPT_SECONDS = 300.0
MAX_KEPT = 16

_kept: dict[str, tuple[float, str]] = {}


def read_secret(name: str, *, member: str) -> str:
    """Read a secret by its ARN or name; blocks while AWS answers.

    A name that begins with `ssm:`, or the ARN of a parameter, is read from Systems Manager. The
    secret is the value itself, as text or as bytes, or a JSON object that has it under `member`, as
    the AWS console writes it. Bytes come back in base64.

    Raises:
        StartRefused: boto3 is not installed, or the secret is not of that form.
        Unavailable: AWS does not hand it out; the log has its error code.
    """
    text = read_text(name)
    if not text.lstrip().startswith("{"):
        return text
    try:
        value = json.loads(text)[member]
    except (ValueError, KeyError):
        raise StartRefused(f"The secret is a JSON object without a member {member}.") from None
    if not isinstance(value, str):
        raise StartRefused(f"The member {member} of the secret is no text.")
    return value


def read_text(name: str) -> str:
    """Read all of a secret; raises as `read_secret`."""
    now = time.monotonic()
    kept = _kept.get(name)
    if kept is not None and now - kept[0] < KEPT_SECONDS:
        return kept[1]
    try:
        text = _asked(name)
    except Unavailable:
        if kept is None:
            raise
        text = kept[1]  # AWS is away: what it said last is the best there is
    if len(_kept) >= MAX_KEPT:
        _kept.clear()
    _kept[name] = (now, text)
    return text


def forget(name: str) -> None:
    """Read a secret anew next time: what it opened does not open any more."""
    _kept.pop(name, None)


def _asked(name: str) -> str:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise StartRefused(
            "Reading a secret from AWS needs boto3: pip install 'llmring-server[aws]'."
        ) from error
    try:
        seconds = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2})
        return _from_aws(partial(boto3.client, config=seconds), name)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        log.error("AWS does not hand out %s: %s", name, code)  # noqa: TRY400
        raise Unavailable(f"AWS does not hand out a secret: {code}.") from None
    except BotoCoreError as error:
        log.error("AWS cannot be asked for %s: %s", name, error)  # noqa: TRY400
        raise Unavailable("AWS cannot be asked for a secret.") from None


def _from_aws(client: Callable[[str], Any], name: str) -> str:
    if name.startswith(("ssm:", "arn:aws:ssm:")):
        parameter = name.removeprefix("ssm:")
        answer = client("ssm").get_parameter(Name=parameter, WithDecryption=True)
        return str(answer["Parameter"]["Value"])
    answer = client("secretsmanager").get_secret_value(SecretId=name)
    if "SecretBinary" in answer:
        return base64.b64encode(answer["SecretBinary"]).decode()
    return str(answer["SecretString"])
