"""Programs from outside that some tests need.

Where one is missing its tests are skipped, unless `OCM_REQUIRE` (a list with commas) demands it: then they fail.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

# The executables a tool goes by, and places that are often not in PATH; the last match of a pattern is the newest.
TOOLS = {
    "apache2": ("apache2", "httpd"),
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "curl": ("curl",),
    "litmus": ("litmus",),
    "nginx": ("nginx",),
    "postgresql": ("postgres",),
    "rclone": ("rclone",),
    "wrk": ("wrk",),
}
PLACES = ("usr/sbin", "usr/local/sbin", "usr/lib/postgresql/*/bin", "usr/local/pgsql/bin", "usr/pgsql-*/bin")


def find(name: str) -> Path | None:
    """The executable of a tool, or None."""
    for executable in TOOLS[name]:
        if found := shutil.which(executable):
            return Path(found)
        for place in PLACES:
            if matches := sorted(Path("/").glob(f"{place}/{executable}"), key=_numbers):
                return matches[-1]
    return None


def required() -> set[str]:
    """The tools that have to be there."""
    return {name.strip() for name in os.environ.get("OCM_REQUIRE", "").split(",") if name.strip()}


def require(name: str) -> Path:
    """The executable of a tool; without one the test is skipped, or fails where `OCM_REQUIRE` names the tool."""
    executable = find(name)
    if executable is not None:
        return executable
    if name in required():
        pytest.fail(f"{name} is not on this machine, and OCM_REQUIRE demands it", pytrace=False)
    pytest.skip(f"{name} is not on this machine")


def _numbers(path: Path) -> list[int]:
    return [int("".join(filter(str.isdigit, part)) or 0) for part in path.parts]
