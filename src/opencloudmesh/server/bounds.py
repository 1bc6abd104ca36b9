"""How wide a reshare may be: never wider than what it passes on, at no moment (CVE-2017-0883, CVE-2020-8223).

What it passes on is a share of ours (`shares.parent`) or one that its owner received (`shares.received`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from opencloudmesh.protocol.errors import FieldError
from opencloudmesh.protocol.protocols import MUST_USE_MFA, PERMISSIONS, READ
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import received, shares

LINK = "link"  # in `received.verified`: nobody shared it with the person, who took it from a public link

Row = sa.Row[Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """How somebody gives something, to a person, a circle, or by a link; `expiration` in unix seconds."""

    permissions: frozenset[str] = frozenset({READ})
    description: str = ""
    expiration: int | None = None
    mfa: bool = False  # it opens only after a second factor


TO_READ = Terms()


class Bounds(NamedTuple):
    """What may be given at most, until when at the latest, and what is demanded at every access."""

    permissions: frozenset[str]
    expiration: int | None
    requirements: frozenset[str]

    def exceeded(self, permissions: frozenset[str], expiration: int | None) -> bool:
        """Whether these terms would be wider."""
        later = expiration is not None and self.expiration is not None and expiration > self.expiration
        return later or not permissions <= self.permissions

    def narrowed(self, permissions: Iterable[str], expiration: int | None) -> tuple[list[str], int | None]:
        """The same, or what is left of them. There is nothing without reading."""
        ends = [end for end in (expiration, self.expiration) if end is not None]
        return sorted(self.permissions.intersection(permissions) | {READ}), min(ends, default=None)


NOTHING = Bounds(frozenset(), 0, frozenset())
WIDEST = Bounds(PERMISSIONS, None, frozenset())  # of what is a person's own


class Source(NamedTuple):
    """What a reshare passes on: how wide it may be, the columns that say so, and the server to be asked to do it."""

    bounds: Bounds
    columns: dict[str, Any]
    ask: str = ""


OWN = Source(WIDEST, {})


def wrong_terms(
    tx: Tx, permissions: frozenset[str], expiration: int | None, limits: Bounds = WIDEST
) -> list[FieldError]:  # fmt: skip
    """What is wrong with the terms on which somebody gives something, to a person or by a link."""
    wrong = []
    if not permissions or limits.exceeded(permissions, None):
        wrong.append(FieldError("permissions", "INVALID"))
    if expiration is not None and (expiration <= tx.now or limits.exceeded(frozenset(), expiration)):
        wrong.append(FieldError("expiration", "INVALID"))
    return wrong


def granted_by(permissions: frozenset[str]) -> list[str]:
    """As stored: there is nothing without reading."""
    return sorted(permissions | {READ})


def of_share(row: Row) -> Bounds:
    """What a share of ours gives."""
    return Bounds(frozenset(row.permissions), row.expiration, _passed_on(row))


def of_received(row: Row) -> Bounds:
    """What a received share gives: as its sender said, or, where that said nothing, as was seen over WebDAV.

    Shares of version 1.0 have no `uri` and name no permissions (Nextcloud, ownCloud).
    """
    said = row.permissions if row.uri or row.entry is None else row.entry["permissions"]
    return Bounds(frozenset(said), row.expiration, _passed_on(row))


def over(tx: Tx, row: Row) -> Bounds:
    """Of a row of `shares`."""
    if row.parent is not None:
        parent = tx.one(sa.select(shares).where(shares.c.id == row.parent))
        return NOTHING if parent is None else of_share(parent)
    if row.received is not None:
        given = tx.one(sa.select(received).where(received.c.id == row.received))
        return NOTHING if given is None else of_received(given)
    return WIDEST


def _passed_on(row: Row) -> frozenset[str]:
    """A second factor is demanded of everybody. How tokens are got is a matter of the two servers of each share."""
    return frozenset(row.requirements) & {MUST_USE_MFA}
