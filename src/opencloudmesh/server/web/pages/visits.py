"""A person in front of a page: who they are, what every page shows them, and how a page is made.

Names, addresses and notes may come from other servers: templates escape everything, and nothing of it is put anywhere
but into text and quoted attributes. What a page may load is our own style sheet, icon and scripts (`HEADERS`,
`policy`); the texts that scripts say are in the page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Forbidden, OcmError
from opencloudmesh.protocol.fields import REQUIRED, TOO_LONG
from opencloudmesh.server import received
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.config import Config
from opencloudmesh.server.context import Context
from opencloudmesh.server.languages import _, day, language, moment, plural, size, when
from opencloudmesh.server.mounts import UserTree
from opencloudmesh.server.views import LINK_PATH
from opencloudmesh.server.web.auth import Doors
from opencloudmesh.server.web.errors import respond, when_again

FOLDER = Path(__file__).parent.parent
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer", browsers would send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
# The first part of the paths that are for programs: what goes wrong there is told in JSON, whoever asks.
FOR_PROGRAMS = frozenset({"api", "ocm", "dav", ".well-known", "ocm-provider", "health", "index.php"})
# The only places that scripts ask for anything.
UPLOADS_PATH = "/uploads/"
PEERS_PATH = "/peers"
# What the page after a form says. It is named in the URL, so nothing but these can be said.
DONE = {
    "signed-out": "You have signed out.",
    "uploaded": "Uploaded.",
    "discarded": "What had arrived of it was discarded.",
    "made": "The folder was made.",
    "renamed": "Renamed.",
    "moved": "Moved.",
    "copied": "Copied.",
    "deleted": "Deleted.",
    "trashed": "Deleted. It can be restored from the trash.",
    "restored": "Restored.",
    "burned": "Deleted for good.",
    "emptied": "The trash is empty now.",
    "left": "You have left the share. Its owner will be told.",
    "shared": "Shared. The other cloud is being told; this page shows what becomes of it.",
    "spread": "Shared with everybody in the circle who could be given a share. This page shows what becomes of it.",
    "caught-up": "Shared with the new people in the circle.",
    "all-stopped": "All shares with the circle have ended. Nothing can be opened with them any more.",
    "circle-made": "The circle was made. Put people into it.",
    "circle-joined": "They are in the circle. Nothing is shared with them by that.",
    "circle-left": "They are not in the circle any more. What is shared with them stays shared.",
    "circle-removed": "The circle was removed. Contacts and shares stay.",
    "changed": "Changed. It counts from now on.",
    "stopped": "The share has ended. Nothing can be opened with it any more.",
    "accepted": "Accepted. You find it among your files.",
    "added": "That cloud was asked, and shares it with you now. It appears here in a moment; look again.",
    "kept": "Added. You find it among your files, as long as the link leads anywhere.",
    "declined": "Declined. The sender will be told.",
    "turned-away": "Declined. Nothing is taken from them any more; under Contacts you can let them in again.",
    "removed": "Taken off the list.",
    "invited": "The invite was made. Copy it and give it to one person.",
    "mailed": "The invite was made, and is being sent. This page shows what becomes of it.",
    "revoked": "The invite was revoked. Nobody can take it any more.",
    "met": "You are contacts now.",
    "noted": "The contact was added.",
    "forgotten": "The contact was removed.",
    "blocked": "The contact is blocked. Nothing is taken from them any more.",
    "unblocked": "The contact is no longer blocked.",
    "imported": "The contacts in the file were added.",
    "linked": "The link was made. Copy it and give it to whoever may use it.",
    "relinked": "The link was changed. It counts from now on.",
    "unlinked": "The link was removed. It leads nowhere any more.",
    "granted": "Shared. Their cloud is being told.",
    "refused": "Refused. Nobody is told.",
    "factor-off": "The second factor is off. Signing in asks only for your password.",
    "passkey-added": "The passkey was added. You can sign in with it alone.",
    "passkey-removed": "The passkey was removed. Nobody gets in with it any more.",
    "password-changed": "Your password was changed. You were signed out everywhere but here.",
    "password-removed": "The app password was removed. Nothing gets in with it any more.",
    "session-ended": "Signed out there.",
    "copying": "It is being copied. This page shows how far it is.",
    "key-added": "The key was added. It counts for what is shared with you from now on.",
    "asking": "Asked. Their cloud is being told; this page shows what becomes of it.",
    "asked": "Thank you. The owner will be asked, and if they say yes, your cloud tells you.",
    "taken": "Thank you. It is on its way to that address: your own cloud asks you whether you want it.",
    "set": "Saved.",
    "all-read": "All of them are marked as read.",
    "welcome": "Your password is set. Sign in with it.",
    "user-added": "The user was added.",
    "factors-reset": "Their second factors are gone. They sign in with the password alone.",
    "group-added": "The group was made. Put people in.",
    "group-removed": "The group was removed.",
    "joined": "They are in the group now.",
    "taken-out": "They are in the group no more.",
    "decided": "Decided. It counts from now on.",
    "undecided": "Taken back. The policy for all counts again.",
    "discovered": "The server has said who it is.",
    "unknown": "What was known of the server is forgotten. It is met anew.",
    "purged": "Everything with the server has ended.",
    "skipped": "Done. What you skipped is where it was.",
    "retried": "It is being tried now. Look again in a moment.",
    "dropped": "It is not tried any more.",
    "believed": "The directory is asked within a minute. This page shows what it says.",
    "asked-soon": "The directory is asked within a minute.",
    "disbelieved": "The directory is believed no more.",
    "rotated": "Done. Other servers see the new keys from now on.",
    "key-revoked": "The key was revoked. Nothing is signed with it any more.",
    "user-removed": "The user was removed, and what they shared has ended.",
}
FAULTS = {REQUIRED: "This is missing.", TOO_LONG: "This is too long."}
WRONG = "This is not right."


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a person who is signed in. `pending` shares and `asking` people wait for their answer.

    `news`: how many notifications they have not read.
    """

    look: Look
    context: Context
    doors: Doors
    request: Request
    account: Account
    pending: int = 0
    asking: int = 0
    news: int = 0

    @property
    def address(self) -> Address:
        """Their OCM Address."""
        return Address(self.account.id, self.context.config.own_host)

    @property
    def tree(self) -> UserTree:
        """Their files."""
        return self.context.tree(self.account)

    async def share_over(self, path: str) -> received.Row | None:
        """The received share that a path belongs to; None for their own."""
        return await self.context.database.read(lambda tx: received.mounted_over(tx, self.account.id, path))

    def page(self, template: str, error: OcmError | None = None, **values: Any) -> Response:
        """A page; with an error it says so and has its status."""
        values |= {"visit": self, "error": error, "wrong": faults(error)}
        done = DONE.get(self.request.query_params.get("done", ""), "")
        return self.look.page(template, {"done": "" if error else done, **values})


def faults(error: OcmError | None) -> dict[str, str]:
    """What is said beside each field with which something is wrong: the error itself where it is about that alone."""
    fields = error.fields if error else ()
    alone = len({field.name for field in fields}) == 1
    return {field.name: error.message if alone and error else FAULTS.get(field.message, WRONG) for field in fields}


class Look:
    """Makes pages from templates."""

    def __init__(self, config: Config, banner: str) -> None:
        self.config = config
        self.headers = HEADERS | {"Content-Security-Policy": policy(config.public_url)}
        openid = config.oidc_label if config.oidc_issuer else ""
        self._everywhere = {"banner": banner, "provider": config.provider, "openid": openid}

    def page(self, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
        """A template with its values. With an `error` it has that one's status, and says when to try again."""
        html = _templates().get_template(template).render({**self._everywhere, **values})
        error: OcmError | None = values.get("error")
        if error is None:
            return HTMLResponse(html, status, self.headers)
        return HTMLResponse(html, error.status, {**self.headers, **when_again(error)})

    def error(self, error: OcmError, status: int, headers: Mapping[str, str], scope: Scope) -> Response | None:
        """An error as a page for a browser on a path that is for people, in words for a script of ours; else None."""
        accepted = dict(scope["headers"]).get(b"accept", b"")
        if scope["path"].startswith(UPLOADS_PATH) and b"text/html" not in accepted:
            return respond(error, _) if error.status == status else None
        if b"text/html" not in accepted or scope["path"].split("/")[1:2][0] in FOR_PROGRAMS:
            return None
        response = self.page("error.html", {"visit": scope.get("visit"), "message": _(error.message)}, status)
        response.headers.update(headers)
        return response


@cache
def _templates() -> jinja2.Environment:
    """All of them: each is read once in a process."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(_, plural, newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {"size": size, "when": when, "day": day, "iso": iso, "path": quote, "spoken": spoken}
    environment.globals |= {
        "style": STATIC["style.css"].url,
        "icon": STATIC["icon.svg"].url,
        "scripts": {name.removesuffix(".js"): STATIC[name].url for name in SCRIPTS},
        "visit": None,
        "error": None,
        "done": "",
        "active": "",
        "language": language,
        "_": spoken,  # not the one of jinja2, to which every text is markup and a "%" a blank to fill in
    }
    return environment


@dataclass(frozen=True, slots=True)
class Static:
    """A file of ours that is served from memory, under a name that changes with its content."""

    content: bytes
    media_type: str
    url: str


def _static(name: str, media_type: str) -> Static:
    content = (FOLDER / "static" / name).read_bytes()
    stem, _, suffix = name.partition(".")
    return Static(content, media_type, f"/static/{stem}.{hashlib.sha256(content).hexdigest()[:16]}.{suffix}")


SCRIPTS = ("page.js", "add.js", "give.js", "passkey.js", "share.js", "upload.js")
STATIC = {
    name: _static(name, media_type)
    for name, media_type in {
        "style.css": "text/css",
        "icon.svg": "image/svg+xml",
        "file.svg": "image/svg+xml",
        **dict.fromkeys(SCRIPTS, "text/javascript"),
    }.items()
}


def spoken(text: str, **values: object) -> str:
    """A text in the language that is spoken, its blanks `%(name)s` filled in. It is no markup: templates escape it."""
    return _(text) % values if values else _(text)


def policy(public_url: str) -> str:
    """The Content-Security-Policy of our pages.

    Scripts are named one by one: 'self' would be anything at this address, and people's files are served here too.
    """
    scripts = " ".join(public_url + STATIC[name].url for name in SCRIPTS)
    connect = " ".join(public_url + path for path in (UPLOADS_PATH, PEERS_PATH, LINK_PATH))
    return (
        f"{HEADERS['Content-Security-Policy']}; script-src {scripts}; connect-src {connect}; "
        "require-trusted-types-for 'script'"
    )


def redirect(path: str, done: str = "") -> Response:
    """Another page, after a form: `path` is one of ours, not encoded."""
    query = f"?done={done}" if done else ""
    return RedirectResponse(quote(path) + query, 303, {"Cache-Control": "no-store"})


def check_origin(request: Request, config: Config) -> None:
    """A form counts only where it was sent from a page of ours. Raises `Forbidden`.

    The cookie is sent with forms of other ports of this host too (SameSite knows sites, not origins).
    """
    said = request.headers.getlist("origin") or request.headers.getlist("referer")
    if len(said) != 1 or _origin(said[0]) != _origin(config.public_url):
        raise Forbidden(
            "This form was not sent from a page of this cloud. Open {url} and try again.", url=config.public_url
        )


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None


def iso(seconds: float) -> str:
    """A moment for the `datetime` of a `time` element."""
    return f"{moment(seconds):%Y-%m-%dT%H:%M:%SZ}"
