"""All that a run needs, started when a workload first asks for it: PostgreSQL, servers, rounds."""

import copy
import sys
import time
from contextlib import ExitStack
from functools import cached_property
from statistics import median

from bench import databases
from bench.peer import peer
from bench.served import ours
from llmring_core.local_postgres import LocalPostgres
from support import upstream
from support.processes import data_folder

REST_SECONDS = 1.0
MODELS_PER_PROVIDER = 20


class Stage:
    """One PostgreSQL with a database for each server, and a registry for both."""

    def __init__(self, rounds, seconds):
        self.rounds, self.seconds = rounds, seconds
        self.idle = {}
        self._exits = ExitStack()
        self.folder = self._exits.enter_context(data_folder())
        options = {"synchronous_commit": "on"}
        self.postgres = self._exits.enter_context(
            LocalPostgres.open(self.folder, options=options),
        )
        self.registry = self._exits.enter_context(upstream.serving())
        self.registry.serve(a_registry())

    def close(self):
        self._exits.close()

    def start(self, make, *arguments):
        """Start a server until the end of the run."""
        server = make(self.folder, *arguments)
        self._exits.callback(server.close)
        server.ready()
        return server

    @cached_property
    def url(self):
        """Our database, which is there before any server of ours."""
        url = databases.create(self.postgres, "ours")
        databases.months_of_the_past(url)
        return url

    @cached_property
    def peer_url(self):
        return databases.create(self.postgres, "peer")

    @cached_property
    def ours(self):
        return self._idle("ours", self.start(ours, self.url, self.registry.url))

    @cached_property
    def peer(self):
        return self._idle("peer", self.start(peer, self.peer_url, self.registry.url))

    def _idle(self, name, server):
        time.sleep(REST_SECONDS)
        self.idle[name] = server.memory()
        return server

    @cached_property
    def million(self):
        """A project with a million rows, known by its key."""
        return self._history("million", 1_000_000)

    @cached_property
    def ten_million(self):
        return self._history("ten-million", 10_000_000)

    def _history(self, key, rows):
        assert self.peer  # which makes its table
        sys.stderr.write(f"writing {rows} rows for each server\n")
        databases.fill(self.url, self.peer_url, rows, key)
        databases.fold(self.folder, self.url)
        return key

    def interleaved(self, *, warm=1, **ways):
        """The median figures of ways to do something, in rounds that take turns.

        A way takes seconds and returns figures; `failed` is summed, not averaged.
        """
        for way in ways.values() if warm else ():
            way(warm)
        rounds = {name: [] for name in ways}
        for _ in range(self.rounds):
            for name, way in ways.items():
                rounds[name].append(way(self.seconds))
                sys.stderr.write(f"  {name}: {rounds[name][-1]}\n")
        return {name: medians(each) for name, each in rounds.items()}


def medians(rounds):
    figures = {name: median(each[name] for each in rounds) for name in rounds[0]}
    return figures | (
        {"failed": sum(each["failed"] for each in rounds)} if "failed" in figures else {}
    )


def a_registry():
    """The registry of the tests, as large as the public one."""
    model = upstream.REGISTRY["openai"]["models"]["openai:gpt-4.1"]

    def models(provider):
        others = {}
        for number in range(MODELS_PER_PROVIDER):
            name = f"model-{number}"
            others[f"{provider}:{name}"] = model | {"model_name": name, "model_aliases": None}
        return others

    registry = copy.deepcopy(upstream.REGISTRY)
    registry["google"] = {"version": 1, "models": {}}
    for provider, file in registry.items():
        file["models"].update(models(provider))
    return registry
