"""Somebody who was given a link: what their pages have, and how the password of one lets a browser in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError, TooManyRequests, Unauthenticated
from opencloudmesh.server import links
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.link_trees import LinkTree
from opencloudmesh.server.trees import clean_path
from opencloudmesh.server.views import LINK_PATH
from opencloudmesh.server.web.auth import Doors
from opencloudmesh.server.web.linked import REMEMBERED, remembered, remembers
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import DONE, Look, redirect


@dataclass(frozen=True, slots=True)
class Guest:
    """A request of a visitor."""

    look: Look
    context: Context
    doors: Doors
    request: Request
    link: links.Row
    owner: Account
    is_folder: bool

    @property
    def home(self) -> str:
        """The path of the link's page."""
        return f"{LINK_PATH}{self.link.token}"

    @property
    def path(self) -> str:
        """The path in the tree that the URL names."""
        return clean_path(self.request.path_params.get("path", ""))

    @property
    def name(self) -> str:
        """What the file or folder is called."""
        return str(self.link.path.rpartition("/")[2])

    @property
    def tree(self) -> LinkTree:
        """What they may see and change."""
        return self.context.linked_tree(self.link)

    def page(self, template: str, error: OcmError | None = None, **values: Any) -> Response:
        """A page; with an error it says so and has its status."""
        done = DONE.get(self.request.query_params.get("done", ""), "")
        own_host = self.context.config.own_host
        shown = {"link": self.link, "owner": self.owner.name, "host": own_host, "home": self.home, "error": error}
        owncloud = self.context.config.owncloud_links
        return self.look.page(
            template,
            {"done": "" if error else done, "address": "", "way": "", "owncloud": owncloud, **shown, **values},
        )


Handler = Callable[[Guest], Awaitable[Response]]


async def enter(guest: Guest) -> Response:
    """Their browser is let in from now on, if they know the password."""
    form = await read_form(guest.request)
    try:
        await guest.doors.link(guest.request, guest.link, form.get("password", ""))
    except (Unauthenticated, TooManyRequests) as error:
        return guest.page("password.html", error, doing="password")
    response = redirect(guest.home)
    if guest.link.password is not None:
        now = int(guest.context.clock())
        response.set_cookie(
            _cookie_name(guest.context), remembered(guest.link, now), max_age=REMEMBERED, path=guest.home,
            secure=_secure(guest.context), httponly=True, samesite="lax",
        )  # fmt: skip
    return response


def let_in(guest: Guest) -> bool:
    """Whether they need no password, or have shown it in this browser."""
    if guest.link.password is None:
        return True
    cookie = guest.request.cookies.get(_cookie_name(guest.context), "")
    return remembers(guest.link, cookie, int(guest.context.clock()))


def _secure(context: Context) -> bool:
    return urlsplit(context.config.public_url).scheme == "https"


def _cookie_name(context: Context) -> str:
    return "__Secure-link" if _secure(context) else "link"
