"""Passkeys (WebAuthn): a key in a phone, a computer or a stick, which asks its owner for a finger or a PIN.

What is had and what is known or is are two factors at once, so a passkey is a way in of its own, and what follows has
passed a second factor. Making one and showing one are each a question with a ticket, and its answer.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import sqlalchemy as sa
import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from opencloudmesh.protocol.errors import Conflict, FieldError, Invalid, NotFound, Unauthenticated
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.protocol.wire import decode_object
from opencloudmesh.server import audit, factors, tickets
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.config import Config
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import passkeys

MAX_NAME = 100  # characters
MAX_EACH = 20  # of one person
MUST_VERIFY = UserVerificationRequirement.REQUIRED
UNKNOWN = "This passkey is not known here."

Row = sa.Row[Any]


class Site(NamedTuple):
    """What a passkey is bound to: it answers to no other page."""

    host: str
    origin: str
    name: str

    @classmethod
    def of(cls, config: Config) -> Site:
        """The one that has these settings."""
        return cls(urlsplit(config.public_url).hostname or "", config.public_url, config.provider)


class Question(NamedTuple):
    """What the page asks the browser: `options` in JSON, and the ticket with which the answer comes."""

    ticket: str
    options: str


def begin(tx: Tx, account: Account, name: str, site: Site) -> Question:
    """A person wants to make one. Raises `Invalid`, `Conflict`."""
    if not 0 < len(name) <= MAX_NAME:
        raise Invalid("Name the device that it is on.", fields=[FieldError("passkey", "INVALID")])
    mine = listing(tx, account.id)
    if len(mine) >= MAX_EACH:
        raise Conflict("There are too many passkeys. Remove some first.")
    challenge = tx.secret()
    options = webauthn.generate_registration_options(
        rp_id=site.host,
        rp_name=site.name,
        user_id=hashlib.sha256(account.id.encode()).digest(),  # the device keeps it, and it says nothing
        user_name=account.id,
        user_display_name=account.name,
        challenge=challenge.encode(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=MUST_VERIFY
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(row.id)) for row in mine],
    )
    ticket = tickets.issue(tx, tickets.REGISTER, account.id, challenge=challenge, name=name)
    return Question(ticket, webauthn.options_to_json(options))


def add(tx: Tx, account: str, ticket: str, answer: str, site: Site) -> list[str]:
    """It was made, and lets in from now on: the codes to be written down, where there are none yet.

    Raises `Unauthenticated` for a ticket that is over, `Invalid`, `Conflict`.
    """
    row = tickets.take(tx, tickets.REGISTER, ticket)
    if row.account != account:
        raise Unauthenticated("This was begun by somebody else.")
    try:
        made = webauthn.verify_registration_response(
            credential=decode_object(answer.encode()),
            expected_challenge=row.data["challenge"].encode(),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except Exception as error:  # the library raises all sorts of things for what it does not understand
        raise Invalid("The passkey was not made. Try again.", detail=repr(error)) from None
    values = {
        "id": bytes_to_base64url(made.credential_id),
        "account": account,
        "name": row.data["name"],
        "public_key": bytes_to_base64url(made.credential_public_key),
        "sign_count": made.sign_count,
        "created": tx.now,
    }
    if not tx.insert_new(passkeys, values):
        raise Conflict("This passkey is known already.")
    audit.record(tx, "account", "here", account=account, reason=Sentence("second factor: a passkey was added"))
    return [] if factors.of(tx, account).codes else factors.renew_codes(tx, account)


def ask(tx: Tx, site: Site, target: str) -> Question:
    """Somebody wants to come in with one; whoever it is. `target` is where they want to go."""
    challenge = tx.secret()
    options = webauthn.generate_authentication_options(
        rp_id=site.host, challenge=challenge.encode(), user_verification=MUST_VERIFY
    )
    ticket = tickets.issue(tx, tickets.PASSKEY, challenge=challenge, next=target)
    return Question(ticket, webauthn.options_to_json(options))


def prove(tx: Tx, ticket: str, answer: str, site: Site) -> tuple[str, str]:
    """It was shown: whose it is, and where they want to go. Raises `Unauthenticated`."""
    asked = tickets.take(tx, tickets.PASSKEY, ticket)
    try:
        shown = decode_object(answer.encode())
        row = tx.one(sa.select(passkeys).where(passkeys.c.id == str(shown.get("id"))))
    except (Invalid, ValueError) as error:
        raise Unauthenticated(UNKNOWN, detail=repr(error)) from None
    if row is None:
        raise Unauthenticated(UNKNOWN)
    try:
        proved = webauthn.verify_authentication_response(
            credential=shown,
            expected_challenge=asked.data["challenge"].encode(),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=base64url_to_bytes(row.public_key),
            credential_current_sign_count=row.sign_count,
            require_user_verification=True,
        )
    except Exception as error:  # as above
        raise Unauthenticated(UNKNOWN, detail=repr(error)) from None
    used = {"sign_count": proved.new_sign_count, "used": tx.now}
    tx.run(passkeys.update().where(passkeys.c.id == row.id).values(used))
    return row.account, asked.data["next"]


def listing(tx: Tx, account: str) -> list[Row]:
    """A person's, oldest first."""
    query = sa.select(passkeys).where(passkeys.c.account == account)
    return list(tx.all(query.order_by(passkeys.c.created, passkeys.c.id)))


def remove(tx: Tx, account: str, passkey_id: str) -> None:
    """It lets in no more. Raises `NotFound`."""
    mine = passkeys.c.account == account, passkeys.c.id == passkey_id
    if not tx.run(passkeys.delete().where(*mine)).rowcount:
        raise NotFound("There is no such passkey.")
    audit.record(tx, "account", "here", account=account, reason=Sentence("second factor: a passkey was removed"))
    factors.settle(tx, account)
