"""The pages for operators, one module for each noun, as in the API (`web/operator`)."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.server.web.operator import AREA
from opencloudmesh.server.web.pages.login import Handler
from opencloudmesh.server.web.pages.operator import audit, directories, groups, outbox, peers, policy, settings, users
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
    ("POST", f"{AREA}/users/{{id}}/reset-factors", users.reset_factors),
    ("GET", f"{AREA}/users/{{id}}/remove", users.ask_to_remove),
    ("POST", f"{AREA}/users/{{id}}/remove", users.remove),
    ("GET", f"{AREA}/groups", groups.show),
    ("POST", f"{AREA}/groups", groups.add),
    ("GET", f"{AREA}/groups/{{id}}", groups.show_one),
    ("POST", f"{AREA}/groups/{{id}}/join", groups.join),
    ("POST", f"{AREA}/groups/{{id}}/leave", groups.leave),
    ("GET", f"{AREA}/groups/{{id}}/remove", groups.ask_to_remove),
    ("POST", f"{AREA}/groups/{{id}}/remove", groups.remove),
    ("GET", f"{AREA}/peers", peers.show),
    ("GET", f"{AREA}/peers/{{host}}", peers.show_one),
    ("POST", f"{AREA}/peers/{{host}}", peers.decide_one),
    ("POST", f"{AREA}/peers/{{host}}/ask", peers.ask),
    ("POST", f"{AREA}/peers/{{host}}/forget", peers.forget),
    ("GET", f"{AREA}/peers/{{host}}/purge", peers.ask_to_purge),
    ("POST", f"{AREA}/peers/{{host}}/purge", peers.purge),
    ("GET", f"{AREA}/policy", policy.show),
    ("POST", f"{AREA}/policy/{{name}}", policy.change),
    ("POST", f"{AREA}/rules", policy.decide),
    ("POST", f"{AREA}/rules/remove", policy.undo),
    ("GET", f"{AREA}/outbox", outbox.show),
    ("POST", f"{AREA}/outbox/{{id}}/retry", outbox.retry),
    ("GET", f"{AREA}/outbox/{{id}}/drop", outbox.ask_to_drop),
    ("POST", f"{AREA}/outbox/{{id}}/drop", outbox.drop),
    ("GET", f"{AREA}/audit", audit.show),
    ("GET", f"{AREA}/audit/export", audit.export),
    ("GET", f"{AREA}/directories", directories.show),
    ("POST", f"{AREA}/directories", directories.add),
    ("GET", f"{AREA}/directories/servers", directories.servers),
    ("POST", f"{AREA}/directories/refresh", directories.refresh),
    ("GET", f"{AREA}/directories/remove", directories.ask_to_remove),
    ("POST", f"{AREA}/directories/remove", directories.remove),
    ("GET", f"{AREA}/settings", settings.show),
    ("POST", f"{AREA}/keys/rotate", settings.rotate),
    ("GET", f"{AREA}/keys/revoke", settings.ask_to_revoke),
    ("POST", f"{AREA}/keys/revoke", settings.revoke),
)
