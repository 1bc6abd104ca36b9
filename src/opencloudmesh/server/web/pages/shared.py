"""Shared by me: everything that somebody else can open, by what it is, and how far each share is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from opencloudmesh.server import links, shares
from opencloudmesh.server.web.pages.shares import STATES
from opencloudmesh.server.web.pages.visits import Visit


@dataclass(frozen=True, slots=True)
class Given:
    """A path of a person's files, with the shares of it and the links to it."""

    path: str
    resource_type: str
    shares: list[Any] = field(default_factory=list)
    links: list[Any] = field(default_factory=list)


async def show(visit: Visit) -> Response:
    """What can be done with each is on the page of its path."""
    account = visit.account.id
    given, linked = await visit.context.database.read(
        lambda tx: (
            shares.listing(tx, account),
            [row for row in links.listing(tx, account) if not links.is_over(row, tx.now)],
        )
    )
    return visit.page(
        "shared.html", given=_by_path(given, linked), states=STATES, in_force=shares.IN_FORCE, active="inbox"
    )


def _by_path(given: Iterable[Any], linked: Iterable[Any]) -> list[Given]:
    found: dict[str, Given] = {}
    for row in given:
        found.setdefault(row.path, Given(row.path, row.resource_type)).shares.append(row)
    for row in linked:
        found.setdefault(row.path, Given(row.path, row.resource_type)).links.append(row)
    return [found[path] for path in sorted(found)]
