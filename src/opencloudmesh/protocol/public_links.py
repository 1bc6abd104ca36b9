"""A public link of another server, and how one asks it for a share of what is behind it (public link flow).

    >>> parse("https://cloud.example/index.php/s/k4YfJ2").token
    'k4YfJ2'

The protocol names no message for it. Nextcloud's, which its link pages and its servers send, is understood by others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.errors import FieldError, Invalid

END_POINT = "/index.php/apps/federatedfilesharing/createFederatedShare"
MAX_LENGTH = 4096  # characters of a link
MAX_TOKEN = 255

_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,255}")
_BASE = re.compile(r"[A-Za-z0-9._~/-]*")


@dataclass(frozen=True, slots=True)
class PublicLink:
    """`host` as in OCM Addresses; `path` is below which the server is installed there, "" for most."""

    host: str
    path: str
    token: str = field(repr=False)


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
        said = parse_qs(urlsplit(text).fragment)
        remote, token = said.get("remote", [""])[0], said.get("token", [""])[0]
        if not remote or not token:
            remote, token = _of_page(text)
        parts = urlsplit(remote if "://" in remote else f"https://{remote}")
    except ValueError:
        raise wrong from None
    path = parts.path.rstrip("/").removesuffix("/index.php")
    if parts.scheme not in ("http", "https") or parts.username is not None or not parts.netloc or parts.query:
        raise wrong
    if not _TOKEN.fullmatch(token) or not _BASE.fullmatch(path) or ".." in path.split("/"):
        raise wrong
    return PublicLink(normalise_host(f"{parts.scheme}://{parts.netloc}"), path, token)


def form(link: PublicLink, share_with: str, password: str) -> dict[str, str]:
    """What the link's server is asked by the server of whoever wants it."""
    return {"token": link.token, "shareWith": share_with, "password": password}


def _of_page(text: str) -> tuple[str, str]:
    """The server and the token, of the address of a link's page; empty where it is none."""
    parts = urlsplit(text)
    segments = parts.path.split("/")
    if "s" not in segments[:-1]:
        return "", ""
    place = segments.index("s")
    return f"{parts.scheme}://{parts.netloc}{'/'.join(segments[:place])}", unquote(segments[place + 1])
