"""AWS of our own, at a port: moto's server, and the queues of a test on it."""

import uuid
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer


@contextmanager
def serving_aws():
    """A server that speaks what AWS speaks; its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Queues:
    """A queue, and the one where what fails too often is buried."""

    def __init__(self, address: str) -> None:
        self.sqs = boto3.client("sqs", endpoint_url=address, region_name="us-east-1")
        name = uuid.uuid4().hex
        self.buried = self._made(f"{name}-buried")
        self.url = self._made(name)

    def _made(self, name: str) -> str:
        return str(self.sqs.create_queue(QueueName=name)["QueueUrl"])

    def messages(self, url: str = "") -> list[dict[str, Any]]:
        """Take messages off a queue, as many as there are."""
        taken: list[dict[str, Any]] = []
        while some := self.sqs.receive_message(
            QueueUrl=url or self.url, MaxNumberOfMessages=10
        ).get("Messages"):
            taken += some
        return taken

    def event(self) -> dict[str, Any]:
        """The event that Lambda makes of the messages on the queue."""
        return sqs_event([each["Body"] for each in self.messages()])


def sqs_event(bodies: list[str]) -> dict[str, Any]:
    """An event of SQS, as `sam local generate-event sqs receive-message` writes it."""
    return {
        "Records": [
            {
                "messageId": f"message-{index}",
                "receiptHandle": "handle",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1523232000000",
                    "SenderId": "123456789012",
                    "ApproximateFirstReceiveTimestamp": "1523232000001",
                },
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:usage",
                "awsRegion": "us-east-1",
            }
            for index, body in enumerate(bodies)
        ]
    }
