"""Load: wrk, told by a small script in Lua what to send and how to report."""

import http.client
import json
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

KEY = "bench"
PATIENCE = 60
SCRIPT = """
wrk.method = "%(method)s"
wrk.headers["X-API-Key"] = "%(key)s"
wrk.headers["Content-Type"] = "application/json"
wrk.body = %(body)s
local paths, requests, last = {%(paths)s}, {}, 0
init = function()
  for number, path in ipairs(paths) do requests[number] = wrk.format(nil, path) end
end
request = function()
  last = last %% #requests + 1
  return requests[last]
end
done = function(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    '\\n{"requests": %%d, "seconds": %%f, "p50": %%f, "p99": %%f, "failed": %%d}\\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    failed.status + failed.connect + failed.read + failed.write + failed.timeout))
end
"""


@dataclass(frozen=True)
class Question:
    """What is asked, at one path or at several in turn."""

    paths: tuple
    body: str = ""
    key: str = KEY

    @property
    def method(self):
        return "POST" if self.body else "GET"

    def script(self):
        return SCRIPT % {
            "method": self.method,
            "key": self.key,
            "body": f"[==[{self.body}]==]" if self.body else "nil",
            "paths": ", ".join(f'"{path}"' for path in self.paths),
        }


def get(*paths, key=KEY):
    return Question(paths, key=key)


def post(body, *paths):
    return Question(paths, json.dumps(body))


def load(server, question, connections, seconds):
    """Requests per second, milliseconds (p50, p99), failures, and the share of a core wrk used."""
    script = Path(server.output).parent / "question.lua"
    script.write_text(question.script())
    before = _used()
    words = ["-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={PATIENCE}s"]
    done = subprocess.run(
        ["wrk", *words, "-s", str(script), f"http://127.0.0.1:{server.port}/"],
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout.strip().splitlines()[-1])
    share = (_used() - before) / said["seconds"]
    server.settle()
    return {
        "rate": said["requests"] / said["seconds"],
        "p50": said["p50"],
        "p99": said["p99"],
        "failed": said["failed"],
        "wrk": share,
    }


def _used():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def ask(server, question):
    """Ask once, and expect an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    return json.loads(_answer(connection, question))


def timed(server, question, seconds):
    """The median time of an answer in milliseconds, asked one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    end, took = time.perf_counter() + seconds, []
    while not took or time.perf_counter() < end:
        began = time.perf_counter()
        _answer(connection, question)
        took.append((time.perf_counter() - began) * 1000)
    return {"ms": median(took)}


def _answer(connection, question):
    headers = {"X-API-Key": question.key, "Content-Type": "application/json"}
    connection.request(question.method, question.paths[0], question.body or None, headers)
    response = connection.getresponse()
    answer = response.read()
    assert response.status == 200, (response.status, answer[:500])
    return answer
