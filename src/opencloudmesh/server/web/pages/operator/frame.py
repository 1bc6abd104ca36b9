"""What all pages for operators have: the list of their areas, and lists that go on on a next page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server.web.operator import PAGE
from opencloudmesh.server.web.pages.visits import Visit

T = TypeVar("T")
NO_LABELS: Mapping[str, str] = {}


def framed(
    visit: Visit, area: str, template: str, error: OcmError | None = None, *, labels: Mapping[str, str] = NO_LABELS,
    **values: Any,
) -> Response:  # fmt: skip
    """A page of an area. `labels` are what its fields are called where something is wrong with them."""
    return visit.page(f"operator/{template}.html", error, active="operator", area=area, labels=labels, **values)


def paged(rows: Sequence[T], place: Callable[[T], object], name: str = "after", **query: str) -> dict[str, Any]:
    """`rows` of one page and, where there are more, as `rest` the query of the next. One more than a page was read.

    `place` says of the last row shown where the next page begins, which the query calls `name`.
    """
    shown = list(rows[:PAGE])
    kept = {key: value for key, value in query.items() if value}
    return {"rows": shown, "rest": {**kept, name: place(shown[-1])} if len(rows) > PAGE else None}
