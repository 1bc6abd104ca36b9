"""Shared with me: what people elsewhere offer, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.responses import Response

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server import bounds, contacts, peers, received, views
from opencloudmesh.server.bounds import LINK
from opencloudmesh.server.database import Tx
from opencloudmesh.server.languages import _
from opencloudmesh.server.trees import READ, SHARE, WRITE
from opencloudmesh.server.web.pages.kinds import shown_by_name
from opencloudmesh.server.web.pages.peers import not_reachable
from opencloudmesh.server.web.pages.visits import Visit, redirect

ENDED = {
    received.DECLINED: "You declined it, or left it.",
    received.UNSHARED: "The sender has ended it.",
    received.EXPIRED: "Its time is over.",
}
MAY = {"view": "view", READ: "read", WRITE: "write", SHARE: "share it on"}


async def show(visit: Visit) -> Response:
    """Everything that was shared with the person, what waits for an answer first."""

    def look(tx: Tx) -> tuple[list[received.Row], dict[str, str]]:
        found = received.listing(tx, visit.account.id)
        hosts = {row.host for row in found if row.path}
        return found, {host: not_reachable(peers.get(tx, host)) for host in hosts}

    rows, away = await visit.context.database.read(look)
    return visit.page(
        "inbox.html",
        pending=[row for row in rows if row.state == received.PENDING],
        accepted=[row for row in rows if row.state == received.ACCEPTED],
        ended=[row for row in rows if row.state not in received.OPEN],
        active="inbox",
        why=ENDED,
        may=may,
        away=away,
        shown_as=shown_by_name,
        ways={row.id: views.ways(row) for row in rows},
        verdict=verdict,
        told_only=told_only,
        may_share=lambda row: SHARE in bounds.of_received(row).permissions,
        strangers={row.id for row in rows if views.received(row)["stranger"]},
    )


async def answer(visit: Visit) -> Response:
    """The person accepts, declines or leaves a share, or takes it off the list."""
    received_id, name = visit.request.path_params["id"], visit.request.path_params["answer"]
    account, exists = visit.account.id, visit.context.storage.exists
    answers: Mapping[str, tuple[Callable[[Tx], object], str]] = {
        "accept": (lambda tx: received.accept(tx, received_id, account=account, exists=exists), "accepted"),
        "block": (lambda tx: _block(tx, received_id, account), "turned-away"),
        "decline": (lambda tx: received.decline(tx, received_id, account=account), "declined"),
        "leave": (lambda tx: received.decline(tx, received_id, account=account), "left"),
        "remove": (lambda tx: received.remove(tx, received_id, account=account), "removed"),
    }
    if name not in answers:
        raise NotFound("There is nothing here.")
    gesture, done = answers[name]
    await visit.context.commit(gesture)
    return redirect("/inbox", done)


def _block(tx: Tx, received_id: str, account: str) -> None:
    """Nothing is taken any more from who sent it, and what waits from them is declined."""
    sender = received.get(tx, received_id, account=account)
    contacts.block_address(tx, account, sender.sender, name=sender.sender_name)
    for row in received.listing(tx, account, host=sender.host):
        if (row.sender, row.state) == (sender.sender, received.PENDING):
            received.decline(tx, row.id, account=account)


def verdict(row: received.Row) -> str:
    """How we know who the sender is, in plain words."""
    if row.verified == LINK:
        return _("Nobody at {host} is told that you have it.").format(host=row.host)
    if row.verified == "unsigned":
        return _("Not confirmed: {host} does not sign.").format(host=row.host)
    return _("Confirmed: signed by {host}.").format(host=row.host)


def told_only(row: received.Row) -> bool:
    """Whether somebody is named who is not at the server that says so, and so cannot be known."""
    return any(text and Address.parse(text).host != row.host for text in (row.owner, row.shared_by))


def may(row: received.Row) -> str:
    """What the sender says may be done with it."""
    words = [_(word) for name, word in MAY.items() if name in row.permissions]
    return _(" and ").join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or _("nothing")
