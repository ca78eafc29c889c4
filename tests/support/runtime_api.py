"""A Lambda Runtime API of our own, and functions of the built artefact that run against it.

The functions run under AWS's own runtime client (awslambdaric), in processes of their own, with
the paths and the environment that Lambda gives them. See "Using the Lambda runtime API" in the AWS
Lambda Developer Guide.
"""

import json
import os
import queue
import signal
import subprocess
import threading
import time
import uuid
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BUILT = ROOT / ".aws-sam" / "local"
PYTHON = ROOT / ".venv-lambda" / "bin" / "python"
VERSION = "/2018-06-01/runtime"
INIT_SECONDS = 60.0


class FunctionError(Exception):
    """The function did not answer the event, but failed: what API Gateway makes a 502 of."""


class _Endpoint(BaseHTTPRequestHandler):
    """What the runtime client of one function asks."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for a delayed acknowledgement
    function: "Function"

    def do_GET(self) -> None:
        self.function.is_ready.set()
        event = self.function.events.get()
        if event is None:
            self.close_connection = True
            return
        invocation, body, seconds = event
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", invocation)
        deadline = round((time.time() + seconds) * 1000)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(deadline))
        arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{self.function.name}"
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", arn)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        *_, invocation, what = self.path.split("/")
        if what == "response":
            self.function.answers.pop(invocation).set_result(json.loads(body))
        elif invocation in self.function.answers:
            self.function.answers.pop(invocation).set_exception(FunctionError(body.decode()))
        else:  # /runtime/init/error
            self.function.failed_to_start(body.decode())
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Function:
    """One container of a function: its process, from its start until it is closed."""

    def __init__(
        self,
        name: str,
        handler: str,
        task: Path,
        layers: list[Path],
        environment: dict[str, str],
    ) -> None:
        """`task` is the built function, `layers` the built layers, the last one on top."""
        self.name = name
        self.events: queue.Queue[tuple[str, bytes, float] | None] = queue.Queue()
        self.answers: dict[str, Future[Any]] = {}
        self.is_ready = threading.Event()
        self._failure: str | None = None
        endpoint = type("Endpoint", (_Endpoint,), {"function": self})
        self._api = ThreadingHTTPServer(("127.0.0.1", 0), endpoint)
        self._api.daemon_threads = True
        threading.Thread(target=self._api.serve_forever, daemon=True).start()
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [PYTHON, "-m", "awslambdaric", handler],
            cwd=task,
            env={
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}",
                "AWS_LAMBDA_FUNCTION_NAME": name,
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
                "AWS_REGION": "eu-west-1",
                "AWS_DEFAULT_REGION": "eu-west-1",
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "LAMBDA_TASK_ROOT": str(task),
                "PATH": os.environ["PATH"],
                # As on Lambda, where /opt holds the layers; bytecode cannot be written there.
                "PYTHONPATH": os.pathsep.join(
                    [str(task), *(str(layer / "python") for layer in reversed(layers))]
                ),
                "PYTHONDONTWRITEBYTECODE": "1",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.output: list[str] = []
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    def started(self) -> float:
        """Wait until it is initialised; the seconds that took."""
        if not self.is_ready.wait(INIT_SECONDS) or self._failure is not None:
            raise FunctionError(self._failure or "".join(self.output) or "it does not start")
        return time.perf_counter() - self.began

    def invoke(self, event: Any, *, seconds: float = 29.0) -> Any:
        """Hand it an event and wait for its answer.

        Raises:
            FunctionError: the function failed.
            TimeoutError: it did not answer in its time.
        """
        self.started()
        invocation = str(uuid.uuid4())
        answer: Future[Any] = Future()
        self.answers[invocation] = answer
        self.events.put((invocation, json.dumps(event).encode(), seconds))
        return answer.result(seconds)

    def freeze(self) -> None:
        """Stop it as Lambda does between invocations."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def failed_to_start(self, reason: str) -> None:
        """Note why it does not start."""
        self._failure = reason
        self.is_ready.set()

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.events.put(None)
        self._api.shutdown()
        self._api.server_close()

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.output += (line.decode(errors="replace") for line in lines)
