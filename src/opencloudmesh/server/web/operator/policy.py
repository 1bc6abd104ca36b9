"""The policy, which holds for all servers, and the rules about single ones or all below a domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import policy, rules, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.bodies import read_object
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.operator import PAGE, decide, said

# What a rule may say, by its columns.
WORDS = {
    "incoming": (rules.ALLOW, rules.DENY),
    "outgoing": (rules.ALLOW, rules.DENY),
    "signatures": policy.SIGNATURES,
}


async def show_policy(context: Context, _account: Account, _request: Request) -> Response:
    """What holds for all servers."""
    return json_response(await context.database.read(in_force))


async def change_policy(context: Context, account: Account, request: Request) -> Response:
    """I decide about all servers; what is not named stays."""
    fields = Fields(await read_object(request))
    wanted = {name: fields.words(name) for name in policy.KNOBS if fields.values.get(name) is not None}
    fields.check()

    def gesture(tx: Tx) -> dict[str, list[str]]:
        for name, words in wanted.items():
            policy.put(tx, name, words, by=account.id)
        return in_force(tx)

    return json_response(await decide(context, account, gesture))


async def list_rules(context: Context, _account: Account, request: Request) -> Response:
    """A page of the rules."""
    after = said(request, "after")
    rows = await context.database.read(lambda tx: rules.listing(tx, after=after, limit=PAGE))
    return json_response([views.rule(row) for row in rows])


async def put_rule(context: Context, account: Account, request: Request) -> Response:
    """I decide about one server, or all below a domain; what is not named stays, null takes it back."""
    values = await read_object(request)
    row = await put(context, account, request.path_params["pattern"], values)
    return json_response(views.rule(row))


async def delete_rule(context: Context, account: Account, request: Request) -> Response:
    """I take back what was decided: the policy counts again."""
    await drop(context, account, request.path_params["pattern"])
    return Response(status_code=204)


def in_force(tx: Tx) -> dict[str, list[str]]:
    """The words of the policy, in the order in which it explains them."""
    current = policy.current(tx)
    return {name: [word for word in knob.words if word in current.words[name]] for name, knob in policy.KNOBS.items()}


async def set_words(context: Context, account: Account, name: str, words: Sequence[str]) -> None:
    """Raises `NotFound`, `Invalid`."""
    await decide(context, account, lambda tx: policy.put(tx, name, tuple(words), by=account.id))


async def put(context: Context, account: Account, pattern: str, values: dict[str, Any]) -> rules.Row:
    """The rule as it is then. Raises `Invalid`."""
    fields = Fields(values)
    decided: dict[str, str | None] = {}
    for name, words in WORDS.items():
        if name in values:
            decided[name] = fields.text(name, required=False, limit=16) or None
            if decided[name] not in (None, *words):
                fields.wrong(name)
    fields.check()
    if not decided:
        raise Invalid("Say something: {words}.", words=", ".join(WORDS))

    def gesture(tx: Tx) -> rules.Row:
        name = rules.put(tx, pattern, by=account.id, **decided)
        row = rules.get(tx, name)
        if not (row.incoming or row.outgoing or row.signatures or row.private or row.ca):
            rules.drop(tx, name, by=account.id)  # it says nothing
        return row

    return await decide(context, account, gesture)


async def drop(context: Context, account: Account, pattern: str) -> None:
    """Raises `NotFound`, `Invalid`."""
    await decide(context, account, lambda tx: rules.drop(tx, pattern, by=account.id))
