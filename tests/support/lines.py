"""A TCP line to PostgreSQL that can break in the ways that lines break."""

import asyncio
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit


class Line:
    """A TCP line to PostgreSQL that can break in the ways that lines break."""

    def __init__(self, database_url):
        self._target = urlsplit(database_url)
        self._ends = []
        self._dead = set()
        self._takes_calls = self._answers_calls = True

    @asynccontextmanager
    async def laid(self):
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        user, name = self._target.netloc.partition("@")[0], self._target.path
        self.url = f"postgresql://{user}@127.0.0.1:{port}{name}?sslmode=disable"
        yield self
        server.close()
        self.close()

    def close(self):
        """End every connection properly."""
        for writer in self._ends:
            writer.close()

    def reset(self):
        """End every connection the rude way."""
        for writer in self._ends:
            writer.transport.abort()

    def swallow(self):
        """Carry nothing more on any connection, and say nothing."""
        self._dead.update(self._ends)

    def hang(self):
        """The same, and for new connections too: who calls is heard by nobody."""
        self.swallow()
        self._answers_calls = False

    def refuse(self):
        """End new connections at once; those that there are go on."""
        self._takes_calls = False

    def mend(self):
        """Carry new connections again."""
        self._takes_calls = self._answers_calls = True

    async def _connect(self, reader, writer):
        if not self._takes_calls:
            writer.close()
            return
        where = parse_qs(self._target.query)
        socket = f"{where['host'][0]}/.s.PGSQL.{where['port'][0]}"
        from_server, to_server = await asyncio.open_unix_connection(socket)
        self._ends += [writer, to_server]
        if not self._answers_calls:
            self._dead |= {writer, to_server}
        await asyncio.gather(self._carry(reader, to_server), self._carry(from_server, writer))

    async def _carry(self, reader, writer):
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if writer not in self._dead:
                    writer.write(data)
        writer.close()
