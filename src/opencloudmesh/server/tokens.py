"""The code flow, as Sending Server: the secret of a share is exchanged for a short-lived token (IETF-OCM, "Code Flow").

The code may be used again, and several tokens of one share live beside each other: CERNBox (Reva) asks for one before
each operation. Only the digest of a token is kept. Tokens end with their share, in the same transaction.
"""

from __future__ import annotations

import hmac
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.errors import Invalid, NotFound, Unauthenticated
from opencloudmesh.protocol.protocols import MUST_EXCHANGE_TOKEN
from opencloudmesh.protocol.tokens import TokenError, TokenRequest, TokenResponse
from opencloudmesh.server import audit, policy, shares
from opencloudmesh.server.database import Tx, digest_of
from opencloudmesh.server.policy import Denied
from opencloudmesh.server.schema import shares as of_secrets
from opencloudmesh.server.schema import tokens

LIFETIME = 300  # seconds, as in the text of the protocol

Row = sa.Row[Any]


def exchange(tx: Tx, request: TokenRequest, *, signed_by: str | None, verified: str = "unsigned") -> TokenResponse:
    """A token for a code. Raises `TokenError` with the word of RFC 6749, 5.2.

    An unsigned request is taken from a peer that never signs, and then its `client_id` says nothing: CERNBox sends the
    name of its identity provider.
    """
    try:
        share = share_of(tx, request.code, as_code=True)
    except (Unauthenticated, NotFound):
        raise TokenError("invalid_grant", "This code opens no share.") from None
    if signed_by is None:
        try:
            policy.check_unsigned(tx, share.host)
        except Unauthenticated as error:
            raise TokenError("invalid_client", error.message) from None
    elif signed_by != share.host or _host(request.client_id) not in ("", signed_by):
        raise TokenError("invalid_client", "The code was given to another server.")
    policy.refuse_denied(tx, "token", share.host, "in")
    token = tx.secret()
    audit.record(tx, "token", "in", host=share.host, account=share.owner, verified=verified, subject=share.id)
    tx.run(tokens.insert().values(digest=digest_of(token), share=share.id, until=tx.now + LIFETIME))
    return TokenResponse(token, LIFETIME)


def share_of(tx: Tx, secret: str, *, as_code: bool = False) -> Row:
    """The live share that a secret opens; `as_code`: that it is the code of.

    Raises `Unauthenticated` for a secret of no share, or of one that demands tokens; `NotFound` where the share has
    ended: after either, Nextcloud and ownCloud take the share off their user's list.
    """
    row = tx.one(sa.select(of_secrets).where(of_secrets.c.secret == secret))
    # The index found it; the comparison that decides takes the same time for any secret.
    if row is None or not hmac.compare_digest(row.secret.encode(), secret.encode()):
        raise Unauthenticated("This secret opens no share.")
    if MUST_EXCHANGE_TOKEN in row.requirements and not as_code:
        raise Unauthenticated("This share is opened only by a token, for which its secret is exchanged.")
    return shares.live(tx, row)


def opened_by(tx: Tx, credential: str) -> Row:
    """The live share that a token or, where the share allows it, its secret opens.

    Raises `Unauthenticated` and `NotFound` as `share_of` does, and `Denied` where the operator has denied the
    server that it was given to: the share is not lost by that, and opens again when they allow it again.
    """
    held = tx.one(sa.select(tokens.c.share).where(tokens.c.digest == digest_of(credential), tokens.c.until > tx.now))
    share = share_of(tx, credential) if held is None else shares.live(tx, shares.get(tx, held.share))
    policy.refuse_denied(tx, "share", share.host, "in", "out")
    return share


def introspect(tx: Tx, token: str) -> tuple[Row, int] | None:
    """The live share that a token opens, and until when; None for everything else, the secret of a share too."""
    held = tx.one(sa.select(tokens).where(tokens.c.digest == digest_of(token), tokens.c.until > tx.now))
    if held is None:
        return None
    try:
        return opened_by(tx, token), held.until
    except (Unauthenticated, NotFound, Denied):
        return None


def purge(tx: Tx) -> None:
    """Removes tokens whose time is over."""
    tx.run(tokens.delete().where(tokens.c.until <= tx.now))


def _host(client_id: str) -> str:
    try:
        return normalise_host(client_id) if client_id else ""
    except Invalid:
        return client_id
