"""An hour of everything, at the pace of a busy team: does the server's memory stay flat?

    python tests/faults/soak.py [MINUTES]

Prints a line a minute, and in the end the median memory of each quarter. The first one is for
getting warm; the last one may not be above the second by more than 3 percent and 2 MB.
"""

import json
import logging
import random
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
import psutil

from support import upstream
from support.household import Household
from support.load import CLIENT_SECONDS, Load, noting_server
from support.mcp import serving
from support.processes import HEADERS, data_folder

MINUTES = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
WORKERS = 4
PAUSE_SECONDS = 0.03  # of a worker, between two requests
SAMPLE_SECONDS = 5.0
MAY_GROW, MAY_GROW_MB = 1.03, 2.0

READS = (
    "/api/v1/stats",
    "/api/v1/stats?group_by=month&tz=Asia/Kolkata",
    "/api/v1/logs?limit=100",
    "/api/v1/receipts?limit=50",
    "/conversations?limit=50",
    "/registry",
    "/registry.json",
    "/health",
    "/metrics",
    "/api/v1/mcp/tools",
    "/openapi.json",
    "/nowhere",
    "/api/v1/logs?limit=many",
)


# It has all there is, which is ever more.
EXPORT, EXPORTS = "/api/v1/logs/export", 0.001


class Soak:
    """What is asked, by how many, and how the server's memory went."""

    def __init__(self, household: Household) -> None:
        self.server = psutil.Process(household.server.process.pid)
        self.load: Load = household.load
        self.statuses: Counter[int] = Counter()
        self.samples: list[tuple[float, float]] = []
        self._stop = threading.Event()

    def run(self, seconds: float) -> None:
        threads = [threading.Thread(target=self._work, args=(each,)) for each in range(WORKERS)]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            self.samples.append((now, self.server.memory_info().rss / 1e6))
            if len(self.samples) % (60 / SAMPLE_SECONDS) == 1:
                self._tell(now)
            time.sleep(SAMPLE_SECONDS)
        self._stop.set()
        for thread in threads:
            thread.join()

    def _tell(self, now: float) -> None:
        told = f"{now / 60:5.0f} min  {self.samples[-1][1]:6.1f} MB  {self.server.num_fds()} files"
        sys.stdout.write(f"{told}  {sum(self.statuses.values())} requests\n")
        sys.stdout.flush()

    def _work(self, number: int) -> None:
        chance = random.Random(number)
        kinds, weights = list(self.load.kinds), list(self.load.kinds.values())
        with httpx.Client(timeout=CLIENT_SECONDS) as http:
            while not self._stop.wait(PAUSE_SECONDS):
                if chance.random() < 0.5:
                    (kind,) = chance.choices(kinds, weights)
                    write = self.load.new(kind, chance)
                    self.statuses[write.send(http, self.load.url)] += 1
                    self.load.writes.remove(write)
                else:
                    self._read(http, chance)

    def _read(self, http: httpx.Client, chance: random.Random) -> None:
        # Now and then somebody new, as caches of callers have to stay small.
        key = HEADERS["X-API-Key"] if chance.random() < 0.9 else f"key-{chance.getrandbits(64)}"
        path = chance.choice((*READS, f"/conversations/{chance.choice(self.load.conversations)}"))
        path = EXPORT if chance.random() < EXPORTS else path
        response = http.get(self.load.url + path, headers={"X-API-Key": key})
        self.statuses[response.status_code] += 1

    def quarters(self) -> list[float]:
        """The median memory of each quarter of the time, in MB."""
        length = len(self.samples) // 4
        parts = [self.samples[i * length : (i + 1) * length] for i in range(4)]
        return [median(memory for _, memory in part) for part in parts]


def main() -> int:
    logging.disable()  # of clients and of the MCP server, which are in this process
    with ExitStack() as stack:
        folder = stack.enter_context(data_folder())
        registry = stack.enter_context(upstream.serving())
        port = stack.enter_context(serving(noting_server([]).streamable_http_app()))
        household = Household(folder, f"http://127.0.0.1:{port}/mcp")
        stack.callback(household.close)
        household.start(
            LLMRING_METRICS="true",
            LLMRING_LOG_LEVEL="warning",
            LLMRING_REGISTRY_BASE_URL=registry.url,
        )
        soak = Soak(household)
        soak.run(MINUTES * 60)
    quarters = soak.quarters()
    statuses = json.dumps(dict(sorted(soak.statuses.items())))
    sys.stdout.write(
        f"statuses: {statuses}\nquarters, MB: {[round(each, 1) for each in quarters]}\n"
    )
    is_flat = quarters[3] <= quarters[1] * MAY_GROW + MAY_GROW_MB
    sys.stdout.write("memory is flat\n" if is_flat else "memory grows\n")
    return 0 if is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
