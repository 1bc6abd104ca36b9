"""Recorded traffic between real servers: read it, and play the requests again at another address.

`load("owncloud-10.11.0", "nextcloud-34.0.1")` gives what the one sent to the other. `replay` sends one of these
requests to a server under test, with hosts and secrets mapped. Signatures belong to the recorded hosts and lengths, so
they are left out; `sign` makes new ones with a key of the test.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.peers.base import Peer
from tests.peers.values import Exchange

RECORDED = Path(__file__).parent.parent / "vectors" / "recorded"
OF_A_SIGNATURE = ("signature", "signature-input", "digest", "content-digest", "date")
OF_THE_CONNECTION = ("host", "content-length", "connection")

Sign = Callable[[str, str, bytes], Mapping[str, str]]  # method, URL, body -> headers


@dataclass(frozen=True)
class Recording:
    """One request and its answer, as they were on the wire. Header names as sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: str
    status: int
    answer_headers: tuple[tuple[str, str], ...]
    answer: str

    def header(self, name: str) -> str:
        """The first with this name, in any case, or an empty string."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), "")

    @property
    def host(self) -> str:
        """Who received it."""
        return self.header("Host")

    @property
    def user_agent(self) -> str:
        """How the sender calls itself."""
        return self.header("User-Agent")


def pairs() -> list[tuple[str, str]]:
    """Senders and receivers of whom there are recordings."""
    found = []
    for path in sorted(RECORDED.glob("*-to-*.json")):
        document = json.loads(path.read_text())
        found.append((document["sender"], document["receiver"]))
    return found


def load(sender: str, receiver: str) -> list[Recording]:
    """In the order in which they were recorded; one of each kind was kept."""
    document = json.loads((RECORDED / f"{sender}-to-{receiver}.json").read_text())
    return [_recording(each["request"], each["response"]) for each in document["exchanges"]]


def _recording(request: dict, response: dict) -> Recording:  # type: ignore[type-arg]
    return Recording(
        request["method"],
        request["target"],
        tuple((name, value) for name, value in request["headers"]),
        request.get("body") or "",
        response["status"],
        tuple((name, value) for name, value in response["headers"]),
        response.get("body") or "",
    )


def mapped(text: str, mapping: Mapping[str, str]) -> str:
    """Every key replaced by its value, also where it is escaped as in PHP's JSON or in a form."""
    for old, new in mapping.items():
        for write in (str, _php, _form):
            text = text.replace(write(old), write(new))
    return text


def _php(text: str) -> str:
    return text.replace("/", "\\/")


def _form(text: str) -> str:
    return quote(text, safe="")


def request(
    recording: Recording, base_url: str, mapping: Mapping[str, str], sign: Sign | None = None
) -> tuple[str, str, list[tuple[str, str]], bytes]:
    """Method, URL, headers and body to send to `base_url`.

    `mapping` replaces hosts (`https://localhost:8434` before `localhost:8434`), names and secrets, in the target, the
    body, the headers, and inside of Basic credentials.
    """
    url = base_url.rstrip("/") + mapped(recording.target, mapping)
    body = mapped(recording.body, mapping).encode()
    left_out = (*OF_A_SIGNATURE, *OF_THE_CONNECTION)
    headers = [
        (name, _header(name, value, mapping)) for name, value in recording.headers if name.lower() not in left_out
    ]
    signature = sign(recording.method, url, body) if sign else {}
    return recording.method, url, [*headers, *signature.items()], body


def _header(name: str, value: str, mapping: Mapping[str, str]) -> str:
    if name.lower() == "authorization" and value.startswith("Basic "):
        credentials = base64.b64decode(value[6:]).decode()
        return "Basic " + base64.b64encode(mapped(credentials, mapping).encode()).decode()
    return mapped(value, mapping)


async def replay(
    through: Peer, recording: Recording, base_url: str, mapping: Mapping[str, str], sign: Sign | None = None
) -> Exchange:
    """Send it again, as a peer that writes down what it sends (a `Stranger` will do)."""
    method, url, headers, body = request(recording, base_url, mapping, sign)
    return await through.request(method, url, headers, body if body or recording.header("Content-Length") else None)
