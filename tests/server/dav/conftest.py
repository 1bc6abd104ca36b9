"""Clouds to speak WebDAV with: `cloud` in process on both databases, `live` on a port of both web servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.server.dav.serving import PREFIX, Cloud, add_people, served

from opencloudmesh.server.database import Database
from opencloudmesh.server.storage import Storage


class Live(NamedTuple):
    cloud: Cloud
    server: str
    authority: str
    root: Path  # einstein's files on disk

    @property
    def url(self) -> str:
        return f"http://{self.authority}{PREFIX}"


@pytest.fixture
def cloud(database: Database, tmp_path: Path) -> Iterator[Cloud]:
    yield from _cloud(database, tmp_path)


@pytest.fixture
def quick_cloud(new_sqlite_url, tmp_path: Path) -> Iterator[Cloud]:
    """On SQLite alone, for tests in which the database has no part."""
    with closing(Database(new_sqlite_url())) as database:
        yield from _cloud(database, tmp_path)


@pytest.fixture(params=["granian", "uvicorn"])
def live(quick_cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Live]:
    with served(quick_cloud, request.param) as authority:
        yield Live(quick_cloud, request.param, authority, quick_cloud.storage.files / "einstein")


def _cloud(database: Database, data: Path) -> Iterator[Cloud]:
    add_people(database)
    cloud = Cloud(Storage(data / "data"), database)
    cloud.trees[PREFIX] = cloud.tree()
    yield cloud
    assert not cloud.faults, "\n".join(cloud.faults)
