"""Whom our server is run against, and what each of them cannot do: every line with its reason.

Nothing is left out of a test in silence: what a family cannot do is tried all the same and must not work, so that a
line which is no longer true fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.peers.families import INVITES
from tests.peers.values import PeerError

SILENT = "sends no notifications and does not look at those that come"
READ_ONLY = "mounts to read only"


@dataclass(frozen=True)
class Kind:
    """One family and generation. `dialect` is what we are to take it for; `options` start the emulated server."""

    name: str
    dialect: str
    signed: str  # how a share of its is known: "cavage", "rfc9421", "unsigned"
    signs_for_it: str | None  # how we sign for it
    options: Mapping[str, Any] = field(default_factory=dict)
    cannot: Mapping[str, str] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """The name in `tests.peers.families`."""
        return self.name.partition(",")[0]

    @property
    def by_invite(self) -> bool:
        """Whether it shares only with people who were invited."""
        return self.family in INVITES

    def can(self, what: str) -> bool:
        """One of `ABILITIES`."""
        assert what in ABILITIES
        return what not in self.cannot


# Of a share of ours: what their user can do with it, and what the two servers tell each other.
# Of a share of theirs: what can be offered to us, and what they tell and hear.
ABILITIES = (
    "discover",
    "take a folder",
    "write",
    "tell accepted",
    "tell declined",
    "hear unshared",
    "give a folder",
    "give to write",
    "hear accepted",
    "hear declined",
    "tell unshared",
)

_SEAFILE = {
    "write": READ_ONLY,
    "tell accepted": "has no accepting: what arrived is there",
    "give to write": "shares to read only",
}
_REVA = dict.fromkeys(("tell accepted", "tell declined", "hear unshared"), SILENT) | dict.fromkeys(
    ("hear accepted", "hear declined", "tell unshared"), SILENT
)
_OPENCLOUD = {**_REVA, "discover": "asks nobody for a document when it shares; the operator lists the address"}
_GO = {
    "take a folder": "knows single files only (501)",
    "write": READ_ONLY,
    "give a folder": "knows single files only",
    "give to write": "answers 501 to all changes",
}

KINDS = (
    Kind("nextcloud-28", "nextcloud", "unsigned", None),
    Kind("nextcloud-30", "nextcloud", "unsigned", None),
    Kind("nextcloud-32", "nextcloud", "cavage", "cavage"),
    Kind("nextcloud-34", "nextcloud", "cavage", "cavage"),
    Kind("owncloud-10", "owncloud", "unsigned", None),
    Kind("seafile", "seafile", "unsigned", None, cannot=_SEAFILE),
    Kind("reva", "reva", "unsigned", None, cannot=_REVA),
    Kind("reva, tokens demanded", "reva", "unsigned", None, options={"require_token": True}, cannot=_REVA),
    Kind("opencloud", "opencloud", "unsigned", None, cannot=_OPENCLOUD),
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


def those_that(what: str) -> Any:
    """Every family that can do something."""
    return pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.can(what)], ids=lambda kind: kind.name)


everybody = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
by_invite = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.by_invite], ids=lambda kind: kind.name)


async def works(doing: Awaitable[object]) -> bool:
    """Whether a peer's user gets through with something."""
    try:
        await doing
    except PeerError:
        return False
    return True
