"""What is said to a peer besides WebDAV: discovery, key sets, signed messages.

peer = await discover(network, "cloud.example", allow_http=False)
answer = await post(network, peer.end_point + "/shares", message, sign)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard
from urllib.parse import urlencode

from opencloudmesh.client.network import Network
from opencloudmesh.protocol.discovery import LEGACY, WELL_KNOWN, Discovery
from opencloudmesh.protocol.errors import BadAnswer, Invalid, PeerError, Refused, Unavailable, Unreachable
from opencloudmesh.protocol.public_links import END_POINT
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.protocol.signatures import Signer
from opencloudmesh.protocol.tokens import TokenRequest, TokenResponse
from opencloudmesh.protocol.wire import Headers, Request, Response, decode_object, encode_json

# Nextcloud <= 32 and ownCloud serve only the legacy path, with a slash; 33 also without.
PATHS = (WELL_KNOWN, LEGACY, LEGACY + "/")
MAX_DOCUMENT = 256 * 1024  # bytes
MAX_ANSWER = 256 * 1024
NOBODY = ("shareWith", "NOT_FOUND")  # IETF-OCM, "Share Creation": the commonest mistake, told in the reader's language
FORM = "application/x-www-form-urlencoded"


async def discover(network: Network, host: str, *, allow_http: bool) -> Discovery:
    """Asks a server who it is: https, and where that is allowed plain http when https does not answer.

    Raises `Unreachable`, `EgressDenied` or `BadAnswer`: of two attempts the one that got an answer, else the last.
    """
    failure: PeerError | None = None
    for scheme in ("https", "http") if allow_http else ("https",):
        try:
            return await _discover(network, f"{scheme}://{host}")
        except PeerError as error:
            failure = failure if isinstance(failure, BadAnswer) else error
    assert failure is not None
    raise failure


async def _discover(network: Network, base_url: str) -> Discovery:
    for path in PATHS:
        answer = await network.request("GET", base_url + path, headers=_ACCEPT, limit=MAX_DOCUMENT, redirects=3)
        if answer.status == 200:
            try:
                return Discovery.parse(answer.body, base_url)
            except BadAnswer:
                if path == PATHS[-1]:
                    raise
        elif answer.status >= 500 and answer.status != 501:
            # ownCloud answers 501 when the app is off; any other 5xx is a fault that passes.
            raise Unreachable("{url} answers {status} at the moment.", url=base_url, status=answer.status)
    raise BadAnswer("{url} does not speak Open Cloud Mesh.", url=base_url)


async def fetch_keys(network: Network, peer: Discovery) -> dict[str, Any]:
    """The peer's JWK set, decoded. Raises `Unreachable` or `BadAnswer`."""
    answer = await network.request("GET", peer.key_set_url, headers=_ACCEPT, limit=MAX_DOCUMENT, redirects=3)
    if answer.status != 200:
        raise BadAnswer("{url} gives no keys ({status}).", url=peer.base_url, status=answer.status)
    try:
        return decode_object(answer.body)
    except Invalid:
        raise BadAnswer("{url} gives keys that are not understood.", url=peer.base_url) from None


async def post(network: Network, url: str, message: Mapping[str, Any], sign: Signer | None) -> Response:
    """Sends a message, signed where a signer is given; never redirected.

    Raises `Refused` with the peer's own words for a 4xx or 501, `Unavailable` for 429 and other 5xx and for a page
    instead of an answer (of a proxy, or whatever else is at that address just then), `Unreachable`.
    """
    answer = await _send(network, url, "application/json", encode_json(message), sign)
    if answer.body.lstrip()[:1] == b"<":
        raise Unavailable("{peer} answers with a page, and has not understood the message.", peer=url_host(url))
    return answer


async def exchange(network: Network, peer: Discovery, request: TokenRequest, sign: Signer | None) -> TokenResponse:
    """A short-lived token for the secret of a share (code flow). Raises as `post`, and `BadAnswer`."""
    if peer.token_end_point is None or not peer.owns(peer.token_end_point):
        raise BadAnswer("{url} gives no tokens.", url=peer.base_url)
    form = urlencode(request.form()).encode()
    answer = await _send(network, peer.token_end_point, FORM, form, sign)
    return TokenResponse.parse(answer.body)


async def ask_for_link(network: Network, base_url: str, form: Mapping[str, str]) -> None:
    """Asks a server for a share of what is behind a public link of its. Raises as `post`, and `BadAnswer`."""
    answer = await _send(network, base_url + END_POINT, FORM, urlencode(form).encode(), None)
    try:
        taken = isinstance(decode_object(answer.body).get("remoteUrl"), str)
    except Invalid:  # ownCloud shows the page to sign in
        taken = False
    if not taken:
        raise BadAnswer("{host} does not know such a message.", host=url_host(base_url))


async def tell_by_ocs(network: Network, url: str, secret: str) -> None:
    """Tells Nextcloud or ownCloud something of a share in their older way. Raises as `post`."""
    answer = await _send(network, url, FORM, urlencode({"token": secret}).encode(), None)
    try:
        ocs = decode_object(answer.body).get("ocs")
    except Invalid:
        ocs = None
    meta = ocs.get("meta") if isinstance(ocs, dict) else None
    if not isinstance(meta, dict) or meta.get("statuscode") not in (100, 200):  # each version of OCS has its own
        raise Refused("{peer} refused it over OCS.", peer=url_host(url), peer_status=400, body=answer.body)


async def _send(network: Network, url: str, kind: str, body: bytes, sign: Signer | None) -> Response:
    request = Request("POST", url, Headers({"Content-Type": kind, "Accept": "application/json"}), body)
    if sign is not None:
        request = sign(request)
    answer = await network.request("POST", url, headers=request.headers, body=request.body, limit=MAX_ANSWER)
    if 200 <= answer.status < 300:
        return answer
    told: dict[str, Any] = {"peer": url_host(url), "status": answer.status, "said": _reason(answer)}
    if answer.status == 429 or (answer.status >= 500 and answer.status != 501):
        raise Unavailable("{peer} cannot take it now ({status}){said}.", **told, retry_after=_wait(answer))
    raise Refused("{peer} refused ({status}){said}.", **told, peer_status=answer.status, body=answer.body)


def url_host(url: str) -> str:
    """`host[:port]` of a URL, for sentences."""
    return Request("GET", url).authority


def _reason(answer: Response) -> str:
    """What the peer said, shortened and free of control characters: it is shown to a person."""
    try:
        said = decode_object(answer.body)
    except Invalid:
        return ""
    errors = said.get("validationErrors")
    wrong = [item for item in errors if isinstance(item, dict)] if isinstance(errors, list) else []
    if any((item.get("name"), item.get("message")) == NOBODY for item in wrong):
        return Sentence(": {what}", what=Sentence("there is nobody of that name"))
    parts = [(said.get("message"),), *((item.get("name"), item.get("message")) for item in wrong)]
    text = "; ".join(filter(None, (": ".join(filter(_is_text, part)) for part in parts)))
    printable = "".join(c if c.isprintable() else " " for c in text)[:300].rstrip(". ")
    return f": {printable}" if printable else ""


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != ""


def _wait(answer: Response) -> int | None:
    value = answer.headers.get("Retry-After") or ""
    return int(value) if value.isdecimal() and len(value) < 8 else None


_ACCEPT = Headers({"Accept": "application/json"})
