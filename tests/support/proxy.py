"""A TCP proxy that can cut connections in the middle of an answer, or carry nothing more."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

Cut = Callable[[bytes], bool]


class Proxy:
    """Carries bytes from whoever connects to a target, in threads of its own."""

    def __init__(self, target: tuple[str, int] | str) -> None:
        """`target` is a host and a port, or the path of a socket."""
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        self._cut: Cut | None = None
        self._flows = threading.Event()
        self._flows.set()
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.cuts = 0
        self._start(self._accept)

    def cut_answers(self, cut: Cut | None) -> None:
        """Ask `cut` about every piece of an answer: where it says so, half of it is the end."""
        self._cut = cut

    def pause(self) -> None:
        """Carry nothing, and say nothing, until `resume`."""
        self._flows.clear()

    def resume(self) -> None:
        """Carry on."""
        self._flows.set()

    def close(self) -> None:
        """End all connections and threads."""
        self._flows.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._end(*self._ends)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

    def _start(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            is_path = isinstance(self._target, str)
            server = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET)
            self._ends += [client, server]
            try:
                server.connect(self._target)
            except OSError:
                self._end(client)
                continue
            self._start(self._carry, client, server, False)
            self._start(self._carry, server, client, True)

    def _carry(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                if is_answer and self._is_to_cut(data):
                    sink.sendall(data[: len(data) // 2])
                    break
                sink.sendall(data)
        self._end(source, sink)

    def _is_to_cut(self, data: bytes) -> bool:
        with self._lock:
            is_cut = self._cut is not None and self._cut(data)
            self.cuts += is_cut
            return is_cut

    def _end(self, *ends: socket.socket) -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(target: tuple[str, int] | str) -> Iterator[Proxy]:
    """A proxy before a target, until the end of the block."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()


@contextmanager
def proxied_database(url: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before a PostgreSQL that listens at a socket in a folder, and the URL of it."""
    parts = urlsplit(url)
    where = parse_qs(parts.query)
    with proxied(f"{where['host'][0]}/.s.PGSQL.{where['port'][0]}") as proxy:
        user = parts.netloc.partition("@")[0]
        yield proxy, f"postgresql://{user}@127.0.0.1:{proxy.port}{parts.path}?sslmode=disable"
