"""Shared with me: what people elsewhere offer, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.responses import Response

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server import bounds, received, views
from opencloudmesh.server.database import Tx
from opencloudmesh.server.trees import READ, SHARE, WRITE
from opencloudmesh.server.web.languages import _
from opencloudmesh.server.web.pages.visits import Visit, redirect

ENDED = {
    received.DECLINED: "You declined it, or left it.",
    received.UNSHARED: "The sender has ended it.",
    received.EXPIRED: "Its time is over.",
}
MAY = {"view": "view", READ: "read", WRITE: "write", SHARE: "share it on"}


async def show(visit: Visit) -> Response:
    """Everything that was shared with the person, what waits for an answer first."""
    rows = await visit.context.database.read(lambda tx: received.listing(tx, visit.account.id))
    return visit.page(
        "inbox.html",
        pending=[row for row in rows if row.state == received.PENDING],
        accepted=[row for row in rows if row.state == received.ACCEPTED],
        ended=[row for row in rows if row.state not in received.OPEN],
        active="inbox",
        why=ENDED,
        may=may,
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
        "decline": (lambda tx: received.decline(tx, received_id, account=account), "declined"),
        "remove": (lambda tx: received.remove(tx, received_id, account=account), "removed"),
    }
    if name not in answers:
        raise NotFound("There is nothing here.")
    gesture, done = answers[name]
    await visit.context.commit(gesture)
    return redirect("/inbox", done)


def verdict(row: received.Row) -> str:
    """How we know who the sender is, in plain words."""
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
