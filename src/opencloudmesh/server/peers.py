"""Other servers as we know them: their documents and keys, and how contact with them goes.

The circuit breaker is kept here, in the database: a peer that failed is not asked again until `retry_at`, so that a
dead peer costs nothing; it closes as soon as the peer answers, or calls us with a valid signature.

What keys a peer showed first is kept for the record, and that none is left of those that it showed is written into the
audit trail. Nothing is refused because of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import BadAnswer, Invalid, NotFound, SignatureError
from opencloudmesh.protocol.keys import from_pem, parse_jwks
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import audit
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import contacts, outbox, peers, received, shares, signatures

DOCUMENT_LIFETIME = 3_600  # seconds; a document or key set is asked for again after that
SIGNATURE_LIFETIME = 600  # seconds; longer than any signature is valid (300 back, 60 ahead)
# By the place where a peer shows keys. A document has room for one: there it may be a rotation like any other.
REPLACED = {
    "publicKey": Sentence("It replaced the key in its discovery document."),
    "jwks": Sentence("It replaced all keys of its key set at once."),
}
# Seconds that a failing peer is left alone, by failures in a row.
CIRCUIT = (5, 10, 30, 60, 300, 900)

_BY_HOST = sa.select(peers).where(peers.c.host == sa.bindparam("of"))


def get(tx: Tx, host: str) -> sa.Row[Any] | None:
    """What is known of a peer."""
    return tx.one(_BY_HOST, {"of": host})


def document(tx: Tx, host: str) -> Discovery | None:
    """What a peer says of itself, while that is not too old to go by."""
    row = get(tx, host)
    if row is None or row.document is None or row.document_until <= tx.now:
        return None
    return Discovery.read(row.document, row.base_url)


def everybody(tx: Tx) -> list[sa.Row[Any]]:
    """All known peers."""
    return list(tx.all(sa.select(peers).order_by(peers.c.host)))


def remember_document(tx: Tx, host: str, base_url: str, document: dict[str, Any]) -> None:
    """The peer presented itself: contact is good."""
    known = get(tx, host)
    values = {"base_url": base_url, "document": document, "document_until": tx.now + DOCUMENT_LIFETIME, **_reached(tx)}
    if known is not None and known.document != document:
        values |= {"learnt": None, "keys_until": 0}  # it changed: what worked may not, and keys may be new
    before = _key_of(known.document, known.base_url) if known is not None and known.document is not None else []
    values |= _watched(tx, host, known, "publicKey", before, _key_of(document, base_url))
    tx.upsert(peers, {"host": host}, values)


def remember_keys(tx: Tx, host: str, keys: dict[str, Any]) -> None:
    """The peer's JWK set."""
    known = get(tx, host)
    values: dict[str, Any] = {"keys": keys, "keys_until": tx.now + DOCUMENT_LIFETIME, "keys_fetched": tx.now}
    before = _keys_of(known.keys) if known is not None and known.keys is not None else []
    values |= _watched(tx, host, known, "jwks", before, _keys_of(keys))
    tx.upsert(peers, {"host": host}, {**values, **_reached(tx)})


def reached(tx: Tx, host: str) -> None:
    """Contact is good, whichever side began it."""
    tx.run(peers.update().where(peers.c.host == host, peers.c.failures > 0).values(**_reached(tx)))


def failed(tx: Tx, host: str, reason: str) -> bool:
    """The peer did not answer. False for one that never has: it gets no row, so that it costs no memory.

    While the circuit is open nobody asks: what comes then is of the same failure, and counts once.
    """
    row = get(tx, host)
    if row is None or row.retry_at > tx.now:
        return row is not None
    failures = row.failures + 1
    values = {
        "failures": failures,
        "failing_since": row.failing_since or tx.now,
        "retry_at": tx.now + CIRCUIT[min(failures, len(CIRCUIT)) - 1],
        "error": reason,
    }
    tx.run(peers.update().where(peers.c.host == host).values(**values))
    return True


def page(tx: Tx, text: str = "", *, failing: bool = False, after: str = "", limit: int) -> list[sa.Row[Any]]:
    """`limit` known peers by host, behind `after`: those that have `text` in it, or only those that are `failing`."""
    query = sa.select(peers).where(peers.c.host > after, peers.c.host.icontains(text.strip(), autoescape=True))
    if failing:
        query = query.where(peers.c.failures > 0)
    return list(tx.all(query.order_by(peers.c.host).limit(limit)))


def thumbprints(row: sa.Row[Any]) -> dict[str, list[str]]:
    """The keys that a peer shows, by place, as far as they are understood."""
    shown = {
        "publicKey": _key_of(row.document, row.base_url) if row.document is not None else [],
        "jwks": _keys_of(row.keys) if row.keys is not None else [],
    }
    return {where: keys for where, keys in shown.items() if keys}


def ask_again(tx: Tx, host: str) -> None:
    """A peer that failed is asked again now, not only after its time."""
    tx.run(peers.update().where(peers.c.host == host).values(retry_at=0))


def forget(tx: Tx, host: str, *, by: str = "") -> None:
    """Everything about a peer; it is met anew. Raises `NotFound`."""
    if not lose(tx, host):
        raise NotFound("{host} is not known.", host=host)
    audit.record(tx, "peer", "here", host=host, reason=Sentence("forgotten"), by=by)


def lose(tx: Tx, host: str) -> bool:
    """As `forget`; whether anything was known."""
    return tx.run(peers.delete().where(peers.c.host == host)).rowcount > 0


def learn(tx: Tx, host: str, learnt: dict[str, Any]) -> None:
    """Remembers what worked with a peer, until its document changes."""
    tx.run(peers.update().where(peers.c.host == host).values(learnt=learnt))


def signed(tx: Tx, host: str, digest: str) -> bool:
    """A message with a valid signature arrived: from now on the peer is expected to sign. Whether it is there again.

    Raises `SignatureError` where this very signature was used before.
    """
    if not tx.insert_new(signatures, {"digest": digest, "until": tx.now + SIGNATURE_LIFETIME}):
        raise SignatureError("This signature has been used before.")
    unsure = sa.or_(peers.c.signs.is_(False), peers.c.failures > 0)
    return tx.run(peers.update().where(peers.c.host == host, unsure).values(signs=True, **_reached(tx))).rowcount > 0


def forget_old_signatures(tx: Tx) -> None:
    """Drops signatures that are too old to be accepted anyway."""
    tx.run(signatures.delete().where(signatures.c.until < tx.now))


def forget_strangers(tx: Tx) -> None:
    """Drops what is known of servers that were only looked at: a name server can make up as many as it likes."""
    related = sa.union(*(sa.select(table.c.host) for table in (shares, received, contacts, outbox)))
    idle = sa.and_(peers.c.signs.is_(False), peers.c.document_until < tx.now, peers.c.keys_until < tx.now)
    tx.run(peers.delete().where(idle, peers.c.host.not_in(related)))


def _watched(
    tx: Tx, host: str, known: sa.Row[Any] | None, where: str, before: Sequence[str], shown: Sequence[str]
) -> dict[str, Any]:
    """What `first_keys` becomes. That none of the keys is left that were shown `before` is written down."""
    if before and not set(before) & set(shown):
        now = Sentence("{what} Now: {keys}", what=REPLACED[where], keys=", ".join(shown))
        reason = now if shown else Sentence("It shows no key there any more.")
        audit.record(tx, "keys", "in", host=host, subject=where, reason=reason)
    first = (known.first_keys if known is not None else None) or {}
    return {"first_keys": {**first, where: list(shown)}} if shown and where not in first else {}


def _key_of(document: dict[str, Any], base_url: str) -> list[str]:
    """The thumbprint of the key in a discovery document, if there is one that is understood."""
    with suppress(BadAnswer, Invalid):
        key = Discovery.read(document, base_url).public_key
        return [from_pem(key.key_id, key.pem).thumbprint()] if key is not None else []
    return []


def _keys_of(jwks: dict[str, Any]) -> list[str]:
    with suppress(Invalid):
        return [key.thumbprint() for key in parse_jwks(jwks)]
    return []


def _reached(tx: Tx) -> dict[str, Any]:
    return {"failures": 0, "failing_since": None, "retry_at": 0, "error": None, "last_contact": tx.now}
