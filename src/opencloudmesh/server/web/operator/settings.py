"""The settings in force, and our own keys."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import config, keys, operators
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.bodies import read_maybe_object, read_object
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.operator import decide


async def list_settings(context: Context, _account: Account, _request: Request) -> Response:
    """What is set, and where; never a secret."""
    return json_response(config.in_force(context.config))


async def list_keys(context: Context, _account: Account, _request: Request) -> Response:
    """Which keys sign, which will, which did, and until when."""
    return json_response(await shown(context))


async def rotate_keys(context: Context, account: Account, request: Request) -> Response:
    """I have new keys made."""
    fields = Fields(await read_maybe_object(request))
    at_once = bool(fields.flag("now"))
    fields.check()
    await rotate(context, account, at_once=at_once)
    return json_response(await shown(context))


async def revoke_key(context: Context, account: Account, request: Request) -> Response:
    """I end a key at once."""
    fields = Fields(await read_object(request))
    kid = fields.text("kid")
    fields.check()
    await revoke(context, account, kid)
    return json_response(await shown(context))


async def shown(context: Context) -> list[dict[str, Any]]:
    """All keys, without their secret halves."""
    found = await asyncio.to_thread(keys.listing, context.config.data, context.config.public_url, context.clock())
    return [key.shown() for key in found]


async def rotate(context: Context, account: Account, *, at_once: bool) -> None:
    """As `ocm keys rotate`: the running server notices by itself. Raises `Conflict`."""
    await decide(context, account, lambda _: None)  # before anything is made
    settings, now = context.config, int(context.clock())
    made = await asyncio.to_thread(
        keys.rotate, settings.data, settings.public_url, now, settings.keys_passphrase, at_once=at_once
    )
    await context.commit(
        lambda tx: operators.keys_rotated(tx, settings.public_url, made, at_once=at_once, by=account.id)
    )


async def revoke(context: Context, account: Account, kid: str) -> None:
    """As `ocm keys revoke`. Raises `NotFound`."""
    await decide(context, account, lambda _: None)  # before anything is ended
    settings, now = context.config, int(context.clock())
    ended, made = await asyncio.to_thread(
        keys.revoke, settings.data, settings.public_url, kid, now, settings.keys_passphrase
    )
    await context.commit(lambda tx: operators.keys_revoked(tx, settings.public_url, ended, made, by=account.id))
