"""People whom an OpenID provider vouches for, and who they are here.

The first time a name there decides (the setting `oidc_claim`), from then on only the provider's own identifier: a name
that is given to somebody else there opens nothing here.
"""

from __future__ import annotations

import sqlalchemy as sa

from opencloudmesh.protocol.errors import Forbidden
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import accounts, audit
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import identities


def sign_in(
    tx: Tx, issuer: str, subject: str, *, called: str, name: str = "", email: str = "", create: bool = False
) -> Account:
    """Who somebody is here; `called`: their name there. With `create`, who has no account gets one, without password.

    Raises `Forbidden`, and what `accounts.add` raises.
    """
    known = tx.one(sa.select(identities).where(identities.c.issuer == issuer, identities.c.subject == subject))
    if known is not None:
        return accounts.get(tx, known.account)
    account = accounts.find(tx, called) if called else None
    if account is None and not (create and called):
        raise Forbidden("There is no account for you here. Ask the operator of this cloud.")
    if account is None:
        account = accounts.add(tx, called, accounts.NO_PASSWORD, name=name, email=email)
    elif account.operator:  # whoever may choose their name at the provider must not choose this one
        raise Forbidden("Operators of this cloud sign in with their password or a passkey.")
    elif _is_taken(tx, issuer, account.id):
        raise Forbidden("Your name belongs to somebody else here. Ask the operator of this cloud.")
    row = {"issuer": issuer, "subject": subject, "account": account.id, "created": tx.now}
    tx.run(identities.insert(), row)
    audit.record(
        tx,
        "account",
        "here",
        account=account.id,
        reason=Sentence("signs in as {subject} of {issuer}", subject=subject[:255], issuer=issuer),
    )
    return account


def _is_taken(tx: Tx, issuer: str, account: str) -> bool:
    query = sa.select(identities.c.subject).where(identities.c.issuer == issuer, identities.c.account == account)
    return bool(tx.all(query))
