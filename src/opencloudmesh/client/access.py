"""The ways in to a received share, and which of them works.

What a share says of its place and what its sender expects there differ by family and version. So the likely ways are
listed, most likely first, and tried until one is answered; the caller remembers which one it was.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, urljoin, urlsplit

from opencloudmesh.client.dav import PATH_SAFE, DavClient
from opencloudmesh.client.multistatus import RemoteEntry, is_name
from opencloudmesh.client.network import TIMEOUTS, Network, Timeouts
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import BadAnswer, NotFound, OcmError, Refused, Unavailable, Unreachable

BASIC, BEARER = "Basic", "Bearer"

# (place, scheme) in the order of attempts. Places: "uri" is what the share says, "root" the sender's WebDAV root,
# "named" the resource's name below "uri".
TOKEN = (("uri", BEARER), ("root", BEARER))
# CERNBox, OpenCloud and opencloudmesh-go take the secret as Bearer at the share's own URL, CERNBox also as Basic.
# Nextcloud 35 gives its root as the URL. Some versions of CERNBox and OpenCloud have a shared file only below its name.
URI = (("uri", BEARER), ("uri", BASIC), ("root", BASIC), ("named", BEARER), ("named", BASIC))
# OCM 1.0 (Nextcloud <= 34, ownCloud, Seafile): the secret alone selects the share.
LEGACY = (("root", BASIC), ("root", BEARER))

_VISIBLE = re.compile("[\x21-\x7e]+")


class Gone(NotFound):
    """Every way in to a share is answered that it is not there. It may be back in a minute; see `received.missing`."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way in: the URL of the share's root, and the credential for it."""

    root_url: str
    scheme: str
    credential: str = field(repr=False)
    password: str = field(default="", repr=False)  # of a public link; there is none of a share

    @property
    def authorization(self) -> str:
        """The header field."""
        if self.scheme == BEARER:
            return f"{BEARER} {self.credential}"
        return f"{BASIC} {base64.b64encode(f'{self.credential}:{self.password}'.encode()).decode()}"

    def client(self, network: Network, *, timeouts: Timeouts = TIMEOUTS) -> DavClient:
        """A client that goes this way."""
        return DavClient(network, self.root_url, self.authorization, timeouts=timeouts)


def candidates(
    peer: Discovery, *, uri: str, secret: str, name: str, token: str | None = None, must_exchange: bool = False
) -> list[Candidate]:
    """The ways in to a share, in the order in which to try them.

    `uri` is that of the share: absolute, an absolute path, an id relative to the sender's WebDAV root, or "". An
    absolute one counts only on the sender's own host, and a secret never goes over a weaker connection than the one
    that showed who the sender is. With `must_exchange` only a `token` is used, never the secret.
    """
    places = {"root": peer.webdav_url, "uri": _place(peer, uri)}
    if places["uri"] is not None and is_name(name):
        places["named"] = f"{places['uri'].rstrip('/')}/{quote(name, safe=PATH_SAFE)}"
    ways = [(place, scheme, token) for place, scheme in TOKEN if token is not None]
    if not must_exchange:
        ways += [(place, scheme, secret) for place, scheme in (URI if uri else LEGACY)]
    return list(dict.fromkeys(_usable(places, ways)))


def link_way(peer: Discovery, token: str, password: str) -> Candidate:
    """The way in to what a public link shows: ownCloud takes its token at the same root as the secrets of shares.

    `BadAnswer` where that is said to be elsewhere: whoever has a server would have us try passwords at another's.
    """
    if urlsplit(peer.webdav_url)[:2] != urlsplit(peer.base_url)[:2]:
        raise BadAnswer("{url} opens its links elsewhere.", url=peer.base_url)
    return Candidate(peer.webdav_url, BASIC, token, password)


async def probe(
    network: Network, ways: Iterable[Candidate], *, timeouts: Timeouts = TIMEOUTS
) -> tuple[Candidate, RemoteEntry]:
    """The first way that is answered, and what the root of the share is.

    Raises `Unreachable` at once. Where no way leads in, `Unavailable` if any of them did not work just now (OpenCloud
    answers 500 also to a wrong token), `Gone` if all say that there is no such share, else the error of the first.
    """
    refusals: list[OcmError] = []
    for way in ways:
        try:
            return way, await way.client(network, timeouts=timeouts).stat("")
        except Unreachable:
            raise
        except OcmError as error:
            refusals.append(error)
    if refusals and all(_says_gone(error) for error in refusals):
        raise Gone("The share is not there any more.", detail=refusals[0].message)
    passing = [error for error in refusals if isinstance(error, Unavailable)]
    raise (passing or refusals or [BadAnswer("The share does not say how it can be reached.")])[0]


def _says_gone(error: OcmError) -> bool:
    """404 and 410, and 401: the secret opens nothing."""
    return isinstance(error, NotFound) or (isinstance(error, Refused) and error.peer_status == 401)


def _place(peer: Discovery, uri: str) -> str | None:
    """The share's own URL; None where it has none, or one that is not the sender's."""
    quoted = quote(uri, safe="/!$&'()*+,;=:@%[]?#")
    try:
        relative = not (urlsplit(uri).scheme or uri.startswith("/"))
        url = peer.webdav_url + quoted if relative else urljoin(peer.base_url, quoted)
        safe = urlsplit(url).scheme == "https" or urlsplit(peer.base_url).scheme == "http"
        return url if uri and safe and peer.owns(url) and not {"?", "#"} & set(url) else None
    except ValueError:  # a broken IPv6 literal
        return None


def _usable(places: dict[str, str | None], ways: Iterable[tuple[str, str, str]]) -> Iterator[Candidate]:
    for place, scheme, credential in ways:
        url = places.get(place)
        if url is not None and (scheme == BASIC or _VISIBLE.fullmatch(credential)):
            yield Candidate(url, scheme, credential)
