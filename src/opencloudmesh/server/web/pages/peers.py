"""What the page to share says of the one whose address is typed, and whom it suggests: with a script, and without.

`static/share.js` asks for both in JSON; without it the page is asked for them by a button.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server import circles, contacts, shares
from opencloudmesh.server.accounts import GROUP
from opencloudmesh.server.database import Tx
from opencloudmesh.server.languages import _, when
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.pages.visits import Visit
from opencloudmesh.server.web.peers import Found, look

Line = dict[str, str]  # "text", and in "kind" whether it is good, a warning, or neither

SUGGESTIONS = 20  # as one types
KNOWN = 200  # in the page, for browsers without a script
# What a server can: where it is so, where it is not, and what kind of line either is.
FACTS: tuple[tuple[str, Mapping[bool, Line]], ...] = (
    (
        "signed",
        {
            True: {"text": _("It signs its messages."), "kind": "good"},
            False: {"text": _("It does not sign: who sends its messages cannot be confirmed."), "kind": "warn"},
        },
    ),
    (
        "inviteNeeded",
        {True: {"text": _("They take shares only from people they exchanged an invite with."), "kind": ""}},
    ),
    (
        "write",
        {
            True: {"text": _("People there can write where you let them."), "kind": ""},
            False: {"text": _("People there can only read, whatever you let them."), "kind": "warn"},
        },
    ),
    ("mustExchangeToken", {True: {"text": _("It opens files only by keys that are valid for minutes."), "kind": ""}}),
    (
        "mfa",
        {
            True: {"text": _("It can promise a second factor."), "kind": ""},
            False: {"text": _("It cannot promise a second factor."), "kind": ""},
        },
    ),
    (
        "groups",
        {
            True: {"text": _("It takes shares for groups."), "kind": ""},
            False: {"text": _("It takes shares for single people only, not for groups."), "kind": ""},
        },
    ),
)


async def show(visit: Visit) -> Response:
    """Who is meant by what has been typed so far; `only=names`: nobody is asked."""
    text = visit.request.query_params.get("address", "").strip()
    found = await visit.context.database.read(lambda tx: suggestions(tx, visit.account.id, text, SUGGESTIONS))
    quiet = visit.request.query_params.get("only") == "names"
    return json_response(
        {"suggestions": found, "panel": None if quiet else await panel(visit, text)},
        headers={"Cache-Control": "no-store"},
    )


def suggestions(tx: Tx, account: str, text: str, most: int) -> list[dict[str, str]]:
    """Contacts, then circles, then groups that something was shared with, in which the text is found."""
    wanted = text.strip().casefold()
    known = [
        {"value": row.address, "label": f"{row.name} {contacts.email_of(row)}".strip() or row.address}
        for row in contacts.search(tx, account, text)
        if not row.blocked
    ]
    several = [
        {"value": circle.name, "label": _("Circle")}
        for circle in circles.listing(tx, account)
        if circle.members and wanted in circle.name.casefold()
    ]
    groups = sorted({row.share_with for row in shares.listing(tx, account) if row.share_type == GROUP})
    several += [{"value": name, "label": _("Group")} for name in groups if wanted in name.casefold()]
    return [*known, *several][:most]


async def panel(visit: Visit, text: str) -> dict[str, Any] | None:
    """What is known of the one who is meant: a title and lines, and what could be done first (a text, and where).

    None where the text is no address.
    """
    if "@" not in text:
        return None
    try:
        found = await look(visit.context, visit.account, text)
    except OcmError as error:
        return {"title": "", "lines": [_line(_(error.message), "warn")], "first": None}
    return {"title": _title(found), "lines": list(_lines(found)), "first": _first(found)}


def not_reachable(peer: Any) -> str:
    """Since when a row of `peers` has not answered, for whoever has something mounted from there; "" where it does."""
    if peer is None or not peer.failing_since:
        return ""
    return _("{host} has not been reachable since {moment}. You see what was there last.").format(
        host=peer.host, moment=when(peer.failing_since)
    )


def _title(found: Found) -> str:
    said = found.view()
    if said["provider"]:
        return _("{provider} at {host}").format(provider=said["provider"], host=said["host"])
    return str(said["host"])


def _lines(found: Found) -> Iterator[Line]:
    said = found.view()
    name = said["contact"]["name"] or said["address"] if said["contact"] else ""
    if name:
        yield _line(_("{name} is one of your contacts.").format(name=name), "good")
    else:
        yield _line(_("Nobody among your contacts has this address."))
    if not said["allowed"]:
        yield _line(_("You cannot share with them: {reason}").format(reason=_(said["reason"])), "warn")
    elif not said["reachable"]:
        yield _line(_("Their server cannot be reached: {reason}").format(reason=_(said["reason"])), "warn")
        yield _line(_("You can share all the same. They are told as soon as it answers."))
    else:
        if said["reason"]:
            yield _line(_("A share would not arrive: {reason}").format(reason=_(said["reason"])), "warn")
        else:
            yield _line(_("It can be reached, and takes shares."), "good")
        told = (texts[said[fact]] for fact, texts in FACTS if said[fact] in texts)
        yield from (_line(_(line["text"]), line["kind"]) for line in told)
        yield _line(_("It speaks Open Cloud Mesh {version}.").format(version=said["version"] or "?"))


def _first(found: Found) -> dict[str, str] | None:
    """An invite, where there must be one; and where one may have typed an e-mail address, which an invite leads to."""
    said = found.view()
    if said["inviteNeeded"]:
        return {"text": _("Invite them"), "href": "/invites"}
    if said["allowed"] and not said["reachable"] and not said["contact"]:
        query = urlencode({"email": said["address"]})
        return {"text": _("Is this an e-mail address? Send an invite to it."), "href": f"/invites?{query}"}
    return None


def _line(text: str, kind: str = "") -> Line:
    return {"text": text, "kind": kind}
