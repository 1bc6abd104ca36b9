"""The worker: tells peers what is due, and does the chores that time brings.

It takes rows from the outbox, finds out who the peer is, says it in the peer's dialect, signs at that moment, sends,
and writes down what came of it. One peer that is slow or dead never delays another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from opencloudmesh.client import peer as client
from opencloudmesh.client.access import Gone
from opencloudmesh.protocol.dialects import DIALECTS, OTHER_FORM, Dialect, dialect_of, ocs_url
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import (
    BadAnswer,
    NotFound,
    OcmError,
    Refused,
    Unavailable,
)
from opencloudmesh.protocol.notifications import CHANGES
from opencloudmesh.protocol.obligations import check_share_type, obligations
from opencloudmesh.protocol.protocols import MUST_EXCHANGE_TOKEN, MUST_USE_MFA
from opencloudmesh.protocol.reshares import ReshareAnswer
from opencloudmesh.protocol.shares import NewShare, ShareAnswer
from opencloudmesh.protocol.wire import Response
from opencloudmesh.server import (
    accounts,
    asked,
    audit,
    contacts,
    copies,
    digests,
    locks,
    mailing,
    news,
    outbox,
    outcomes,
    outgoing,
    peers,
    policy,
    received,
    reports,
    reshares,
    sessions,
    shares,
    tickets,
    tokens,
    uploads,
    welcomes,
)
from opencloudmesh.server.context import Context
from opencloudmesh.server.copying import Copier
from opencloudmesh.server.database import Tx
from opencloudmesh.server.federation import Watch

log = logging.getLogger(__name__)

POLL = 1.0  # seconds; gestures of this process wake the worker at once, those of the command line do not
CHORES = 60.0  # seconds
PER_HOST = 4  # deliveries to one peer at a time
AT_ONCE = 128
ALREADY = 409  # of a request to share on: they have it, or it was shared on and has ended

Row = sa.Row[Any]


class Worker:
    """Runs until it is cancelled."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.directories = Watch(context.database, context.network)
        self._copier = Copier(context)
        self._busy: dict[int, str] = {}  # outbox id -> host
        self._tasks: set[asyncio.Task[None]] = set()
        self._kinds: dict[str, Callable[[Row], Awaitable[None]]] = {
            outbox.SHARE: self._tell_share,
            outbox.RESHARE: self._ask_owner,
            outbox.NOTIFICATION: self._tell_notification,
            outbox.REQUEST: self._tell_request,
            outbox.PROBE: self._probe,
            outbox.CONFIRM: self._confirm,
            outbox.MAIL: partial(mailing.send, context),
        }

    async def run(self) -> None:
        """Delivers what is due, for ever."""
        chores = asyncio.create_task(self._chores())
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL):
                        await self._context.wake.wait()
                self._context.wake.clear()
                try:
                    await self.deliver()
                except Exception:
                    log.exception("the outbox could not be read")
        finally:
            chores.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(chores, *self._tasks, self.directories.close(), return_exceptions=True)

    async def deliver(self) -> None:
        """Starts the delivery of everything that is due now and whose peer is not busy."""
        per_host = Counter(self._busy.values())
        for row in await self._context.database.read(outbox.due):
            if row.id in self._busy or per_host[row.host] >= PER_HOST or len(self._busy) >= AT_ONCE:
                continue
            per_host[row.host] += 1
            self._busy[row.id] = row.host
            self._watch(asyncio.create_task(self._attempt(row)))
        for copying in await self._copier.start():
            self._watch(copying)

    def _watch(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Waits until nothing is being delivered."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _attempt(self, row: Row) -> None:
        """One try. What the peer did not take for now is tried again; what it refused is not."""
        try:
            await self._kinds[row.kind](row)
        except OcmError as error:
            failure: OcmError | None = error
        except Exception as error:
            log.exception("delivery %d to %s failed", row.id, row.host)
            failure = Unavailable("Something went wrong here; it will be tried again.", detail=repr(error))
        else:
            failure = None
        try:
            if failure is not None:
                record = outcomes.never if outcomes.is_final(failure, row) else outcomes.later
                await self._context.database.write(lambda tx: record(tx, row, failure))
        except Unavailable as error:
            log.warning("what became of delivery %d could not be stored: %s", row.id, error.message)
            await asyncio.sleep(POLL)
        finally:
            self._busy.pop(row.id, None)
            self._context.wake.set()

    async def _tell_share(self, row: Row) -> None:
        read, write = self._context.database.read, self._context.database.write
        share = await read(lambda tx: shares.get(tx, row.subject))
        if share.state != shares.PENDING:
            # Ended before the peer heard of it: then it need not hear of the end either.
            never_said = row.attempts == 0 and share.state not in shares.LIVE
            await write(lambda tx: outbox.drop(tx, row.subject) if never_said else outbox.done(tx, row.id))
            return
        owner = await read(lambda tx: accounts.get(tx, share.owner))
        await read(lambda tx: policy.admit(
            tx, "share", "out", row.host, account=share.owner, address=share.share_with
        ))  # fmt: skip
        peer = await self._context.lookup.discover(row.host)
        check_share_type(peer, share.share_type, share.resource_type)
        invited = await read(lambda tx: contacts.invited(tx, share.owner, share.share_with))
        mfa = MUST_USE_MFA in share.requirements
        can, wish = frozenset(outgoing.CAPABILITIES), (await read(policy.current)).tokens
        duties = obligations(peer, can=can, invited=invited, mfa=mfa, tokens=wish)
        app = outgoing.opens_in_app(share, self._context.config, peer)
        if app:  # and so does all else of it
            duties = replace(duties, requirements=duties.requirements | {MUST_EXCHANGE_TOKEN})
        if duties.requirements != frozenset(share.requirements):  # before the peer can come with the secret
            await write(lambda tx: shares.demand(tx, row.subject, duties.requirements))
        dialect = await self._dialect(row.host, peer)
        message = outgoing.new_share(share, owner, self._context.config, dialect, duties, app=app)
        answer = await self._post_share(peer, message, dialect)
        name = ShareAnswer.parse(answer.body).recipient_display_name

        def record(tx: Tx) -> None:
            shares.delivered(tx, row.subject, name, told=share)
            outcomes.delivered(tx, row)

        await write(record)

    async def _post_share(self, peer: Discovery, message: NewShare, dialect: Dialect) -> Response:
        """Sends in the peer's form; where the family is only guessed, a refusal is followed by the other form."""
        base_url = self._context.config.public_url
        url = peer.end_point + "/shares"
        try:
            return await self._post(peer, url, message.encode(dialect.share_encoding(base_url)))
        except Refused as refusal:
            other = DIALECTS.get(OTHER_FORM.get(dialect.family, ""))
            if refusal.peer_status not in (400, 501) or other is None:
                raise
            try:
                answer = await self._post(peer, url, message.encode(other.share_encoding(base_url)))
            except Refused:
                raise refusal from None
        host = message.share_with.host
        await self._context.database.write(lambda tx: peers.learn(tx, host, {"family": other.family}))
        return answer

    async def _ask_owner(self, row: Row) -> None:
        """The owner's server is asked to share on what one of ours received; else ours does it itself."""
        read, write = self._context.database.read, self._context.database.write
        share = await read(lambda tx: shares.get(tx, row.subject))
        if share.state != shares.PENDING:
            await write(lambda tx: outbox.done(tx, row.id))
            return
        await read(lambda tx: policy.refuse_denied(tx, "share", row.host, "out"))
        given = await read(lambda tx: received.get(tx, share.received))
        peer = await self._context.lookup.discover(row.host)
        dialect = await self._dialect(row.host, peer)
        message = outgoing.reshare_request(share, given, dialect)
        answer, refusal, ended = None, "", False
        if message is not None:
            try:
                answer = ReshareAnswer.parse((await self._post(peer, peer.end_point + "/notifications", message)).body)
            except (Refused, BadAnswer) as refused:  # also by servers that know of no such thing
                if isinstance(refused, Refused) and not outcomes.is_final(refused, row):
                    raise
                refusal = refused.message
                ended = isinstance(refused, Refused) and refused.peer_status == ALREADY

        def record(tx: Tx) -> None:
            outbox.done(tx, row.id)
            if message is not None:
                peers.reached(tx, row.host)
                outcomes.record(tx, row, "refused" if refusal else "done", refusal or f"with {share.share_with}")
            if ended:
                shares.not_delivered(tx, row.subject, refusal, final=True)
            elif answer is None:
                reshares.not_granted(tx, row.subject)
            else:
                reshares.granted(tx, row.subject, answer)

        await write(record)

    async def _tell_notification(self, row: Row) -> None:
        await self._context.database.read(lambda tx: policy.refuse_denied(tx, "notification", row.host, "out"))
        peer = await self._context.lookup.discover(row.host)
        dialect = await self._dialect(row.host, peer)
        message = await self._notice(row, dialect)
        if message is None:
            await self._context.database.write(lambda tx: outbox.done(tx, row.id))
            return
        try:
            await self._post(peer, peer.end_point + "/notifications", message)
        except Refused:
            url = ocs_url(dialect, peer, row.message["type"], row.message["provider_id"])
            if url is None or not peer.owns(url):
                raise
            await client.tell_by_ocs(self._context.network, url, row.message["secret"])

        def record(tx: Tx) -> None:
            outcomes.delivered(tx, row)
            reports.reached(tx, row.subject)

        await self._context.database.write(record)

    async def _tell_request(self, row: Row) -> None:
        """Asks somebody elsewhere for a share."""
        wanted = await self._context.database.read(lambda tx: asked.get(tx, row.subject))
        await self._context.database.read(lambda tx: policy.admit(
            tx, "request", "out", row.host, account=wanted.account, address=wanted.owner
        ))  # fmt: skip
        peer = await self._context.lookup.discover(row.host)
        await self._post(peer, peer.end_point + "/request-share", row.message)

        def record(tx: Tx) -> None:
            outcomes.delivered(tx, row)
            with contextlib.suppress(NotFound):  # taken off the list meanwhile
                asked.delivered(tx, row.subject)

        await self._context.database.write(record)

    async def _notice(self, row: Row, dialect: Dialect) -> dict[str, Any] | None:
        """What the peer is to hear; None where nothing. Of a change to what it has: what is in force now."""
        if row.message["type"] not in CHANGES or "content" in row.message:
            return outgoing.notice(row.message, dialect)
        share = await self._context.database.read(lambda tx: shares.get(tx, row.subject))
        return outgoing.change_notice(share, self._context.config, dialect) if share.state in shares.LIVE else None

    async def _probe(self, row: Row) -> None:
        """Looks at the root of an accepted share: is it a file or a folder?"""
        share = await self._context.database.read(lambda tx: received.get(tx, row.subject))
        if share.state == received.ACCEPTED:
            await self._context.probe(share)
        await self._context.database.write(lambda tx: outcomes.delivered(tx, row))

    async def _confirm(self, row: Row) -> None:
        """Looks again at a share that was not there; only while its server is well, it has ended."""
        share = await self._context.database.read(lambda tx: received.get(tx, row.subject))
        ended = False
        if share.state == received.ACCEPTED:
            peer = await self._context.lookup.discover(row.host, fresh=True)
            try:
                await self._context.probe(share)
            except Gone:
                ended = peer.enabled

        def record(tx: Tx) -> None:
            outcomes.delivered(tx, row)
            if ended:
                received.gone(tx, row.subject)

        await self._context.database.write(record)

    async def _dialect(self, host: str, peer: Discovery) -> Dialect:
        """What worked with a peer, else what its document shows."""
        known = await self._context.database.read(lambda tx: peers.get(tx, host))
        return outgoing.learnt_dialect(known) or dialect_of(peer)

    async def _post(self, peer: Discovery, url: str, message: dict[str, Any]) -> Response:
        signer = self._context.keys.signer(peer)
        return await client.post(self._context.network, url, message, signer)

    async def tidy(self) -> None:
        """Ends what is over, throws away what is old, and sends the mail that is due."""
        await self._context.database.write(_tidy)
        config = self._context.config
        if config.smtp is not None:
            await self._context.commit(lambda tx: digests.make(tx, every=config.digest_interval))

    async def _chores(self) -> None:
        while True:
            try:
                await self.tidy()
                await self._context.sweep()
                await self.directories.look()
            except Exception:
                log.exception("the chores could not be done")
            await asyncio.sleep(CHORES)


def _tidy(tx: Tx) -> None:
    shares.expire(tx)
    received.expire(tx)
    peers.forget_old_signatures(tx)
    peers.forget_strangers(tx)
    audit.purge(tx)
    copies.purge(tx)
    locks.purge(tx)
    tokens.purge(tx)
    news.purge(tx)
    sessions.purge(tx)
    welcomes.purge(tx)
    tickets.purge(tx)
    uploads.purge(tx)
