"""A small public registry on loopback, whose faults the tests command."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REGISTRY: dict[str, Any] = {
    "openai": {
        "version": 7,
        "models": {
            "openai:gpt-4.1": {
                "model_name": "gpt-4.1",
                "model_aliases": ["gpt-4.1-latest"],
                "max_input_tokens": 256000,
                "max_output_tokens": 32000,
                "dollars_per_million_tokens_input": 2.0,
                "dollars_per_million_tokens_output": 8.0,
                "dollars_per_million_tokens_cached_input": 0.5,
                "supports_vision": True,
                "speed_tier": "fast",
            },
            "openai:gpt-4o-mini": {
                "model_name": "gpt-4o-mini",
                "model_aliases": None,
                "max_input_tokens": 128000,
                "max_output_tokens": 16384,
                "dollars_per_million_tokens_input": 0.15,
                "dollars_per_million_tokens_output": 0.6,
                "supports_vision": False,
                "speed_tier": None,
            },
            "openai:no-price": {
                "model_name": "no-price",
                "dollars_per_million_tokens_input": None,
                "dollars_per_million_tokens_output": 1.0,
            },
        },
    },
    "anthropic": {
        "version": 9,
        "models": {
            "anthropic:claude-sonnet-4-5-20250929": {
                "model_name": "claude-sonnet-4-5-20250929",
                "model_aliases": ["claude-sonnet-4-5"],
                "max_input_tokens": 200000,
                "max_output_tokens": 64000,
                "dollars_per_million_tokens_input": 3.0,
                "dollars_per_million_tokens_output": 15.0,
                "dollars_per_million_tokens_cache_read": 0.3,
                "dollars_per_million_tokens_cached_input": 0.9,
                "dollars_per_million_tokens_input_long_context": 6.0,
                "dollars_per_million_tokens_output_long_context": 22.5,
                "long_context_threshold_tokens": 200000,
                "supports_vision": True,
                "supports_function_calling": True,
            }
        },
    },
}


class Upstream:
    """What the registry answers, and what it was asked."""

    def __init__(self, address: str) -> None:
        self.url = f"{address}/registry/"
        self.files: dict[str, bytes] = {}
        self.broken: dict[str, int] = {}
        self.asked: list[tuple[str, int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.serve(REGISTRY)

    def serve(self, registry: dict[str, Any]) -> None:
        """Publish a registry: a provider with its file each."""
        manifest = {"version": "2026-08-20", "providers": {name: {} for name in registry}}
        self.files = {"manifest.json": json.dumps(manifest).encode()}
        for name, file in registry.items():
            self.files[f"{name}/models.json"] = json.dumps(file).encode()

    def break_down(self, *paths: str, status: int = 500) -> None:
        """Answer some paths, or all, with an error."""
        self.broken = dict.fromkeys(paths or self.files, status)

    def recover(self) -> None:
        self.broken = {}

    def count(self, path: str = "manifest.json", status: int | None = None) -> int:
        """How often a path was asked for (and answered with a status)."""
        return sum(1 for each, code in self.asked if each == path and status in (None, code))

    def answer(self, path: str, condition: str | None) -> tuple[int, bytes, str]:
        """The status, body and ETag for a path."""
        self.gate.wait(30)
        body = self.files.get(path)
        status = self.broken.get(path, 200 if body is not None else 404)
        etag = f'"{hashlib.sha256(body or b"").hexdigest()[:16]}"'
        if status == 200 and condition == etag:
            status = 304
        self.asked.append((path, status))
        return status, body or b"", etag


@contextmanager
def serving() -> Iterator[Upstream]:
    """Serve a registry until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.removeprefix("/registry/")
            status, body, etag = upstream.answer(path, self.headers.get("If-None-Match"))
            body = body if status == 200 else b""
            self.send_response(status)
            self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    upstream = Upstream(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield upstream
    finally:
        upstream.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
