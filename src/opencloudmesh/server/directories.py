"""Directory Services that the operator named, and the servers that they list (IETF-OCM, Appendix C).

What a directory said last stays in force until it says something else or the operator removes it: one that is away, or
says what is not signed as it must be, changes nothing but `error`. How old its list is, `fetched` tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.directory import Listing, read_key
from opencloudmesh.protocol.errors import Invalid, NotFound
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import audit
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import directories
from opencloudmesh.server.schema import members as listed

INTERVAL = 3_600  # seconds between two looks at a directory
SOON = 300  # seconds until the second look at one that has begun to fail
MAX_URL = 2_048  # characters

Row = sa.Row[Any]


_OF_MEMBER = (
    sa.select(sa.func.min(directories.c.federation).label("federation"))
    .join(listed, directories.c.url == listed.c.directory)
    .where(listed.c.host == sa.bindparam("member"))
)


def add(tx: Tx, url: str, keys: Sequence[str], *, unsigned: bool = False, by: str = "") -> Row:
    """The operator names a directory, or says anew what is believed of it. `keys` are PEM texts.

    What it listed is forgotten where something that was believed is so no more. Raises `Invalid`.
    """
    host = _checked(url)
    if not keys and not unsigned:
        raise Invalid("Name the key that the directory signs with, or say that it does not sign.")
    pems = [read_key(pem).pem() for pem in keys]
    known = _find(tx, url)
    tx.upsert(directories, {"url": url}, {"keys": pems, "unsigned": unsigned, "due": tx.now})
    if known is not None and (set(known.keys) - set(pems) or known.unsigned > unsigned):
        tx.run(listed.delete().where(listed.c.directory == url))
        tx.run(directories.update().where(directories.c.url == url).values(fetched=None))
    named = Sentence("named with {n} keys", n=len(pems))
    reason = Sentence("{named}, and believed unsigned", named=named) if unsigned else named
    audit.record(tx, "directory", "here", host=host, subject=url, reason=reason, by=by)
    return get(tx, url)


def remove(tx: Tx, url: str, *, by: str = "") -> None:
    """It is asked no more, and what it listed is forgotten. Raises `NotFound`."""
    get(tx, url)
    tx.run(directories.delete().where(directories.c.url == url))
    audit.record(tx, "directory", "here", host=_checked(url), subject=url, reason=Sentence("removed"), by=by)


def get(tx: Tx, url: str) -> Row:
    """One directory. Raises `NotFound`."""
    row = _find(tx, url)
    if row is None:
        raise NotFound("There is no such directory.")
    return row


def listing(tx: Tx) -> list[Row]:
    """All directories, each with the number of `servers` that it lists."""
    servers = sa.select(sa.func.count()).where(listed.c.directory == directories.c.url).scalar_subquery()
    return list(tx.all(sa.select(directories, servers.label("servers")).order_by(directories.c.url)))


def ask_again(tx: Tx, url: str) -> None:
    """It is asked at the next look, not only after its time. Raises `NotFound`."""
    get(tx, url)
    tx.run(directories.update().where(directories.c.url == url).values(due=tx.now))


def listed_by(tx: Tx, url: str, *, after: str = "", limit: int) -> list[Row]:
    """`limit` servers of one directory by their hosts, behind `after`."""
    query = sa.select(listed).where(listed.c.directory == url, listed.c.host > after)
    return list(tx.all(query.order_by(listed.c.host).limit(limit)))


def due(tx: Tx) -> list[Row]:
    """Directories that are to be asked now."""
    return list(tx.all(sa.select(directories).where(directories.c.due <= tx.now).order_by(directories.c.url)))


def members(tx: Tx, text: str = "") -> list[Row]:
    """Servers of all directories by name, each once, with its `federation`; those that have every word of `text`."""
    name, federation = sa.func.min(listed.c.name).label("name"), sa.func.min(directories.c.federation)
    query = sa.select(listed.c.host, name, federation.label("federation"))
    rows = tx.all(query.join(directories, directories.c.url == listed.c.directory).group_by(listed.c.host))
    words = text.casefold().split()
    # Not in the database: SQLite knows capitals of ASCII only.
    found = [
        row for row in rows if all(word in f"{row.name}\n{row.host}\n{row.federation}".casefold() for word in words)
    ]
    return sorted(found, key=lambda row: (row.name.casefold(), row.host))


def is_member(tx: Tx, host: str) -> str | None:
    """The federation that lists a server, `host[:port]` as in OCM Addresses; None where no directory does."""
    row = tx.one(_OF_MEMBER, {"member": host})
    return row.federation if row is not None else None


def fetched(tx: Tx, asked: Row, said: Listing) -> None:
    """The directory answered, as is believed of it. `asked` is its row before: what was decided since then counts."""
    known = _find(tx, asked.url)
    if known is None or _believed(known) != _believed(asked):
        return
    values = {"federation": said.federation, "fetched": tx.now, "due": tx.now + INTERVAL, "error": None}
    tx.run(directories.update().where(directories.c.url == asked.url).values(**values))
    new = {server.host: (server.url, server.display_name) for server in said.servers}
    of_it = listed.c.directory == asked.url
    old = {row.host: (row.url, row.name) for row in tx.all(sa.select(listed).where(of_it))}
    if new == old and known.federation == said.federation:
        return
    tx.run(listed.delete().where(of_it))
    rows = [{"directory": asked.url, "host": host, "url": url, "name": name} for host, (url, name) in new.items()]
    if rows:
        tx.run(listed.insert(), rows)
    come, gone = len(new.keys() - old.keys()), len(old.keys() - new.keys())
    counts = {"n": len(new), "come": come, "gone": gone}
    reason = Sentence("{federation}: {n} servers, {come} new, {gone} gone", federation=said.federation, **counts)
    audit.record(tx, "directory", "in", host=_checked(asked.url), subject=asked.url, reason=reason)


def failed(tx: Tx, asked: Row, reason: str, *, refused: bool) -> None:
    """It did not answer, or `refused` what it said was not taken. What it said before stays in force."""
    known = _find(tx, asked.url)
    if known is None or _believed(known) != _believed(asked):
        return
    wait = SOON if known.error is None else INTERVAL
    tx.run(directories.update().where(directories.c.url == asked.url).values(due=tx.now + wait, error=reason))
    if refused and known.error != reason:
        audit.record(tx, "directory", "in", "refused", host=_checked(asked.url), subject=asked.url, reason=reason)


def _find(tx: Tx, url: str) -> Row | None:
    return tx.one(sa.select(directories).where(directories.c.url == url))


def _believed(row: Row) -> tuple[list[str], bool]:
    return row.keys, row.unsigned


def _checked(url: str) -> str:
    """The host in the URL of a directory. Raises `Invalid`."""
    try:
        parts = urlsplit(url)
        plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= MAX_URL
    except ValueError:
        plain, parts = False, urlsplit("")
    if not plain or parts.scheme not in ("https", "http") or "@" in parts.netloc or parts.fragment:
        raise Invalid("The address of a directory looks like https://directory.example/servers.json.")
    return normalise_host(parts.netloc)
