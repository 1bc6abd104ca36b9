"""People at three servers do whatever comes to their minds, while messages between the servers are lost, come twice or
come late. When all is at rest, both ends of every share say the same.

With OCM_WALK=500 so many walks are made at random; else a few that are always the same.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections import deque
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.clouds import free_port
from tests.mesh import HASH, Clock, Server, basic, serve
from tests.post import FAULTS, Post

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Conflict, NotFound
from opencloudmesh.server import (
    accounts,
    batches,
    circles,
    contacts,
    departures,
    groups,
    outbox,
    received,
    rules,
    schema,
    shares,
    tokens,
    worker,
)
from opencloudmesh.server.database import Tx

WALKS = int(os.environ.get("OCM_WALK", "0"))
PERMISSIONS = (["read"], ["read", "write"], ["read", "share"], ["read", "share", "write"])
PAUSES = (1, 30, 1_000, 5_000)
FILES = ("a.txt", "d/b.txt")
REFUSED = (400, 401, 403, 404, 409, 503)  # 401 of who is not there any more, 503 while the other server seems away
GROUP = "group"  # of the two people at each cloud


@dataclass(repr=False)
class World:
    """Three clouds on one clock, and what becomes of the next messages.

    Each has one person of this walk, and another who is with them in a group; `denied` are pairs of clouds that have
    had nothing to do with each other for a while, so that what they said meanwhile was said to nobody.
    """

    clouds: list[Server]
    posts: list[Post]
    faults: deque[str]
    clock: Clock
    people: list[str]
    denied: set[frozenset[str]] = field(default_factory=set)

    def all(self, at: int) -> tuple[str, str]:
        """The people of this walk at a cloud."""
        return self.people[at % 3], f"{self.people[at % 3]}.too"

    def group(self, at: int) -> str:
        return f"{self.people[at % 3]}.{GROUP}"

    def do(self, at: int, gesture: Any, *values: Any, **named: Any) -> Any:
        """What is done at a cloud by its operator, who may be too late."""
        with suppress(NotFound, Conflict):
            return self.clouds[at % 3].context.database.write_now(lambda tx: gesture(tx, *values, **named))

    async def api(self, at: int, method: str, path: str, body: Any = None, *, who: str = "") -> Any:
        """What somebody does may be refused, but nothing breaks."""
        cloud = self.clouds[at % 3]
        answer = await cloud.request(method, f"/api/v1/{path}", *_json(who or self.people[at % 3], body))
        assert answer.status < 300 or answer.status in REFUSED, answer
        return answer

    def sent(self, at: int) -> list[Any]:
        """All shares that ever were of that person."""
        query = sa.select(schema.shares).where(schema.shares.c.owner == self.people[at % 3])
        return list(self.clouds[at % 3].rows(lambda tx: tx.all(query.order_by(schema.shares.c.created))))

    def received(self, at: int) -> list[Any]:
        """All shares that ever came to them, or to the other one in their group."""
        query = sa.select(schema.received).where(schema.received.c.account.in_(self.all(at)))
        return list(self.clouds[at % 3].rows(lambda tx: tx.all(query.order_by(schema.received.c.created))))

    def find(self, host: str, share_id: str) -> Any:
        """A share by its providerId; None where there is none any more."""
        at = next(number for number in range(3) if self.clouds[number].host == host)
        return next((share for share in self.sent(at) if share.id == share_id), None)

    def pick(self, rows: list[Any], number: int) -> Any:
        return rows[number % len(rows)] if rows else None

    async def work(self) -> None:
        """Every server tells what is due, once."""
        for cloud in self.clouds:
            cloud.context.database.write_now(worker._tidy)
            await cloud.worker.deliver()
            await cloud.worker.idle()

    async def rest(self) -> None:
        """The network is well again; all wait for as long as it takes."""
        for _ in range(30):
            await self.work()
            for post in self.posts:
                await post.deliver()
            if not any(cloud.rows(outbox.waiting)[outbox.DUE] for cloud in self.clouds):
                return
            self.clock.ahead += outbox.BACK_OFF[-1]
        raise AssertionError([cloud.rows(outbox.everything) for cloud in self.clouds])


@dataclass(frozen=True)
class Step:
    """Somebody does something; the numbers say who, to whom and to what."""

    gesture: str
    at: int
    other: int
    which: int
    faults: tuple[str, ...] = ()

    async def take(self, world: World) -> None:
        await getattr(self, self.gesture)(world)

    async def offer(self, world: World) -> None:
        """Of their own, or of what was shared with them or a part of it; to a person, or to a group."""
        mounted = [row.path for row in world.received(self.at) if row.path and row.account == world.people[self.at]]
        parts = [f"{path}/b.txt" for path in mounted]
        path, to = world.pick([*FILES, "d", *mounted, *parts], self.which), (self.at + 1 + self.other % 2) % 3
        whom = world.group(to) if self.other % 4 == 3 else world.people[to]
        body = {
            "path": path,
            "shareWith": world.clouds[to].address(whom),
            "shareType": "group" if self.other % 4 == 3 else "user",
            "permissions": PERMISSIONS[self.which % 4],
        }
        if self.which % 5 == 0:
            body["expiration"] = int(world.clock()) + 2_000
        await world.api(self.at, "POST", "shares", body)

    async def change(self, world: World) -> None:
        share = world.pick(world.sent(self.at), self.which)
        if share is not None:
            ends = int(world.clock()) + 3_000 if self.other % 3 == 0 else None
            body = {"permissions": PERMISSIONS[self.other % 4], "expiration": ends}
            await world.api(self.at, "PATCH", f"shares/{share.id}", body)

    async def spread(self, world: World) -> None:
        """To everybody in a circle, or all that was so is changed or ended."""
        who, rows = world.people[self.at], world.clouds[self.at].rows
        batch = world.pick(rows(batches.listing, who), self.which)
        terms = {"permissions": PERMISSIONS[self.which % 4]}
        if batch is not None and self.other % 3 == 1:
            await world.api(self.at, "PATCH", f"batches/{batch.row.id}", terms)
        elif batch is not None and self.other % 3 == 2:
            await world.api(self.at, "DELETE", f"batches/{batch.row.id}")
        for circle in rows(circles.listing, who) if self.other % 3 == 0 else ():
            body = {"path": FILES[self.which % 2], "circle": circle.id, **terms}
            await world.api(self.at, "POST", "batches", body)

    async def unshare(self, world: World) -> None:
        share = world.pick(world.sent(self.at), self.which)
        if share is not None:
            await world.api(self.at, "DELETE", f"shares/{share.id}")

    async def answer(self, world: World) -> None:
        row = world.pick(world.received(self.at), self.which)
        if row is not None:
            word = ("accept", "accept", "decline")[self.other % 3]
            await world.api(self.at, "POST", f"received/{row.id}/{word}", who=row.account)

    async def remove(self, world: World) -> None:
        row = world.pick(world.received(self.at), self.which)
        if row is not None:
            await world.api(self.at, "DELETE", f"received/{row.id}", who=row.account)

    async def delete_file(self, world: World) -> None:
        await world.clouds[self.at % 3].dav("DELETE", world.people[self.at % 3], FILES[self.which % 2])

    async def move_file(self, world: World) -> None:
        cloud, who = world.clouds[self.at % 3], world.people[self.at % 3]
        target = f"{cloud.url}/dav/files/{who}/moved.txt"
        await cloud.dav("MOVE", who, FILES[self.which % 2], Destination=target, Overwrite="F")

    async def regroup(self, world: World) -> None:
        """Somebody leaves their group, or joins it again."""
        who, gesture = world.all(self.at)[self.which % 2], (groups.leave, groups.join)[self.other % 2]
        world.do(self.at, gesture, world.group(self.at), who)

    async def remove_account(self, world: World) -> None:
        if self.other % 4 == 0:  # few go
            world.do(self.at, departures.person, world.all(self.at)[self.which % 2])

    async def deny(self, world: World) -> None:
        """An operator decides that there is nothing with another server, or that there is again."""
        other = world.clouds[(self.at + 1 + self.other % 2) % 3].host
        if self.which % 3:
            world.do(self.at, rules.put, other, incoming="deny", outgoing="deny")
            world.denied.add(frozenset({world.clouds[self.at].host, other}))
        else:
            world.do(self.at, rules.drop, other)

    async def wait(self, world: World) -> None:
        world.clock.ahead += PAUSES[self.which % 4]

    async def deliver(self, world: World) -> None:
        """All servers tell what is due, through a network that may be bad."""
        world.faults.extend(self.faults)
        await world.work()
        await world.work()
        world.faults.clear()

    async def arrive(self, world: World) -> None:
        """What was late is there now, after what was sent later."""
        for post in world.posts:
            await post.deliver()


GESTURES = ("offer", "offer", "change", "change", "unshare", "answer", "answer", "answer", "remove", "delete_file")
GESTURES += ("move_file", "spread", "regroup", "remove_account", "deny")
GESTURES += ("wait", "wait", "arrive", "deliver", "deliver", "deliver", "deliver")
steps = st.builds(
    Step,
    gesture=st.sampled_from(GESTURES),
    at=st.integers(0, 2),
    other=st.integers(0, 11),
    which=st.integers(0, 19),
    faults=st.lists(st.sampled_from(FAULTS), max_size=3).map(tuple),
)

# A share that the other server hears of only after it was ended; and an end that is lifted before it is heard of.
LATE_SHARE = [
    Step("offer", 0, 0, 1),
    Step("deliver", 0, 0, 0, ("late",)),
    Step("unshare", 0, 0, 0),
    Step("wait", 0, 0, 1),
    Step("deliver", 0, 0, 0),
    Step("arrive", 0, 0, 0),
]
LATE_CHANGE = [
    Step("offer", 0, 0, 1),
    Step("deliver", 0, 0, 0),
    Step("change", 0, 0, 0),
    Step("deliver", 0, 0, 0, ("late",)),
    Step("wait", 0, 0, 1),
    Step("change", 0, 1, 0),
    Step("deliver", 0, 0, 0),
    Step("arrive", 0, 0, 0),
]

# What is shared gets another name while nobody knows whether the other server has heard of it.
RENAMED = [
    Step("offer", 0, 0, 1),
    Step("deliver", 0, 0, 0, ("unanswered",)),
    Step("move_file", 0, 0, 1),
    Step("wait", 0, 0, 1),
    Step("deliver", 0, 0, 0),
]
# What is shared on ends while nobody hears of it.
SHARED_ON = [
    Step("offer", 0, 0, 3),
    Step("deliver", 0, 0, 0),
    Step("answer", 1, 0, 0),
    Step("deliver", 0, 0, 0),
    Step("offer", 1, 0, 3),
    Step("deliver", 0, 0, 0),
    Step("answer", 2, 0, 0),
    Step("change", 0, 0, 0, ("lost",)),
    Step("deliver", 0, 0, 0, ("late", "unanswered")),
    Step("answer", 2, 2, 0),
    Step("deliver", 0, 0, 0),
]

# Who was given it so does not want it any more, and who shared it on is to hear of that.
SHARED_ON_AND_DECLINED = [
    *SHARED_ON[:7],
    Step("deliver", 0, 0, 0),
    Step("change", 1, 0, 0),
    Step("deliver", 0, 0, 0, ("late", "lost")),
    Step("answer", 2, 2, 0),
    Step("deliver", 0, 0, 0, ("unanswered",)),
]

# How a walk begins: with nothing, or with what takes many steps to come about by itself.
BEGINNINGS = (
    [],
    SHARED_ON[:7],
    [*SHARED_ON[:5], Step("deliver", 0, 0, 0, ("lost", "unanswered"))],
    [Step("offer", 0, 3, 3), Step("deliver", 0, 0, 0), Step("answer", 2, 0, 0), Step("answer", 2, 0, 1)],
)
_walks = itertools.count(1)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, World]]:
    """Three clouds, each behind a bad network, for all walks: each has people of its own."""
    folder, clock = tmp_path_factory.mktemp("walk"), Clock()

    async def start(stack: AsyncExitStack) -> World:
        clouds, posts, faults = [], [], deque[str]()
        for number in range(3):
            post = await stack.enter_async_context(Post.serve(free_port(), faults))
            cloud = serve(
                Path(folder / f"cloud-{number}"),
                clock=clock,
                listen=("127.0.0.1", post.behind),
                public_url=f"http://localhost:{post.port}",
            )
            clouds.append(await stack.enter_async_context(cloud))
            object.__setattr__(clouds[-1].context.reach, "deadline", 60.0)  # a slow machine is no peer that is away
            posts.append(post)
        return World(clouds, posts, faults, clock, [])

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        yield runner, runner.run(start(stack))
        runner.run(stack.aclose())


@settings(
    max_examples=WALKS or 12,
    derandomize=not WALKS,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(walk=LATE_SHARE)
@example(walk=LATE_CHANGE)
@example(walk=SHARED_ON)
@example(walk=RENAMED)
@example(walk=SHARED_ON_AND_DECLINED)
@given(walk=st.builds(list.__add__, st.sampled_from(BEGINNINGS), st.lists(steps, min_size=6, max_size=25)))
def test_at_rest_both_ends_of_every_share_say_the_same(mesh, walk):
    runner, world = mesh
    runner.run(_walk(world, walk))


async def _walk(world: World, walk: list[Step]) -> None:
    number = next(_walks)
    world.people, world.denied = [f"p{number}.{at}" for at in range(3)], set()
    for at in range(3):
        _settle(world, at)
    for step in walk:
        await step.take(world)
    for at, other in itertools.permutations(range(3), 2):
        world.do(at, rules.drop, world.clouds[other].host)
    await world.rest()
    for at in range(3):  # what was taken back in silence shows when it is opened
        for row in world.received(at):
            if row.path:
                await world.clouds[at].dav("GET", row.account, row.path.replace(" ", "%20"))
    await world.rest()
    for at in range(3):
        for share in world.sent(at):
            await _check(world, at, share)
        for row in world.received(at):
            gone = world.find(row.host, row.provider_id) is None
            assert row.state not in received.OPEN or not gone or _was_denied(world, at, row.host), row


def _settle(world: World, at: int) -> None:
    """Two people at a cloud, who are a group; one has files, and a circle of those at the other two."""
    cloud, who, group = world.clouds[at], world.people[at], world.group(at)
    others = [world.clouds[(at + more) % 3].address(world.people[(at + more) % 3]) for more in (1, 2)]
    for path in FILES:
        cloud.put(who, path, f"{path} of {who}".encode())

    def settle(tx: Tx) -> None:
        groups.add(tx, group)
        for each in world.all(at):
            accounts.add(tx, each, HASH)
            groups.join(tx, group, each)
        circle = circles.create(tx, who, "circle")
        for address in others:
            circles.add(tx, who, circle.id, contacts.meet(tx, who, Address.parse(address)).id)

    cloud.context.database.write_now(settle)


def _was_denied(world: World, at: int, host: str) -> bool:
    """Whether the two had nothing to do with each other for a while. What is opened then shows what became of it."""
    return frozenset({world.clouds[at].host, host}) in world.denied


async def _check(world: World, at: int, share: Any) -> None:
    await _opens(world, at, share)
    if world.denied:  # of the others nothing more is known
        return
    _is_no_wider_than_what_it_passes_on(world, at, share)
    if share.state == shares.PASSED_ON:  # it is the owner's server that has given it
        given = world.find(share.at_owner["host"], share.at_owner["provider_id"])
        assert given is not None, share
        assert given.state in shares.LIVE, (share, given)
        assert (given.permissions, given.expiration) == (share.permissions, share.expiration), (share, given)
        return
    host = share.host
    there = next(number for number in range(3) if world.clouds[number].host == host)
    rows = [row for row in world.received(there) if row.provider_id == share.id and row.host == world.clouds[at].host]
    believed = [row for row in rows if row.state in received.OPEN]
    assert len(rows) <= (2 if share.share_type == GROUP else 1), rows
    if share.state in shares.LIVE:
        assert believed, (share, rows)
        accepted = [row for row in believed if row.state == received.ACCEPTED]
        if share.share_type != GROUP or accepted:  # else who had accepted is in it no more
            assert (share.state == shares.ACCEPTED) is bool(accepted), (share, rows)
        for row in believed:
            assert (row.permissions, row.expiration) == (share.permissions, share.expiration), (share, row)
        for row in accepted:
            await _may_do_what_is_granted(world, there, share, row)
    else:
        assert not believed, (share, believed)


def _is_no_wider_than_what_it_passes_on(world: World, at: int, share: Any) -> None:
    if share.state not in shares.IN_FORCE or not (share.parent or share.received):
        return
    above = [row for row in (*world.sent(at), *world.received(at)) if row.id in (share.parent, share.received)]
    (row,) = above
    assert row.state in (*shares.LIVE, received.ACCEPTED), (share, row)
    assert {*share.permissions} <= {*row.permissions}, (share, row)
    assert row.expiration is None or share.expiration <= row.expiration, (share, row)


async def _may_do_what_is_granted(world: World, there: int, share: Any, row: Any) -> None:
    path = row.path + ("/new.txt" if share.resource_type == "folder" else "")
    answer = await world.clouds[there].dav("PUT", row.account, path.replace(" ", "%20"), b"written")
    assert (answer.status in (201, 204)) is ("write" in share.permissions), (answer, share, row)


async def _opens(world: World, at: int, share: Any) -> None:
    """Its secret opens something only while it lives, and there are tokens only then."""
    rows = world.clouds[at].rows
    given = rows(lambda tx: tx.all(sa.select(schema.tokens).where(schema.tokens.c.share == share.id)))
    if share.state in shares.LIVE:
        rows(tokens.share_of, share.secret, as_code=True)
    else:
        assert given == []
        with pytest.raises(NotFound):
            rows(tokens.share_of, share.secret, as_code=True)


def _json(who: str, body: Any) -> tuple[dict[str, str], bytes | None]:
    headers = {"Authorization": basic(who)} | ({"Content-Type": "application/json"} if body is not None else {})
    return headers, None if body is None else json.dumps(body).encode()
