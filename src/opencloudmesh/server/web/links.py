"""A person gives away a link by which others can ask, and answers those who did: what is looked at before the gesture.

The API and the pages both come through here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import links, share_requests
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.shares import is_folder, read_path, read_permissions


@dataclass(frozen=True, slots=True)
class NewLink:
    """What a person says of a link that they want: the body of `POST links`, or a form."""

    path: str
    permissions: frozenset[str]
    description: str
    expiration: int | None

    @classmethod
    def read(cls, body: dict[str, Any]) -> NewLink:
        """Raises `Invalid` naming every wrong field."""
        fields = Fields(body)
        wanted = cls(
            path=read_path(fields),
            permissions=read_permissions(fields),
            description=fields.text("description", required=False),
            expiration=fields.number("expiration"),
        )
        fields.check("The link is not complete.")
        return wanted


def read_grant(body: dict[str, Any]) -> frozenset[str] | None:
    """With what permissions the person says yes; None where they say nothing of it. Raises `Invalid`."""
    fields = Fields(body)
    permissions = read_permissions(fields) if "permissions" in body else None
    fields.check("The answer is not complete.")
    return permissions


async def create(context: Context, account: Account, wanted: NewLink) -> links.Row:
    """A new link. Raises what `links.create` raises, `Invalid` for what is not there, `Forbidden`."""
    folder = await is_folder(context, account, wanted.path)
    return await context.database.write(
        lambda tx: links.create(
            tx,
            account.id,
            path=wanted.path,
            resource_type="folder" if folder else "file",
            permissions=wanted.permissions,
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
