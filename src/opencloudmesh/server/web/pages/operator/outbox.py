"""The outbox: what other servers have still to be told, what fails and why."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server import outbox as gestures
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.operator import AREA, PAGE, outbox, said, whole
from opencloudmesh.server.web.pages.operator.frame import framed, paged
from opencloudmesh.server.web.pages.visits import Visit, redirect

STATES = {gestures.DUE: "Waiting", gestures.GIVEN_UP: "Given up"}
KINDS = {
    gestures.SHARE: "A share is offered",
    gestures.NOTIFICATION: "News of a share",
    gestures.REQUEST: "A share is asked for",
    gestures.MAIL: "A mail",
    gestures.PROBE: "A look at a share",
    gestures.CONFIRM: "A look whether a share is still there",
}
# What it means that a message is never told.
LOSS = {
    gestures.SHARE: "The person there never gets the share. Its owner here sees that it was stopped, and may try anew.",
    gestures.NOTIFICATION: "The other server is never told. What was changed here counts all the same; people there "
    "may go on seeing what has ended.",
    gestures.REQUEST: "The person there never hears that they were asked. Who asked sees so.",
    gestures.MAIL: "The mail is not sent. The person sees so.",
}
LATER = "It is not looked at now; it is when the person opens it."  # for the kinds that tell nobody anything


async def show(visit: Visit, error: OcmError | None = None) -> Response:
    """A page of the messages."""
    host, state = said(visit.request, "host"), said(visit.request, "state")
    after = whole(said(visit.request, "after") or "0", "after")
    found, counted = await visit.context.database.read(
        lambda tx: (outbox.page(tx, host=host, state=state, after=after, limit=PAGE + 1), gestures.waiting(tx))
    )
    values = paged(found, lambda row: row["id"], host=host, state=state)
    return framed(
        visit, "outbox", "outbox", error, **values, counted=counted, states=STATES, kinds=KINDS, host=host, state=state,
        given_up=gestures.GIVEN_UP, mail=gestures.MAIL,
    )  # fmt: skip


async def retry(visit: Visit) -> Response:
    """A message is sent now."""
    try:
        await outbox.retry(visit.context, visit.account, outbox.id_of(visit.request))
    except OcmError as error:
        return await show(visit, error)
    return redirect(f"{AREA}/outbox", "retried")


async def ask_to_drop(visit: Visit) -> Response:
    """Shall it never be told?"""
    message_id = outbox.id_of(visit.request)

    def look(tx: Tx) -> dict[str, object]:
        return outbox.about(tx, gestures.get(tx, message_id))

    message = await visit.context.database.read(look)
    loss = LOSS.get(str(message["kind"]), "")
    return framed(visit, "outbox", "outbox_drop", message=message, kinds=KINDS, loss=loss or LATER)


async def drop(visit: Visit) -> Response:
    """It is never told."""
    try:
        await outbox.drop(visit.context, visit.account, outbox.id_of(visit.request))
    except OcmError as error:
        return await show(visit, error)
    return redirect(f"{AREA}/outbox", "dropped")
