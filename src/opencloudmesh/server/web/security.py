"""What a person's way in is made of: sessions, app passwords and passkeys, for the API and the pages."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.server import app_passwords, passkeys, sessions, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.languages import _
from opencloudmesh.server.web.errors import json_response

# What a browser calls itself, to what people call it; the first that is found counts.
BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "Mac"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


async def list_sessions(context: Context, account: Account, _request: Request) -> Response:
    """Where I am signed in."""
    rows = await context.database.read(lambda tx: sessions.listing(tx, account.id))
    return json_response([views.session(row, device(row.agent)) for row in rows])


async def end_session(context: Context, account: Account, request: Request) -> Response:
    """I sign out somewhere."""
    await context.database.write(lambda tx: sessions.end_one(tx, account.id, request.path_params["id"]))
    return Response(status_code=204)


async def end_sessions(context: Context, account: Account, _request: Request) -> Response:
    """I sign out everywhere."""
    await context.database.write(lambda tx: sessions.end_all(tx, account.id))
    return Response(status_code=204)


async def list_app_passwords(context: Context, account: Account, _request: Request) -> Response:
    """The passwords that my programs have."""
    rows = await context.database.read(lambda tx: app_passwords.listing(tx, account.id))
    return json_response([views.app_password(row) for row in rows])


async def revoke_app_password(context: Context, account: Account, request: Request) -> Response:
    """A program shall get in no more."""
    await context.database.write(lambda tx: app_passwords.revoke(tx, account.id, request.path_params["id"]))
    return Response(status_code=204)


async def list_passkeys(context: Context, account: Account, _request: Request) -> Response:
    """The keys by which I sign in. Only a browser makes one, and a page asks for the password before one is removed."""
    rows = await context.database.read(lambda tx: passkeys.listing(tx, account.id))
    return json_response([views.passkey(row) for row in rows])


def device(agent: str) -> str:
    """What a browser is, in words of people: "Firefox, Windows"."""
    found = [next((name for word, name in table if word in agent), "") for table in (BROWSERS, SYSTEMS)]
    known = ", ".join(name for name in found if name)
    return known or re.sub(r"[^ -~]", "", agent.partition("/")[0])[:40].strip() or _("Unknown device")
