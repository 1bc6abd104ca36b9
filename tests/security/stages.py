"""A cloud of ours and two foreign servers, and what must hold of every message that is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mesh import Clock, Server, serve, settled
from tests.security.senders import DISCOVERY, JWKS, SECRET, Foreign, deliver, encoded, foreign, notice, offer, raw

from opencloudmesh.protocol.wire import Request, Response

ASKED = {DISCOVERY, JWKS, "GET /ocm-provider", "GET /ocm-provider/"}  # for a document and keys, wherever they may be


@dataclass
class Stage:
    """einstein's cloud and two foreign servers: marie is at `sender`."""

    cloud: Server
    sender: Foreign
    other: Foreign
    clock: Clock
    number: int = 1

    def body(self, what: str) -> bytes:
        """What would be taken: a share with a new providerId, or a notice about the last share."""
        if what == "notifications":
            return encoded(notice(providerId=f"p{self.number}"))
        self.number += 1
        return encoded(offer(self.cloud, self.sender, {"providerId": f"p{self.number}"}))

    async def accepts(self, what: str, family: str = "rfc9421") -> None:
        request = self.sender.signed(self.cloud, what, self.body(what), family=family)
        answer = await deliver(self.cloud, request)
        assert answer.status == 201, answer.body

    async def refuses(self, message: Request | bytes, status: int, *names: str) -> Response:
        """The message gets that status and the names of the wrong fields, and nothing else happens."""
        before = self.cloud.stored()
        seen = len(self.sender.seen)
        is_raw = isinstance(message, bytes)
        answer = await (raw(self.cloud, message) if is_raw else deliver(self.cloud, message))
        assert answer.status == status, answer.body
        assert answer.headers.get("content-type") == "application/json"
        said = json.loads(answer.body)
        assert said.pop("message")
        assert sorted(error["name"] for error in said.pop("validationErrors", [])) == sorted(names)
        assert not said
        await settled(self.cloud)
        assert self.cloud.stored() == before
        assert not before["outbox"]
        assert set(self.sender.seen[seen:] + self.other.seen) <= ASKED
        assert not [line for line in self.cloud.log if SECRET in line]
        assert SECRET.encode() not in answer.body
        return answer


@asynccontextmanager
async def staged(tmp_path: Path, database_url: str, **settings: Any) -> AsyncIterator[Stage]:
    clock = Clock()
    async with (
        foreign() as sender,
        foreign() as other,
        serve(tmp_path / "cloud", database_url=database_url, clock=clock, **settings) as cloud,
    ):
        cloud.add("einstein", name="Albert Einstein")
        yield Stage(cloud, sender, other, clock)
