"""A person's tree with everything that may belong to its paths."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from tests.server import rows

from opencloudmesh.server import locks, properties, schema
from opencloudmesh.server.database import Database, Tx
from opencloudmesh.server.files import LocalTree
from opencloudmesh.server.storage import Storage
from opencloudmesh.server.trees import ALL

WHO = "einstein"


class Desk:
    """einstein's tree, and what the database has about it."""

    def __init__(self, database: Database, data: Path, quota: int | None = None) -> None:
        self.database = database
        self.storage = Storage(data)
        self.removed: list[str] = []
        database.write_now(lambda tx: rows.account(tx, WHO, quota))
        self.tree = self.share("")
        self.root = self.storage.files / WHO
        self.storage.stat(WHO, "")

    def share(self, base: str, permissions: frozenset[str] = ALL) -> LocalTree:
        return LocalTree(self.storage, self.database, WHO, base, permissions, on_removed=self.on_removed)

    def on_removed(self, tx: Tx, account: str, path: str) -> None:
        assert account == WHO
        self.removed.append(path)

    def fill(self, *paths: str) -> None:
        """Folders (with "/" at the end) and files, whose content is their path."""
        for path in paths:
            if path.endswith("/"):
                (self.root / path).mkdir(parents=True)
            else:
                (self.root / path).parent.mkdir(parents=True, exist_ok=True)
                (self.root / path).write_text(path)

    def keep(self, *paths: str, mounts: bool = True) -> None:
        """For each path a share, a link and a request, a property, a lock, and another's share that is mounted."""

        def fill(tx: Tx) -> None:
            for path in paths:
                rows.insert(tx, schema.shares, id=f"s {path}", owner=WHO, path=path, secret=path)
                rows.insert(tx, schema.links, id=f"l {path}", account=WHO, path=path, token=path)
                rows.insert(tx, schema.requests, id=f"r {path}", account=WHO, link=f"l {path}", path=path)
                if mounts:
                    mount = {"account": WHO, "provider_id": path, "path": f"{path}/mount"}
                    rows.insert(tx, schema.received, id=f"r {path}", **mount)
                properties.change(tx, WHO, path, {"{x}name": path})
                locks.acquire(tx, WHO, path, principal=WHO, infinite=False)

        self.database.write_now(fill)

    def kept(self, what: str) -> dict[str, str]:
        """Where the rows are that `keep` made: what was kept for a path -> the path that it has now."""
        table = schema.metadata.tables[what]
        name = {"properties": "value", "locks": "path"}.get(what, "id")
        found = self.database.read_now(lambda tx: tx.all(sa.select(table)))
        return {row._mapping[name].removeprefix(f"{what[0]} "): row.path for row in found}

    def state(self) -> list[tuple[str, int]]:
        """Everything on disk with its time: what no refused operation may change."""
        return sorted((str(path), path.stat().st_mtime_ns) for path in self.root.rglob("*"))

    def intents(self) -> int:
        """The moves under way."""
        return len(self.database.read_now(lambda tx: tx.all(sa.select(schema.moves))))

    def tree_on_disk(self) -> dict[str, str]:
        return {str(path.relative_to(self.root)): path.read_text() for path in self.root.rglob("*") if path.is_file()}
