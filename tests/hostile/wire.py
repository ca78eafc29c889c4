"""HTTP/1.1 over a plain socket, which tidies nothing: what is sent is what arrives."""

import json
import socket
import time
from dataclasses import dataclass, field

SECONDS = 5.0
_ANSWER_HAS_NO_BODY = (204, 304)


@dataclass
class Request:
    """A request as bytes; `Content-Length` is added unless the headers have one."""

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes | None = None

    def raw(self):
        headers = [*self.headers]
        names = {name.lower() for name, _ in headers}
        if b"host" not in names:
            headers.insert(0, (b"Host", b"127.0.0.1"))
        if self.body is not None and b"content-length" not in names:
            headers.append((b"Content-Length", b"%d" % len(self.body)))
        lines = [self.method.encode() + b" " + self.target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in headers]
        return b"\r\n".join(lines) + b"\r\n\r\n" + (self.body or b"")


class Headers(dict):
    """Headers by their names, however these are written."""

    def __getitem__(self, name):
        return super().__getitem__(name.lower())


@dataclass
class Answer:
    """What came back; status 0 is a connection that was closed without an answer."""

    status_code: int
    headers: Headers
    content: bytes
    seconds: float

    @property
    def text(self):
        return self.content.decode("latin-1")

    def json(self):
        return json.loads(self.content)


class Wire:
    """A connection to a server, made anew whenever that closes it."""

    def __init__(self, port):
        self._port = port
        self._socket = None
        self._left = b""

    def send(self, request):
        """Send a request; a server that refuses it early need not take all of it."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), 4 * SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._left = b""
        self._sent = time.perf_counter()
        try:
            self._socket.sendall(request.raw())
        except (BrokenPipeError, ConnectionResetError):
            return

    def receive(self, request):
        """Read the answer to what was sent."""
        try:
            status, headers = self._head()
            content = b"" if _has_no_body(request, status) else self._body(headers)
        except (ConnectionError, EOFError):
            self.close()
            return Answer(0, Headers(), b"", self._passed())
        if headers.get("connection") == "close":
            self.close()
        return Answer(status, headers, content, self._passed())

    def ask(self, request):
        self.send(request)
        return self.receive(request)

    def close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _passed(self):
        return time.perf_counter() - self._sent

    def _head(self):
        first, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = Headers((name.lower(), rest.strip()) for name, _, rest in pairs)
        return int(first.split(" ")[1]), headers

    def _body(self, headers):
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") != "chunked":
            raise EOFError  # closed to say that it ends here
        parts = []
        while size := int(self._until(b"\r\n"), 16):
            parts.append(self._exactly(size))
            self._exactly(2)
        self._exactly(2)
        return b"".join(parts)

    def _until(self, mark):
        while mark not in self._left:
            self._more()
        found, _, self._left = self._left.partition(mark)
        return found

    def _exactly(self, size):
        while len(self._left) < size:
            self._more()
        found, self._left = self._left[:size], self._left[size:]
        return found

    def _more(self):
        data = self._socket.recv(1 << 20)
        if not data:
            raise EOFError
        self._left += data


def _has_no_body(request, status):
    return status in _ANSWER_HAS_NO_BODY or request.method == "HEAD"
