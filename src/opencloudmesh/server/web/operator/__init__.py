"""What operators do, for the API and the pages alike: one module for each noun.

Whatever is under `AREA`, on the pages and in the API, is for operators: `admit` says so, and both ask it for every
route. Each change asks again in its own transaction (`decide`), and is in the audit trail with who made it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request

from opencloudmesh.protocol.errors import FieldError, Forbidden, Invalid
from opencloudmesh.server import operators
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx

AREA = "/operator"
PAGE = 100  # rows of a list that are shown at once

T = TypeVar("T")


def admit(path: str, account: Account) -> None:
    """Whether somebody may come to a route; `path` is that of its table. Raises `Forbidden`."""
    if (path == AREA or path.startswith(AREA + "/")) and not account.operator:
        raise Forbidden(operators.ONLY_FOR_OPERATORS)


def said(request: Request, name: str) -> str:
    """A parameter in the query; "" where it is not there. Raises `Invalid`."""
    value = request.query_params.get(name, "")
    if "\0" in value:  # PostgreSQL takes none
        raise Invalid("This is not understood.", fields=[FieldError(name, "INVALID")])
    return value


def whole(text: str, name: str) -> int:
    """A number as it is in the query under `name`. Raises `Invalid`."""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Invalid("Write a whole number.", fields=[FieldError(name, "INVALID")])
    return int(text)


async def decide(context: Context, account: Account, gesture: Callable[[Tx], T]) -> T:
    """Runs a gesture of an operator's: durable when it returns. Raises `Forbidden`."""

    def decided(tx: Tx) -> T:
        operators.check(tx, account.id)
        return gesture(tx)

    return await context.commit(decided)
