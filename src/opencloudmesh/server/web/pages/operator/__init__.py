"""The pages for operators, one module for each noun, as in the API (`web/operator`)."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.server.web.operator import AREA
from opencloudmesh.server.web.pages.login import Handler
from opencloudmesh.server.web.pages.operator import users
from opencloudmesh.server.web.pages.visits import Visit, redirect


async def home(_visit: Visit) -> Response:
    """Where an operator begins."""
    return redirect(f"{AREA}/users")


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", AREA, home),
    ("GET", f"{AREA}/users", users.show),
    ("POST", f"{AREA}/users", users.add),
    ("GET", f"{AREA}/users/{{id}}", users.show_one),
    ("POST", f"{AREA}/users/{{id}}", users.change),
    ("POST", f"{AREA}/users/{{id}}/link", users.link),
    ("GET", f"{AREA}/users/{{id}}/remove", users.ask_to_remove),
    ("POST", f"{AREA}/users/{{id}}/remove", users.remove),
)
