"""Notifications: what a person is told, and the way to what it is about."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server import links, news, shares
from opencloudmesh.server.database import Tx
from opencloudmesh.server.languages import _
from opencloudmesh.server.trees import parent
from opencloudmesh.server.web.news import MAX_ID, id_of, number
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import Visit, redirect

PLACE = "/notifications"
PLACES = {  # of what the news are about
    news.RECEIVED: "/inbox",
    news.INVITE: "/invites",
    news.CONTACT: "/contacts",
    news.REQUEST: "/requests",
    news.ASKED: "/asked",
    news.COPY: "/copies",
}
AT_ONCE = 50


async def show(visit: Visit) -> Response:
    """What they are told, newest first."""
    before = number(visit.request, "before", MAX_ID)
    rows = await visit.context.database.read(
        lambda tx: news.listing(tx, visit.account.id, before=before, limit=AT_ONCE + 1)
    )
    return visit.page(
        "notifications.html",
        news=rows[:AT_ONCE],
        more=len(rows) > AT_ONCE,
        first=before is None,
        pieces=partial(news.pieces, spoken=_),
        sentence=partial(news.sentence, spoken=_),
        active="notifications",
    )


async def follow(visit: Visit) -> Response:
    """What one is about, wherever that is now. Whoever goes there has read it."""
    news_id, account = id_of(visit.request), visit.account.id

    def place(tx: Tx) -> str:
        row = news.mark(tx, account, news_id)
        about = news.EVENTS[row.event].about
        if about == news.LINK:
            return _behind(tx, account, row.subject)
        return PLACES[about] if about in PLACES else f"/share/{shares.get(tx, row.subject, owner=account).path}"

    return redirect(await visit.context.database.write(place))


def _behind(tx: Tx, account: str, link_id: str) -> str:
    """The folder that somebody has put something into by a link; all links, where this one is not there any more."""
    try:
        link = links.get(tx, link_id, account=account)
    except NotFound:
        return "/requests"
    return f"/files/{link.path if link.resource_type == 'folder' else parent(link.path)}"


async def mark_one(visit: Visit) -> Response:
    """They have read one."""
    news_id = id_of(visit.request)
    await visit.context.database.write(lambda tx: news.mark(tx, visit.account.id, news_id))
    return redirect(PLACE)


async def mark_all(visit: Visit) -> Response:
    """They have read all that the page showed them, and what is older."""
    newest = (await read_form(visit.request)).get("until", "")
    until = int(newest) if newest.isdecimal() and len(newest) < len(str(MAX_ID)) else None
    await visit.context.database.write(lambda tx: news.mark_all(tx, visit.account.id, until=until))
    return redirect(PLACE, "all-read")
