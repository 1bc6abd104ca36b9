"""What both families of signatures ask of a request: its host, its length, its date, its header fields.

Dates are written and read here because the protocol layer must not depend on a locale or on the clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from opencloudmesh.protocol.errors import SignatureError
from opencloudmesh.protocol.wire import Request

T = TypeVar("T")

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_IMF_FIXDATE = re.compile(
    rf"(?:{'|'.join(_DAYS)}), (\d\d) ({'|'.join(_MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII
)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def format_date(moment: int) -> str:
    """Unix seconds as an HTTP date (RFC 9110, 5.6.7)."""
    at = datetime.fromtimestamp(moment, UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} {at:%H:%M:%S} GMT"


def parse_date(text: str) -> int:
    """An HTTP date as unix seconds. Raises `SignatureError`."""
    match = _IMF_FIXDATE.fullmatch(text)
    if match is None:
        raise SignatureError("The date of the signed request is not understood.")
    day, month, *rest = match.groups()
    year, hour, minute, second = map(int, rest)
    try:
        moment = datetime(year, _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise SignatureError("The date of the signed request is not understood.") from None
    return int(moment.timestamp())


def split(request: Request) -> SplitResult:
    """The parts of the target URI. Raises `SignatureError`."""
    # urlsplit drops white space silently.
    if not request.url.isascii() or not request.url.isprintable() or " " in request.url:
        raise SignatureError("The signed address has characters that are not allowed.")
    try:
        return urlsplit(request.url)
    except ValueError:
        raise SignatureError("The signed address is not understood.") from None


def authority(request: Request, host: str | None = None) -> str:
    """`host` (else that of the target URI) in lower case, with the port unless it is the scheme's own.

    RFC 9421, 2.2.3. Raises `SignatureError`.
    """
    parts = split(request)
    name = parts.netloc.rpartition("@")[2] if host is None else host
    return name.lower().removesuffix(_DEFAULT_PORTS.get(parts.scheme.lower(), ":"))


def field(request: Request, name: str) -> str:
    """The value of a header field that a signature covers. Raises `SignatureError` where it is absent."""
    value = request.headers.get(name)
    if value is None:
        raise SignatureError("The signature covers a header that is not there.", detail=name)
    return value


def line(name: str, value: str) -> str:
    """`name: value`. Raises `SignatureError` for a value that could pass for more than one line."""
    if not value.isascii() or not (value.isprintable() or value.replace("\t", " ").isprintable()):
        raise SignatureError("A signed value has characters that are not allowed.", detail=name)
    return f"{name}: {value}"


def check_length(request: Request) -> None:
    """Raises `SignatureError` unless Content-Length is the length of the body."""
    text = field(request, "content-length")
    if not (text.isascii() and text.isdigit() and len(text) < 20) or int(text) != len(request.body):
        raise SignatureError("The length of the request is not the signed one.")


def check_digests(request: Request, given: dict[str, bytes], known: dict[str, Callable[[bytes], bytes]]) -> None:
    """Raises `SignatureError` unless every digest that is known matches the body, and one is known at least.

    One good digest beside a bad one is a failure (IETF-OCM, "Signing a Request").
    """
    recognised = {name: digest for name, digest in given.items() if name in known}
    if not recognised:
        raise SignatureError("The digest of the request is of no kind that is understood.")
    if any(known[name](request.body) != digest for name, digest in recognised.items()):
        raise SignatureError("The content of the request is not the signed one.")
