"""A public link of another server, and how one asks it for a share of what is behind it (public link flow).

    >>> parse("https://cloud.example/index.php/s/k4YfJ2").token
    'k4YfJ2'

The protocol names no message for it. Nextcloud's, which its link pages and its servers send, is understood by others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.errors import FieldError, Invalid
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.protocol.shares import read_name

LED_TO = "/index.php/apps/files"  # where the link pages of Nextcloud and ownCloud lead their visitors' browsers
END_POINT = "/index.php/apps/federatedfilesharing/createFederatedShare"
MAX_LENGTH = 4096  # characters of a link
MAX_TOKEN = 255
MAX_WORD = 255  # characters of a name

_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,255}")
_BASE = re.compile(r"[A-Za-z0-9._~/-]*")


@dataclass(frozen=True, slots=True)
class PublicLink:
    """`host` as in OCM Addresses; `path` is below which the server is installed there, "" for most.

    What it is called and whose it is, "" where that is not said, are the words of whoever wrote the link.
    """

    host: str
    path: str
    token: str = field(repr=False)
    name: str = ""
    owner: str = ""
    owner_name: str = ""


def parse(text: str) -> PublicLink:
    """Reads a link in any spelling that people come by. Raises `Invalid`.

    The address of the page (`https://host/s/<token>`, also with `index.php`, and whatever follows), or what Nextcloud
    and ownCloud lead a visitor's browser to (`...#remote=https://host&token=<token>&...`).
    """
    text = text.strip()
    wrong = Invalid("This is not a public link.", fields=[FieldError("link", "INVALID")])
    if len(text) > MAX_LENGTH:
        raise wrong
    try:
        parts = urlsplit(text)
        said = {name: values[0] for name, values in parse_qs(parts.fragment or parts.query).items()}
        remote, token = said.get("remote", ""), said.get("token", "")
        if not remote or not token:
            said, (remote, token) = {}, _of_page(text)
    except ValueError:
        raise wrong from None
    _, host, path = _server(remote, wrong)
    if not _TOKEN.fullmatch(token):
        raise wrong
    owner, owner_name = (_word(said.get(name, "")) for name in ("owner", "ownerDisplayName"))
    named = Fields(said)
    name = read_name(named)
    return PublicLink(host, path, token, "" if named.errors else name, owner, owner_name)


def lead(cloud: str, remote: str, token: str, *, owner: str, name: str, protected: bool) -> str:
    """Where the browser of a visitor is led who says that they are at `cloud`: an ownCloud mounts the link there.

    `remote` is the base URL of the link's server. ownCloud wants an `owner` that is not empty. Raises `Invalid`.
    """
    wrong = Invalid("This is not the address of a cloud.", fields=[FieldError("address", "INVALID")])
    if len(cloud) > MAX_LENGTH:
        raise wrong
    scheme, host, path = _server(cloud.strip(), wrong)
    said = {"remote": remote, "token": token, "owner": owner, "ownerDisplayName": owner, "name": name}
    query = urlencode({**said, "protected": int(protected)}, quote_via=quote)
    return f"{scheme}://{host}{path}{LED_TO}#{query}"


def form(link: PublicLink, share_with: str, password: str) -> dict[str, str]:
    """What the link's server is asked by the server of whoever wants it."""
    return {"token": link.token, "shareWith": share_with, "password": password}


def _word(text: str) -> str:
    """What can be shown of a name that somebody wrote into a link."""
    return text if text.isprintable() and len(text) <= MAX_WORD else ""


def _of_page(text: str) -> tuple[str, str]:
    """The server and the token, of the address of a link's page; empty where it is none."""
    parts = urlsplit(text)
    segments = parts.path.split("/")
    if "s" not in segments[:-1]:
        return "", ""
    place = segments.index("s")
    return f"{parts.scheme}://{parts.netloc}{'/'.join(segments[:place])}", unquote(segments[place + 1])


def _server(text: str, wrong: Invalid) -> tuple[str, str, str]:
    """Scheme, host and path of a server's address, as people and link pages write it. Raises `wrong`, `Invalid`."""
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        raise wrong from None
    path = parts.path.rstrip("/").removesuffix("/index.php")
    if parts.scheme not in ("http", "https") or parts.username is not None or not parts.netloc or parts.query:
        raise wrong
    if not _BASE.fullmatch(path) or ".." in path.split("/"):
        raise wrong
    return parts.scheme, normalise_host(f"{parts.scheme}://{parts.netloc}"), path
