"""An emulated Nextcloud or ownCloud in a process of its own, used by URL and password as a real one is.

python -m tests.peers.serve nextcloud-34 alice:secret [port]      # says its address once it listens, ends with Ctrl-C
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

from tests.peers.families import start
from tests.peers.sabre import SabrePeer
from tests.peers.userapi import UserApi


async def serve(name: str, person: str, port: int) -> None:
    """Until the process is ended."""
    user, _, password = person.partition(":")
    async with await start(name, port=port) as peer:
        assert isinstance(peer, SabrePeer), f"{name} has no API for users here"
        peer.add_user(user, user.title())
        peer.users = UserApi(peer, {user: password})
        print(peer.base_url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(sys.argv[1], sys.argv[2], int((sys.argv[3:] or ["0"])[0])))
