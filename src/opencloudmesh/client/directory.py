"""Asking a Directory Service which servers it lists."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from opencloudmesh.client.network import MIB, Network
from opencloudmesh.protocol.directory import Listing, parse
from opencloudmesh.protocol.errors import BadAnswer, Invalid, Unreachable
from opencloudmesh.protocol.keys import PublicKey
from opencloudmesh.protocol.wire import Headers

MAX_LISTING = 4 * MIB  # bytes; the longest list that is read has some 200 to 400 for each of its servers


async def fetch(network: Network, url: str, keys: Sequence[PublicKey], *, allow_unsigned: bool) -> Listing:
    """What the directory at `url` says, checked as `protocol.directory.parse` does.

    Raises `SignatureError`, `BadAnswer`, and `Unreachable`, `EgressDenied` or `Unavailable` where it says nothing.
    """
    answer = await network.request("GET", url, headers=_ACCEPT, limit=MAX_LISTING, redirects=3)
    if answer.status >= 500:
        raise Unreachable("The directory answers {status} at the moment.", status=answer.status)
    if answer.status != 200:
        raise BadAnswer("The directory answers {status}.", status=answer.status)
    # Not in the event loop: a long list takes its time.
    read = partial(parse, answer.body, keys, allow_unsigned=allow_unsigned)
    try:
        return await asyncio.to_thread(read)
    except Invalid as error:
        names = ", ".join(field.name for field in error.fields[:5])
        if not names:
            raise BadAnswer("The listing of the directory is not understood.") from None
        raise BadAnswer("The listing of the directory is not understood ({names}).", names=names) from None


_ACCEPT = Headers({"Accept": "application/jose+json, application/json, application/jose, */*;q=0.1"})
