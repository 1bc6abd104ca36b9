"""Two people and their database, on a clock that stands where it is set, with secrets that can be foretold."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from tests.server import rows

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.protocols import Protocols, WebDav
from opencloudmesh.protocol.shares import NewShare
from opencloudmesh.server import offers, peers, received, schema, shares
from opencloudmesh.server.bounds import Terms
from opencloudmesh.server.database import Database, Tx

P = ParamSpec("P")
T = TypeVar("T")

NOW = 1_800_000_000
HERE, THERE = "here.example", "there.example"
MARIE = Address("marie", THERE)
DOCUMENT = {"enabled": True, "apiVersion": "1.4.0", "resourceTypes": [], "capabilities": []}


class Office:
    """einstein and lise, and what is stored about them."""

    def __init__(self, url: str) -> None:
        numbers = itertools.count()
        self.now = NOW
        self.database = Database(url, clock=lambda: self.now, secret=lambda: f"secret-{next(numbers)}")
        for who in ("einstein", "lise"):
            self.do(rows.account, who)

    def do(self, gesture: Callable[Concatenate[Tx, P], T], *values: P.args, **named: P.kwargs) -> T:
        """A gesture in a transaction of its own."""
        return self.database.write_now(lambda tx: gesture(tx, *values, **named))

    def see(self, query: Callable[Concatenate[Tx, P], T], *values: P.args, **named: P.kwargs) -> T:
        """What a query finds."""
        return self.database.read_now(lambda tx: query(tx, *values, **named))

    def all(self, table: sa.Table) -> list[Any]:
        """The rows of a table in order of their keys."""
        return self.see(lambda tx: list(tx.all(sa.select(table).order_by(*table.primary_key))))

    def everything(self) -> dict[str, list[Any]]:
        """All that is stored but the audit trail: what a gesture must not change that is refused, or said again."""
        tables = [table for table in schema.metadata.sorted_tables if table is not schema.audit]
        return {table.name: self.all(table) for table in tables}

    def audited(self) -> list[tuple[str, str, str, str]]:
        """The audit trail: event, direction, outcome, host."""
        return [(row.event, row.direction, row.outcome, row.host) for row in self.all(schema.audit)]

    def told(self) -> list[tuple[str, str, str]]:
        """The outbox: host, kind or type of the notification, subject."""
        return [(row.host, row.message.get("type", row.kind), row.subject) for row in self.all(schema.outbox)]

    def deliver(self) -> None:
        """Everything has been told."""
        self.do(lambda tx: tx.run(schema.outbox.delete()))

    def offered(self, state: str = shares.PENDING, **values: Any) -> Any:
        """A share of einstein's with marie, in a state, with nothing in the outbox."""
        named = {"owner": "einstein", "path": "a", "resource_type": "folder", "share_with": MARIE}
        row = self.do(lambda tx: shares.offer(tx, **with_terms(named | values)))
        self._put(schema.shares, row.id, state)
        return self.see(shares.get, row.id)

    def received(self, state: str = received.PENDING, **values: Any) -> Any:
        """A share that marie offered to einstein, in a state, with nothing in the outbox."""
        row, _ = self.do(offers.receive, offer(**values), own_host=HERE, verified="rfc9421")
        if state == received.ACCEPTED:
            self.do(received.accept, row.id)
        self._put(schema.received, row.id, state)
        return self.see(received.told_by, THERE, row.provider_id)

    def _put(self, table: sa.Table, row_id: str, state: str) -> None:
        values = {"state": state}
        if state == shares.PASSED_ON:  # there is a server that gives it, and understands what it is told
            self.do(
                peers.remember_document, THERE, f"https://{THERE}", {**DOCUMENT, "endPoint": f"https://{THERE}/ocm"}
            )
            at_owner = {"host": THERE, "provider_id": "at owner", "secret": "theirs"}
            values |= {"received": "what is passed on", "at_owner": at_owner}
        self.do(lambda tx: tx.run(table.update().where(table.c.id == row_id).values(**values)))
        self.deliver()


def with_terms(values: dict[str, Any]) -> dict[str, Any]:
    """Keywords of a gesture, where those that belong into its `Terms` are named beside the others."""
    terms = {name: values[name] for name in Terms.__dataclass_fields__ if name in values}
    return {name: value for name, value in values.items() if name not in terms} | {"terms": Terms(**terms)}


def offer(*, secret: str = "sesame", uri: str = "x", **values: Any) -> NewShare:
    """What marie sends to offer a folder to einstein."""
    named = {
        "share_with": Address("einstein", HERE),
        "name": "papers",
        "provider_id": "p1",
        "owner": MARIE,
        "sender": MARIE,
        "share_type": "user",
        "resource_type": "folder",
        "protocols": Protocols("multi", webdav=WebDav(uri, secret, frozenset({"read"}))),
    }
    return NewShare(**(named | values))  # type: ignore[arg-type]
