"""A person shares a file or folder, or changes that: what they say, and what is looked at before the gesture.

The API and the pages both come through here.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import FieldError, Forbidden, Invalid, NotFound
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import received, reshares, shares
from opencloudmesh.server.accounts import SHARE_TYPES, USER, Account
from opencloudmesh.server.bounds import Terms
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.trees import ALL, READ, clean_path

AGAIN = 20  # tries of one person within a minute: a server that is away is not asked without end


@dataclass(frozen=True, slots=True)
class NewShare:
    """What a person says of a share that they want: the body of `POST shares`, or a form."""

    path: str
    share_with: Address
    share_type: str
    terms: Terms

    @classmethod
    def read(cls, body: dict[str, Any]) -> NewShare:
        """Raises `Invalid` naming every wrong field."""
        fields = Fields(body)
        wanted = cls(
            path=read_path(fields),
            share_with=fields.address("shareWith"),
            share_type=_share_type(fields),
            terms=read_terms(fields),
        )
        fields.check("The share is not complete.")
        return wanted


@dataclass(frozen=True, slots=True)
class ShareChange:
    """What a person says of a share that they change: the body of `PATCH shares/{id}`, or a form."""

    permissions: frozenset[str] | None
    expiration: int | shares.Keep | None

    @classmethod
    def read(cls, body: dict[str, Any]) -> ShareChange:
        """What is not in it stays as it is; an `expiration` of null is none. Raises `Invalid` naming wrong fields.

        Not so a second factor: the protocol says that it is demanded with the share, and has no word for it later.
        """
        fields = Fields(body)
        if "mfa" in body:
            raise Invalid(
                "Whether a second factor is demanded is said once, with the share. End this one, and share it anew.",
                fields=[FieldError("mfa", "NOT_SUPPORTED")],
            )
        change = cls(
            permissions=read_permissions(fields) if "permissions" in body else None,
            expiration=fields.number("expiration") if "expiration" in body else shares.Keep.KEEP,
        )
        fields.check("The change is not complete.")
        return change

    def make(self, tx: Tx, share_id: str, *, owner: str) -> shares.Row:
        """The gesture."""
        return shares.change(tx, share_id, owner=owner, permissions=self.permissions, expiration=self.expiration)


def read_path(fields: Fields) -> str:
    """What is to be given: a path in the person's tree."""
    text = fields.text("path")
    return fields.parsed("path", clean_path, text, "") if text else ""


def _share_type(fields: Fields) -> str:
    """Whom the address means; a person where nothing is said."""
    word = fields.text("shareType", required=False) or USER
    if word not in SHARE_TYPES:
        fields.wrong("shareType")
    return word


def read_terms(fields: Fields) -> Terms:
    """How it is to be given."""
    return Terms(
        permissions=read_permissions(fields),
        description=fields.text("description", required=False),
        expiration=fields.number("expiration"),
        mfa=bool(fields.flag("mfa")),
    )


def read_permissions(fields: Fields) -> frozenset[str]:
    """What the recipient may do; reading where nothing is said."""
    words = fields.values.get("permissions", [READ])
    if isinstance(words, list) and words and all(isinstance(word, str) and word in ALL for word in words):
        return frozenset(words)
    fields.wrong("permissions")
    return frozenset()


async def offer(context: Context, account: Account, wanted: NewShare) -> shares.Row:
    """The person shares it. Raises what `shares.offer` raises, `Invalid` for what is not there, `Forbidden`."""
    if wanted.share_with == Address(account.id, context.config.own_host):
        raise Invalid("This is your own address.", fields=[FieldError("shareWith", "INVALID")])
    folder, given = await look_at(context, account, wanted.path)
    named: dict[str, Any] = {
        "owner": account.id,
        "path": wanted.path,
        "resource_type": "folder" if folder else "file",
        "share_with": wanted.share_with,
        "share_type": wanted.share_type,
        "terms": wanted.terms,
    }
    if given is None:
        return await context.commit(lambda tx: shares.offer(tx, **named))
    return await context.commit(lambda tx: reshares.pass_on(tx, own_host=context.config.own_host, **named))


async def send_again(context: Context, account: Account, share_id: str) -> shares.Row:
    """Their server is told now. Raises `NotFound`, `Conflict` where it knows all, `TooManyRequests`."""
    key = f"sent again by {account.id}"
    context.limits.check(key, AGAIN, Sentence("You have tried often. Wait a minute."))
    row = await context.commit(lambda tx: reshares.send_again(tx, share_id, owner=account.id))
    context.limits.count(key, AGAIN)
    return row


async def look_at(context: Context, account: Account, path: str) -> tuple[bool, received.Row | None]:
    """Whether what is to be shared is a folder, and what the person received that it is, or is a part of.

    Raises `Invalid` where there is nothing.
    """
    given = await context.database.read(lambda tx: received.mounted_over(tx, account.id, path))
    if given is None:
        return await is_folder(context, account, path), None
    with suppress(NotFound):
        return (await context.tree(account).stat(path)).is_folder, given
    raise Invalid("There is no such file or folder.", fields=[FieldError("path", "NOT_FOUND")])


async def is_folder(context: Context, account: Account, path: str) -> bool:
    """Whether what is to be shared is a folder.

    Raises `Invalid` where there is nothing, `Forbidden` for what is somebody else's.
    """
    try:
        return (await context.own_tree(account.id).stat(path)).is_folder
    except NotFound:
        pass
    with suppress(NotFound):
        await context.tree(account).stat(path)
        raise Forbidden("This belongs to somebody else, who shared it with you.")
    raise Invalid("There is no such file or folder.", fields=[FieldError("path", "NOT_FOUND")])
