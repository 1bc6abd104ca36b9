"""A person gives away a link, changes it, and answers those who ask by it: what is looked at before the gesture.

The API and the pages both come through here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import links, share_requests
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.bounds import Terms
from opencloudmesh.server.context import Context
from opencloudmesh.server.shares import Keep
from opencloudmesh.server.web.auth import hash_password
from opencloudmesh.server.web.shares import is_folder, read_path, read_permissions, read_terms

MAX_PASSWORD = 1024  # characters


@dataclass(frozen=True, slots=True)
class NewLink:
    """What a person says of a link that they want: the body of `POST links`, or a form."""

    path: str
    mode: str
    password: str = field(repr=False)
    terms: Terms

    @classmethod
    def read(cls, body: dict[str, Any]) -> NewLink:
        """Raises `Invalid` naming every wrong field."""
        fields = Fields(body)
        wanted = cls(
            path=read_path(fields),
            mode=fields.text("mode", required=False) or links.ASK,
            password=fields.text("password", required=False, limit=MAX_PASSWORD),
            terms=read_terms(fields),
        )
        if wanted.terms.mfa:  # whoever has a link need not sign in
            fields.wrong("mfa")
        fields.check("The link is not complete.")
        return wanted


def read_grant(body: dict[str, Any]) -> frozenset[str] | None:
    """With what permissions the person says yes; None where they say nothing of it. Raises `Invalid`."""
    fields = Fields(body)
    permissions = read_permissions(fields) if "permissions" in body else None
    fields.check("The answer is not complete.")
    return permissions


@dataclass(frozen=True, slots=True)
class LinkChange:
    """What a person says of a link that they change: the body of `PATCH links/{id}`, or a form."""

    mode: str | None
    permissions: frozenset[str] | None
    password: str | Keep | None = field(repr=False)
    description: str | None
    expiration: int | Keep | None

    @classmethod
    def read(cls, body: dict[str, Any]) -> LinkChange:
        """What is not in it stays as it is; a `password` or `expiration` of null is none. Raises `Invalid`."""
        fields = Fields(body)
        change = cls(
            mode=fields.text("mode") if "mode" in body else None,
            permissions=read_permissions(fields) if "permissions" in body else None,
            password=_read_password(fields) if "password" in body else Keep.KEEP,
            description=fields.text("description", required=False) if "description" in body else None,
            expiration=fields.number("expiration") if "expiration" in body else Keep.KEEP,
        )
        fields.check("The change is not complete.")
        return change


def _read_password(fields: Fields) -> str | None:
    return fields.text("password", required=False, limit=MAX_PASSWORD) or None


async def create(context: Context, account: Account, wanted: NewLink) -> links.Row:
    """A new link. Raises what `links.create` raises, `Invalid` for what is not there, `Forbidden`."""
    folder = await is_folder(context, account, wanted.path)
    password = await hash_password(wanted.password) if wanted.password else None
    return await context.database.write(
        lambda tx: links.create(
            tx,
            account.id,
            path=wanted.path,
            resource_type="folder" if folder else "file",
            mode=wanted.mode,
            terms=wanted.terms,
            password=password,
        )
    )


async def change(context: Context, account: Account, link_id: str, wanted: LinkChange) -> links.Row:
    """A link is changed. Raises what `links.change` raises."""
    password = await hash_password(wanted.password) if isinstance(wanted.password, str) else wanted.password
    return await context.database.write(
        partial(
            links.change,
            link_id=link_id,
            account=account.id,
            mode=wanted.mode,
            permissions=wanted.permissions,
            password=password,
            description=wanted.description,
            expiration=wanted.expiration,
        )
    )


async def grant(
    context: Context, account: Account, request_id: str, permissions: frozenset[str] | None = None
) -> share_requests.Row:
    """The person says yes. Raises what `share_requests.grant` raises, `Invalid` for what is not there any more."""
    row = await context.database.read(lambda tx: share_requests.get(tx, request_id, account=account.id))
    resource_type = "folder" if await is_folder(context, account, row.path) else "file"
    return await context.commit(
        lambda tx: share_requests.grant(
            tx, request_id, account=account.id, resource_type=resource_type, permissions=permissions
        )
    )
