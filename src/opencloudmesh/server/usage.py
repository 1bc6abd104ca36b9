"""How many bytes each user's files have: kept up by what `storage` writes, and walked again after a while.

What is on its way into a user's files counts too: else each of several uploads at once would be given the same room.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

USAGE_SECONDS = 60.0  # for so long it is kept up by what we write ourselves, then walked again


class Usage:
    """Of all users. `walked` looks how much there is."""

    def __init__(self, walked: Callable[[str], int]) -> None:
        self._walked = walked
        self._known: dict[str, tuple[int, float]] = {}  # bytes, and until when
        self._arriving = Counter[str]()  # bytes that are not in the user's files yet
        self._counting = threading.Lock()

    def of(self, user: str) -> int:
        """Bytes in their files, and on their way there."""
        with self._counting:
            (used, until), arriving = self._known.get(user, (0, 0.0)), self._arriving[user]
        if time.monotonic() < until:
            return used + arriving
        used = self._walked(user)
        with self._counting:
            self._known[user] = used, time.monotonic() + USAGE_SECONDS
        return used + arriving

    def add(self, user: str, delta: int) -> None:
        """So many more, or less, are in their files."""
        with self._counting:
            if user in self._known:
                used, until = self._known[user]
                self._known[user] = max(0, used + delta), until

    def forget(self, user: str) -> None:
        """More has changed than is known."""
        with self._counting:
            self._known.pop(user, None)

    def arrives(self, user: str, size: int) -> None:
        """So many more, or less, are on their way."""
        with self._counting:
            self._arriving[user] += size
            if not self._arriving[user]:
                del self._arriving[user]
