"""One cloud of the demo: a real `ocm serve` in a process of its own, and what it says to the other one."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

OCM = str(Path(sys.executable).with_name("ocm"))
PORTS = (8001, 8002)
STARTING = 60.0  # seconds that a server may take
PATIENCE = 20.0  # seconds for what another server must do first

# What a request between servers means, by method and the end of its path.
MEANINGS = (
    ("GET", r"/\.well-known/ocm", "Who are you? (discovery)"),
    ("GET", r"/jwks\.json", "Which keys do you sign with?"),
    ("POST", r"/ocm/shares", "Somebody here shares something with one of your people (signed)"),
    ("POST", r"/ocm/notifications", "About that share: accepted, declined or ended (signed)"),
    ("POST", r"/ocm/token", "A short-lived token for that share, please (signed)"),
    ("PROPFIND", r"", "What is in the share? (WebDAV)"),
    ("GET", r"", "The content, please (WebDAV)"),
    ("PUT", r"", "Here is new content (WebDAV)"),
    ("MKCOL", r"", "Make a folder (WebDAV)"),
)
_OUT = re.compile(r"opencloudmesh\.mesh: out (\w+) https?://([^/]+)(\S*): (\d+)")


@dataclass
class Cloud:
    """A cloud with one person in it."""

    port: int
    user: str
    full_name: str
    password: str
    folder: Path
    process: subprocess.Popen[str] | None = None
    said: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where to open it."""
        return f"http://localhost:{self.port}"

    @property
    def address(self) -> str:
        """The person's OCM Address."""
        return f"{self.user}@localhost:{self.port}"

    def start(self) -> None:
        """Adds the person and starts the server. Raises `RuntimeError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.command("user", "add", self.user, "--name", self.full_name)
        serving = [OCM, "serve", "--public-url", self.url, "--port", str(self.port), "--development"]
        self.process = subprocess.Popen(
            serving, env=self._environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        threading.Thread(target=self._listen, daemon=True).start()
        until = time.monotonic() + STARTING
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("\n".join([f"The server at {self.url} did not start:", *self.said[-10:]]))
            time.sleep(0.05)

    def command(self, *arguments: str) -> None:
        """A command of its operator's, in the terminal."""
        subprocess.run([OCM, *arguments], env=self._environment(), check=True, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        """Ends the server."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the JSON API as the person."""
        data = None if body is None else json.dumps(body).encode()
        answer = self.ask(method, f"/api/v1/{path}", data, "application/json")
        return json.loads(answer) if answer else None

    def dav(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """A WebDAV request as the person."""
        return self.ask(method, f"/dav/files/{self.user}/{path}", body, "application/octet-stream")

    def ask(self, method: str, path: str, body: bytes | None, kind: str) -> bytes:
        """A request as the person. Raises `RuntimeError` with what the server said."""
        login = b64encode(f"{self.user}:{self.password}".encode()).decode()
        request = Request(
            self.url + path, body, {"Authorization": f"Basic {login}", "Content-Type": kind}, method=method
        )
        try:
            with urlopen(request, timeout=30) as answer:
                content: bytes = answer.read()
                return content
        except HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from None

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "OCM_DATA": str(self.folder), "OCM_PASSWORD": self.password}

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/health", timeout=2):
                return True
        except (URLError, OSError):
            return False

    def _listen(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip())
            match = _OUT.search(line)
            if match:
                method, host, path, status = match.groups()
                print(f"      · {self.url[7:]} → {host}: {_meaning(method, path)}: {status}", flush=True)


def _meaning(method: str, path: str) -> str:
    return next((said for verb, end, said in MEANINGS if verb == method and re.search(end + "$", path)), method)


def pair(folder: Path, arguments: Sequence[str]) -> tuple[Cloud, Cloud]:
    """The two clouds, at the ports that were given on the command line. Raises `SystemExit` where that cannot be."""
    try:
        first, second = map(int, arguments) if arguments else PORTS
    except ValueError:
        raise SystemExit("Give two ports, or none.") from None
    if first == second:
        raise SystemExit("Give two ports that differ.")
    for port in (first, second):
        if is_taken(port):
            others = f"ARGS='{first + 100} {second + 100}'"
            raise SystemExit(f"Port {port} is in use; is another demo running? To use others: make demo {others}")
    return (
        Cloud(first, "einstein", "Albert Einstein", "relativity", folder / "one"),
        Cloud(second, "marie", "Marie Curie", "radioactivity", folder / "two"),
    )


def wait(look: Callable[[], Any]) -> Any:
    """What the look finds, as soon as it finds something. Raises `RuntimeError`."""
    until = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() > until:
            raise RuntimeError("The other server did not answer in time.")
        time.sleep(0.1)
    return found


def is_taken(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
