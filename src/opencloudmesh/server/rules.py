"""What the operator decided about one server, or about all below a domain.

A pattern is a host as in OCM Addresses (`cloud.example`, `cloud.example:8443`), `*.domain` for everything below it, or
`*`. What the most specific pattern leaves open is looked for in the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import audit
from opencloudmesh.server.audit import Direction
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import rules

ALLOW, DENY = "allow", "deny"
COLUMNS = ("incoming", "outgoing", "signatures")

Row = sa.Row[Any]


_MATCHING = sa.select(rules).where(rules.c.pattern.in_(sa.bindparam("patterns", expanding=True)))


@dataclass(frozen=True, slots=True)
class Rule:
    """What is said of one host. `private`: it may have private addresses. `ca`: PEM, trusted for it and no other."""

    incoming: str | None = None
    outgoing: str | None = None
    signatures: str | None = None
    private: bool = False
    ca: str | None = None

    def said(self, direction: Direction) -> str | None:
        """What is said for a direction: "allow", "deny" or nothing."""
        return self.incoming if direction == "in" else self.outgoing


def rule_for(tx: Tx, host: str) -> Rule:
    """All that is said of a host, put together from the rules that match it."""
    rows = _matching(tx, host)
    exact = next((row for row in rows if row.pattern == host), None)
    said = {column: next(_saying(rows, column, host), ("", None))[1] for column in COLUMNS}
    return Rule(**said, private=exact is not None and exact.private, ca=exact.ca if exact is not None else None)


def deciding(tx: Tx, host: str) -> dict[str, str]:
    """By which pattern it is decided what is said of a host, for each of `COLUMNS` of which something is said."""
    rows = _matching(tx, host)
    return {column: pattern for column in COLUMNS for pattern, _ in list(_saying(rows, column, host))[:1]}


def listing(tx: Tx, *, after: str = "", limit: int | None = None) -> list[Row]:
    """`limit` rules by their patterns, behind `after`; or all."""
    return list(tx.all(sa.select(rules).where(rules.c.pattern > after).order_by(rules.c.pattern).limit(limit)))


def get(tx: Tx, pattern: str) -> Row:
    """What is said of a pattern, as it is stored. Raises `NotFound`."""
    row = tx.one(sa.select(rules).where(rules.c.pattern == pattern))
    if row is None:
        raise NotFound("There is no rule about {pattern}.", pattern=pattern)
    return row


def any_says(tx: Tx, column: str, *words: str) -> bool:
    """Whether there is a rule with one of these words in a column."""
    return tx.one(sa.select(rules.c.pattern).where(rules.c[column].in_(words)).limit(1)) is not None


def put(tx: Tx, pattern: str, *, by: str = "", **values: Any) -> str:
    """The operator decides: columns of `rules`; those not named stay. The pattern as it is stored. Raises `Invalid`."""
    name = normalise(pattern)
    tx.upsert(rules, {"pattern": name}, {**values, "changed": tx.now})
    told = ", ".join(f"{column}: {'set' if column == 'ca' else value}" for column, value in values.items())
    audit.record(tx, "policy", "here", host=name, reason=told, by=by)
    return name


def drop(tx: Tx, pattern: str, *, by: str = "") -> str:
    """Nothing is said of it any more. Raises `NotFound`, `Invalid`."""
    name = normalise(pattern)
    if tx.run(rules.delete().where(rules.c.pattern == name)).rowcount == 0:
        raise NotFound("There is no rule about {name}.", name=name)
    audit.record(tx, "policy", "here", host=name, reason=Sentence("no rule any more"), by=by)
    return name


def normalise(pattern: str) -> str:
    """A pattern as it is stored. Raises `Invalid`."""
    text = pattern.strip()
    if text.startswith("*."):
        return "*." + normalise_host(text[2:])
    return text if text == "*" else normalise_host(text)


def _matching(tx: Tx, host: str) -> list[Row]:
    """The rules that match a host, most specific first."""
    patterns = _patterns(host)
    found = {row.pattern: row for row in tx.all(_MATCHING, {"patterns": patterns})}
    return [found[pattern] for pattern in patterns if pattern in found]


def _saying(rows: list[Row], column: str, host: str) -> Iterator[tuple[str, str]]:
    """Each pattern that says something of a host, and what; the first counts."""
    for row in rows:
        value = _counts(row, column, host)
        if value is not None:
            yield row.pattern, value


def _patterns(host: str) -> list[str]:
    """The patterns that a host matches, most specific first."""
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    labels = [] if name.startswith("[") else name.split(".")[1:]
    domains = [".".join(labels[place:]) for place in range(len(labels))]
    return [*dict.fromkeys((host, name)), *(f"*.{domain}" for domain in domains), "*"]


def _counts(row: Row, column: str, host: str) -> str | None:
    """What a rule says of a host. A rule without a port denies all ports, and allows only its own: 443.

    On another port of that machine may be somebody else's server.
    """
    value: str | None = getattr(row, column)
    wildcard = row.pattern.startswith("*")
    return value if wildcard or row.pattern == host or value in (DENY, "required") else None
