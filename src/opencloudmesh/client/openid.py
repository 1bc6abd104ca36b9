"""Asking an OpenID provider who somebody is: OpenID Connect Core 1.0, the authorization code flow.

    provider = await discover(network, "https://login.example")
    token = await redeem(network, provider, grant)
    claims = verify(token, await keys(network, provider), provider, client_id=..., nonce=..., now=...)

What the provider says is believed only after its signature has been checked.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from opencloudmesh.client.network import Network
from opencloudmesh.protocol.errors import BadAnswer, Invalid, Unauthenticated, Unreachable
from opencloudmesh.protocol.wire import Headers, Response, decode_object

MAX_ANSWER = 256 * 1024  # bytes
SKEW = 60  # seconds by which clocks may differ
# Asymmetric ones alone: with the others, whoever knows our secret could say who somebody is.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]


@dataclass(frozen=True, slots=True)
class Provider:
    """What its document says."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    secret_in_form: bool  # it takes our secret only in the form, not as `Basic`


@dataclass(frozen=True, slots=True)
class Grant:
    """What a browser brought back, and what shows that it was we who asked."""

    code: str = field(repr=False)
    verifier: str = field(repr=False)  # RFC 7636
    redirect_uri: str
    client_id: str
    client_secret: str = field(repr=False)


async def discover(network: Network, issuer: str) -> Provider:
    """The provider. Raises `BadAnswer`, `Unreachable`, `EgressDenied`, `Unavailable`."""
    document = await _get(network, issuer.rstrip("/") + "/.well-known/openid-configuration")
    named = {name: document.get(name) for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")}
    texts = {name: value for name, value in named.items() if isinstance(value, str) and value}
    if len(texts) < len(named):
        raise BadAnswer("The document of the sign-in provider is not complete.")
    if texts["issuer"] != issuer:
        raise BadAnswer("The sign-in provider calls itself by another name.", detail=texts["issuer"])
    methods = document.get("token_endpoint_auth_methods_supported")
    in_form = isinstance(methods, list) and "client_secret_basic" not in methods
    return Provider(**texts, secret_in_form=in_form)


async def keys(network: Network, provider: Provider) -> dict[str, Any]:
    """The keys that it signs with. Raises as `discover`."""
    return await _get(network, provider.jwks_uri)


async def redeem(network: Network, provider: Provider, grant: Grant) -> str:
    """The ID token for a code. Raises `Unauthenticated` where the provider does not take it, and as `discover`."""
    form = {"grant_type": "authorization_code", "code": grant.code, "redirect_uri": grant.redirect_uri}
    form |= {"client_id": grant.client_id, "code_verifier": grant.verifier}
    fields = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    if grant.client_secret and provider.secret_in_form:
        form["client_secret"] = grant.client_secret
    elif grant.client_secret:  # RFC 6749, 2.3.1: both are encoded as in a form first
        pair = f"{quote_plus(grant.client_id)}:{quote_plus(grant.client_secret)}"
        fields.append(("Authorization", "Basic " + b64encode(pair.encode()).decode()))
    body = urlencode(form).encode()
    answer = await network.request(
        "POST", provider.token_endpoint, headers=Headers(fields), body=body, limit=MAX_ANSWER
    )
    if 400 <= answer.status < 500:
        raise Unauthenticated("The sign-in provider did not confirm who you are. Try again.", detail=str(answer.body))
    token = _object(answer).get("id_token")
    if not isinstance(token, str):
        raise BadAnswer("The sign-in provider did not say who you are.")
    return token


def verify(
    token: str, jwks: dict[str, Any], provider: Provider, *, client_id: str, nonce: str, now: int
) -> dict[str, Any]:
    """The claims of an ID token that was signed by the provider, for us, just now. Raises `Unauthenticated`."""
    registry = jwt.JWTClaimsRegistry(
        now=now,
        leeway=SKEW,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        claims = jwt.decode(token, KeySet.import_key_set(jwks), algorithms=ALGORITHMS).claims  # type: ignore[arg-type]
        registry.validate(claims)
        if (
            not isinstance(claims["sub"], str)
            or not claims["sub"].isprintable()
            or claims.get("azp", client_id) != client_id
        ):
            raise ValueError("sub or azp")
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise Unauthenticated("What the sign-in provider says cannot be trusted.", detail=repr(error)) from None
    return dict(claims)


async def _get(network: Network, url: str) -> dict[str, Any]:
    headers = Headers({"Accept": "application/json"})
    return _object(await network.request("GET", url, headers=headers, limit=MAX_ANSWER, redirects=2))


def _object(answer: Response) -> dict[str, Any]:
    if answer.status >= 500:
        raise Unreachable("The sign-in provider answers {status} at the moment.", status=answer.status)
    if answer.status != 200:
        raise BadAnswer("The sign-in provider answers {status}.", status=answer.status)
    try:
        return decode_object(answer.body)
    except Invalid:
        raise BadAnswer("The sign-in provider is not understood.") from None
