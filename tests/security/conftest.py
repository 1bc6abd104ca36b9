"""einstein's cloud, and marie's server, which is somebody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
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
