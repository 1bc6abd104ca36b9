"""Load generators: clients that cost less than the servers they ask.

`Generator.ask` sends prepared requests over raw sockets from a process of its own, so that it shares neither the
interpreter's lock nor the time of anything else; `wrk` is for requests that are all the same and have small answers.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat, takewhile
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

CONNECTIONS = 32
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back, and how fast. `latencies` in seconds, sorted."""

    seconds: float
    statuses: Counter[int]
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: int) -> float:
        """The latency that so many percent do not exceed, in milliseconds."""
        return 1000 * self.latencies[min(len(self.latencies) - 1, len(self.latencies) * percent // 100)]


class Count(NamedTuple):
    """How many answers came, and how many a second."""

    answers: int
    rate: float


class Generator:
    """A process that asks."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Generator]:
        """One, as long as the block lasts."""
        spawn = multiprocessing.get_context("spawn")
        pipe, its = spawn.Pipe()
        process = spawn.Process(target=_work, args=(its,), daemon=True)
        process.start()
        try:
            yield cls(pipe)
        finally:
            process.terminate()
            process.join()

    def ask(self, port: int, requests: list[bytes], seconds: float) -> Answers:
        """Sends each request once while there is time; every connection goes on as soon as it has an answer."""
        return self._do(port, requests, seconds, CONNECTIONS)

    def repeat(self, port: int, request: bytes, seconds: float, *, connections: int = CONNECTIONS) -> Answers:
        """Sends one request again and again."""
        return self._do(port, request, seconds, connections)

    def _do(self, *task: Any) -> Answers:
        self._pipe.send(task)
        result = self._pipe.recv()
        if isinstance(result, Exception):
            raise result
        assert isinstance(result, Answers)
        return result


def count(load: Generator, port: int, request: bytes, seconds: float) -> Count:
    """Answers to one request that is sent again and again, by `wrk` where it is here.

    Raises `RuntimeError` where not all are good.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        answers = load.repeat(port, request, seconds)
        expect(answers.statuses, 200)
        return Count(len(answers.latencies), answers.rate)
    first, *fields = request.decode().strip().split("\r\n")
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"]
    for field in fields:
        command += ["-H", field]
    command.append(f"http://127.0.0.1:{port}{first.split()[1]}")
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+) requests in .*Requests/sec: *([\d.]+)", told, re.DOTALL)
    if found is None or found[1] == "0" or "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(f"wrk says:\n{told}")
    return Count(int(found[1]), float(found[2]))


def expect(statuses: Counter[int], status: int) -> None:
    """Raises `RuntimeError` where there are answers with another status."""
    if set(statuses) != {status}:
        raise RuntimeError(f"Answers by status: {dict(statuses)}; only {status} was expected.")


def _work(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who waits for us
    while True:
        try:
            result: object = asyncio.run(_ask(*pipe.recv()))
        except Exception as error:
            result = error
        pipe.send(result)


async def _ask(port: int, requests: list[bytes] | bytes, seconds: float, connections: int) -> Answers:
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    todo: Iterable[bytes] = repeat(requests) if isinstance(requests, bytes) else requests
    shared = takewhile(lambda _: time.perf_counter() < begun + seconds, todo)
    statuses, latencies = Counter[int](), list[float]()

    def answered(status: int, latency: float) -> None:
        statuses[status] += 1
        latencies.append(latency)

    ends = []
    for _ in range(connections):
        end = loop.create_future()
        ends.append(end)
        await loop.create_connection(lambda end=end: _Client(shared, answered, end), "127.0.0.1", port)
    await asyncio.gather(*ends)
    return Answers(time.perf_counter() - begun, statuses, sorted(latencies))


class _Client(asyncio.Protocol):
    """Sends a request, waits for all of its answer, sends the next."""

    def __init__(
        self, requests: Iterator[bytes], answered: Callable[[int, float], None], end: asyncio.Future[None]
    ) -> None:
        self._requests = requests
        self._answered = answered
        self._end = end
        self._got = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._send()

    def data_received(self, data: bytes) -> None:
        self._got += data
        if self._complete():
            self._answered(int(self._got[9:12]), time.perf_counter() - self._begun)
            self._got.clear()
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._end.done():
            self._end.set_exception(exc or ConnectionError("The server closed a connection."))

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._end.set_result(None)
            self._transport.close()
            return
        self._begun = time.perf_counter()
        self._transport.write(request)

    def _complete(self) -> bool:
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self._got[:end]
        if length := _LENGTH.search(head):
            return len(self._got) >= end + 4 + int(length[1])
        return self._got.endswith(_LAST_CHUNK) if _CHUNKED.search(head) else True
