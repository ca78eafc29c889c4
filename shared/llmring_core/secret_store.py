"""Secrets that are kept in AWS Secrets Manager rather than in the environment."""

import base64
import json
import logging

from llmring_core.errors import StartRefused, Unavailable

log = logging.getLogger("llmring.secrets")


def read_secret(name: str, *, member: str) -> str:
    """Read a secret by its ARN or name; blocks while AWS answers.

    The secret is the value itself, as text or as bytes, or a JSON object that has it under
    `member`, as the AWS console writes it. Bytes come back in base64.

    Raises:
        StartRefused: boto3 is not installed, or the secret is not of that form.
        Unavailable: AWS does not hand it out; the log has its error code.
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise StartRefused(
            "Reading a secret from AWS needs boto3: pip install 'llmring-server[aws]'."
        ) from error
    try:
        answer = boto3.client("secretsmanager").get_secret_value(SecretId=name)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        log.error("AWS Secrets Manager does not hand out %s: %s", name, code)  # noqa: TRY400
        raise Unavailable(f"AWS Secrets Manager does not hand out a secret: {code}.") from None
    except BotoCoreError as error:
        log.error("AWS Secrets Manager cannot be asked for %s: %s", name, error)  # noqa: TRY400
        raise Unavailable("AWS Secrets Manager cannot be reached.") from None
    if "SecretBinary" in answer:
        return base64.b64encode(answer["SecretBinary"]).decode()
    return _value(answer["SecretString"], member)


def _value(text: str, member: str) -> str:
    if not text.lstrip().startswith("{"):
        return text
    try:
        return str(json.loads(text)[member])
    except (ValueError, KeyError):
        raise StartRefused(f"The secret is a JSON object without a member {member}.") from None
