"""Whom our server is run against, and what does not work with each of them: every line with its reason.

Nothing is left out of a test in silence: what a family cannot do is tried all the same and must not work, so that a
line which is no longer true fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.peers import live
from tests.peers.families import INVITES
from tests.peers.values import PeerError

SILENT = "sends no notifications and does not look at those that come"
READ_ONLY = "its users only read what is shared with them"
FILES_ONLY = "knows single files only"

# What the two servers do together, by who begins. Of the same words the doer is another in each direction: in the first
# our user shares and theirs writes, in the second theirs shares and ours writes.
WE, IT, INVITE, TOKEN = "we share with it", "it shares with us", "invites", "tokens"
ACCESS = ("list", "read", "write", "create a folder", "move", "delete")
FOLDERS = ("share a folder", "list", "create a folder", "move", "delete")
FLOWS: Mapping[str, Mapping[str, str]] = {  # and how the page says it
    WE: {
        "discover": "we read its discovery document",
        "share a file": "we share a file",
        "share a folder": "we share a folder",
        "accept": "its user accepts",
        "tell accepted": "it tells us that its user accepted",
        **{what: f"its user can {what}" for what in ACCESS},
        "decline": "its user declines, also later",
        "tell declined": "it tells us that its user declined",
        "unshare": "we unshare, and its user gets nothing more",
        "hear unshared": "it hears that we unshared",
    },
    IT: {
        "discover": "it reads our discovery document",
        "share a file": "it shares a file",
        "share a folder": "it shares a folder",
        "accept": "our user accepts",
        "hear accepted": "it hears that our user accepted",
        **{what: f"our user can {what}" for what in ACCESS},
        "decline": "our user declines, also later",
        "hear declined": "it hears that our user declined",
        "unshare": "it unshares, and our user gets nothing more",
        "tell unshared": "it tells us that it unshared",
        "find out": "we find out that it unshared, told or not",
    },
    INVITE: {"take ours": "its user accepts an invite of ours", "give one": "our user accepts an invite of its user"},
    TOKEN: {
        "ask for one": "it gets a token from us for what we share",
        "give one": "we get a token from it for what it shares",
    },
}
Flow = tuple[str, str]  # direction and name
Reasons = Mapping[Flow, str]


@dataclass(frozen=True)
class Kind:
    """One family and generation. `dialect` is what we are to take it for; `options` start the emulated server.

    `cannot`: what does not work, and why. `without`: what there is not for this family, which nothing can show.
    """

    name: str
    dialect: str
    signed: str  # how a share of its is known: "cavage", "rfc9421", "unsigned"
    signs_for_it: str | None  # how we sign for it
    options: Mapping[str, Any] = field(default_factory=dict)
    cannot: Reasons = field(default_factory=dict)
    without: Reasons = field(default_factory=dict)

    @property
    def family(self) -> str:
        """The name in `tests.peers.families`."""
        return self.name.partition(",")[0]

    @property
    def by_invite(self) -> bool:
        """Whether it shares only with people who were invited."""
        return self.family in INVITES

    def has(self, direction: str, name: str) -> bool:
        """Whether there is such a thing."""
        assert name in FLOWS[direction]
        return (direction, name) not in self.without

    def can(self, direction: str, name: str) -> bool:
        """Whether it works."""
        return self.has(direction, name) and (direction, name) not in self.cannot


def _because(reason: str, direction: str, *names: str) -> dict[Flow, str]:
    return {(direction, name): reason for name in names}


_NO_INVITES = _because("has no invites", INVITE, *FLOWS[INVITE])
_NO_TOKENS = _because("has no tokens", TOKEN, *FLOWS[TOKEN])
_PLAIN: dict[str, Any] = {"without": _NO_INVITES | _NO_TOKENS}
_CHANGES = ("write", "create a folder", "move", "delete")
_SEAFILE: dict[str, Any] = {
    "cannot": _because(READ_ONLY, WE, *_CHANGES) | _because("shares to read only", IT, *_CHANGES),
    "without": {**_PLAIN["without"], **_because("what arrived is there", WE, "accept", "tell accepted")},
}
_SILENT = _because(SILENT, WE, "tell accepted", "tell declined", "hear unshared") | _because(
    SILENT, IT, "hear accepted", "hear declined", "tell unshared"
)
_GO = (
    _because(FILES_ONLY, WE, *FOLDERS)
    | _because(FILES_ONLY, IT, *FOLDERS)
    | _because(READ_ONLY, WE, "write")
    | _because("answers 501 to all changes", IT, "write")
)

EMULATED = (
    Kind("nextcloud-28", "nextcloud", "unsigned", None, **_PLAIN),
    Kind("nextcloud-30", "nextcloud", "unsigned", None, **_PLAIN),
    Kind("nextcloud-32", "nextcloud", "cavage", "cavage", **_PLAIN),
    Kind("nextcloud-34", "nextcloud", "cavage", "cavage", **_PLAIN),
    Kind("owncloud-10", "owncloud", "unsigned", None, **_PLAIN),
    Kind("seafile", "seafile", "unsigned", None, **_SEAFILE),
    Kind(
        "reva",
        "reva",
        "unsigned",
        None,
        cannot=_SILENT | _because("asks for one only where the share demands it", TOKEN, "ask for one"),
    ),
    Kind(
        "reva, tokens demanded",
        "reva",
        "unsigned",
        None,
        options={"require_token": True},
        cannot=_SILENT | _because("asks for one only where the share demands it", TOKEN, "ask for one"),
    ),
    Kind(
        "opencloud",
        "opencloud",
        "unsigned",
        None,
        cannot=_SILENT
        | _because("asks nobody; its operator lists the address", IT, "discover")
        | _because("answers 500 for what is gone, which may mean anything", IT, "find out"),
        without=_NO_TOKENS,
    ),
    Kind("opencloudmesh-go", "opencloudmesh-go", "rfc9421", "rfc9421", cannot=_GO),
    Kind(
        "opencloudmesh-go, tokens optional",
        "opencloudmesh-go",
        "rfc9421",
        "rfc9421",
        options={"require_token": False},
        cannot=_GO,
    ),
)


def run_against(account: live.Account | None) -> tuple[Kind, ...]:
    """All of them, or the one that is like the real server of `OCM_TEST_PEER`."""
    if account is None:
        return EMULATED
    found = tuple(kind for kind in EMULATED if kind.name == account.kind)
    if not found:
        names = "; ".join(kind.name for kind in EMULATED)
        raise pytest.UsageError(f"OCM_TEST_PEER: {account.kind} is none of {names}")
    return found


KINDS = run_against(live.configured())


def _each(kinds: Iterable[Kind]) -> Any:
    return pytest.mark.parametrize("kind", list(kinds), ids=lambda kind: kind.name)


def those_that(direction: str, name: str) -> Any:
    """Every family with which something works."""
    return _each(kind for kind in KINDS if kind.can(direction, name))


def those_with(direction: str) -> Any:
    """Every family that has something of this direction."""
    return _each(kind for kind in KINDS if any(kind.has(direction, name) for name in FLOWS[direction]))


everybody = _each(KINDS)


async def works(doing: Awaitable[object]) -> bool:
    """Whether a peer's user gets through with something."""
    try:
        await doing
    except PeerError:
        return False
    return True
