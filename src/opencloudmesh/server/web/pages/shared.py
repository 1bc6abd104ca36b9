"""Shared by me: everything that somebody else can open, by what it is, and how far each share is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from opencloudmesh.server import links, shares
from opencloudmesh.server.web.pages.shares import STATES
from opencloudmesh.server.web.pages.visits import Visit


@dataclass(frozen=True, slots=True)
class Given:
    """A path of a person's files, the shares of it, and how many links there are to it."""

    path: str
    resource_type: str
    shares: list[Any]
    links: int


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
    found: dict[str, tuple[str, list[Any], list[Any]]] = {}
    for row in given:
        found.setdefault(row.path, (row.resource_type, [], []))[1].append(row)
    for row in linked:
        found.setdefault(row.path, (row.resource_type, [], []))[2].append(row)
    return [Given(path, kind, rows, len(by)) for path, (kind, rows, by) in sorted(found.items())]
