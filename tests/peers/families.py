"""Every emulated peer by name, so that a test can be run against all of them.

    async with await start("nextcloud-34") as peer: ...

`INVITES` are the families that share with nobody whom they have not met; `LISTS` those whose operator must list the
other server first (`trust`).
"""

from __future__ import annotations

from typing import Any

from tests.peers.base import Peer
from tests.peers.nextcloud import GENERATIONS, Nextcloud
from tests.peers.opencloud import OpenCloud
from tests.peers.opencloudmesh_go import OpenCloudMeshGo
from tests.peers.owncloud import OwnCloud
from tests.peers.reva import Reva
from tests.peers.seafile import Seafile

FAMILIES: dict[str, tuple[type[Peer], dict[str, Any]]] = {
    **{f"nextcloud-{version}": (Nextcloud, {"version": version}) for version in GENERATIONS},
    "owncloud-10": (OwnCloud, {}),
    "opencloud": (OpenCloud, {}),
    "reva": (Reva, {}),
    "seafile": (Seafile, {}),
    "opencloudmesh-go": (OpenCloudMeshGo, {}),
}
INVITES = ("opencloud", "reva", "opencloudmesh-go")
LISTS = ("opencloud", "reva")


async def start(name: str, **options: Any) -> Peer:
    """A running peer. `options` are those of the family, and `port`."""
    family, own = FAMILIES[name]
    return await family.start(**{**own, **options})
