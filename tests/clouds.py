"""Real `ocm serve` processes, each on a loopback port, which a test may kill and start again.

    with served(tmp_path / "one") as one:
        start({one: ["einstein"]})
        one.api("POST", "shares", {...}, who="einstein")
        one.kill()
        one.start()                     # on the same data, at the same address

What a process says is in `<folder>.log`, and in the error of one that does not start.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, TypeVar

from tests.mesh import PASSWORD, basic

from opencloudmesh.server.database import sqlite_url

OCM = Path(sys.executable).with_name("ocm")
STARTING = 30.0  # seconds that a server may take
T = TypeVar("T")


class Gone(Exception):
    """The server did not answer, or not to the end: nobody knows what became of the request."""


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(eq=False)
class Process:
    """A cloud in a process of its own."""

    data: Path
    port: int
    database_url: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def log(self) -> Path:
        return self.data.with_suffix(".log")

    def address(self, who: str) -> str:
        return f"{who}@{self.host}"

    def add(self, *people: str) -> None:
        """People, whose password is `PASSWORD`."""
        for who in people:
            subprocess.run([OCM, "user", "add", who], env=self._environment, check=True, capture_output=True)

    def start(self) -> None:
        """Starts the server, and returns once it answers."""
        serving = [OCM, "serve", "--public-url", self.url, "--port", str(self.port), "--development"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                serving, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            until(self._healthy, STARTING)
        except AssertionError:
            raise AssertionError(f"{self.url} did not start:\n{self.log.read_text()[-5000:]}") from None

    def kill(self) -> None:
        """As the kernel does it: without a last word."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait() == -signal.SIGKILL, self.log.read_text()[-5000:]  # it had not ended by itself
        self.process = None

    def stop(self) -> None:
        """Ends the server, however."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ask(self, method: str, path: str, *, who: str, body: Any = None, **headers: str) -> Answer:
        """A request of a person. Raises `Gone`."""
        fields = {"Authorization": basic(who), **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {"Host": self.host, **fields})
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        except (OSError, HTTPException) as error:
            raise Gone(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()

    def api(self, method: str, path: str, body: Any = None, *, who: str, status: int | None = None) -> Any:
        """A call of the JSON API. With `status`, that and nothing else must come back."""
        data = None if body is None else json.dumps(body).encode()
        answer = self.ask(method, f"/api/v1/{path}", who=who, body=data, Content_Type="application/json")
        assert answer.status == status or (status is None and answer.status < 300), answer
        return json.loads(answer.body) if answer.body else None

    def dav(self, method: str, who: str, path: str = "", body: Any = None, **headers: str) -> Answer:
        """A WebDAV request of a person to their own tree; `path` is encoded."""
        return self.ask(method, f"/dav/files/{who}/{path}", who=who, body=body, **headers)

    @property
    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OCM_")}
        ours = {"OCM_DATA": str(self.data), "OCM_DATABASE_URL": self.database_url, "OCM_PASSWORD": PASSWORD}
        return inherited | ours

    def _healthy(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None
        try:
            return self.ask("GET", "/health", who="nobody").status == 200
        except Gone:
            return False


@contextmanager
def served(folder: Path, database_url: str | None = None) -> Iterator[Process]:
    """A cloud that is not started yet, and is gone at the end."""
    process = Process(folder, free_port(), database_url or sqlite_url(folder))
    try:
        yield process
    finally:
        process.stop()


def start(clouds: Mapping[Process, Sequence[str]]) -> None:
    """Several at once, with their people."""

    def one(cloud: Process) -> None:
        cloud.add(*clouds[cloud])
        cloud.start()

    with ThreadPoolExecutor() as threads:
        list(threads.map(one, clouds))


def shared(one: Process, two: Process, path: str, permissions: list[str]) -> str:
    """A share from einstein at one cloud to marie at the other, accepted: where it is in her tree."""
    body = {"path": path, "shareWith": two.address("marie"), "permissions": permissions}
    share = one.api("POST", "shares", body, who="einstein", status=201)
    offers = until(lambda: [row for row in two.api("GET", "received", who="marie") if row["state"] == "pending"])
    place = two.api("POST", f"received/{offers[0]['id']}/accept", who="marie", status=200)["path"]
    until(lambda: one.api("GET", f"shares/{share['id']}", who="einstein")["state"] == "accepted")
    return str(place)


def until(look: Callable[[], T], seconds: float = 20) -> T:
    """The first thing seen that is something."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, f"waited for {seconds} seconds and saw {seen!r}"
        time.sleep(0.05)
    return seen


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
