"""einstein's cloud, and marie's server, which is somebody else's or (`pair`) one of ours too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.mesh import Server, mesh
from tests.security.stages import Stage, staged


@pytest.fixture
async def stage(tmp_path: Path, new_sqlite_url: Any) -> AsyncIterator[Stage]:
    async with staged(tmp_path, new_sqlite_url()) as opened:
        await opened.accepts("shares")
        yield opened


@pytest.fixture
async def strict(tmp_path: Path, new_sqlite_url: Any) -> AsyncIterator[Stage]:
    """Where every message must be signed."""
    async with staged(tmp_path, new_sqlite_url(), decided={"signatures": ("required",)}) as opened:
        yield opened


@pytest.fixture
async def pair(tmp_path: Path, new_sqlite_url: Any) -> AsyncIterator[list[Server]]:
    """Two clouds of ours: einstein is at the first, marie at the second."""
    async with mesh(tmp_path, {}, {}, urls=[new_sqlite_url(), new_sqlite_url()]) as (one, two):
        one.add("einstein", name="Albert Einstein")
        two.add("marie", name="Marie Curie")
        yield [one, two]
