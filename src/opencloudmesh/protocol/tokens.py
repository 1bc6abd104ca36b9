"""The code flow: a shared secret or code is exchanged for a short-lived token (IETF-OCM, "Code Flow").

`POST {tokenEndPoint}`, form-encoded as OAuth 2 demands (RFC 6749, 4.1.3); CERNBox and ocm-stub have their own
names for the grant, and JSON is read as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opencloudmesh.protocol.errors import BadAnswer, Invalid
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.protocol.protocols import MAX_SECRET
from opencloudmesh.protocol.wire import decode_object

AUTHORIZATION_CODE = "authorization_code"
GRANT_TYPES = frozenset({AUTHORIZATION_CODE, "ocm_share", "ocm_authorization_code"})

# RFC 6749, 5.2: the only words that may stand in `error`.
ERRORS = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"}
)


class TokenError(Invalid):
    """A refused exchange; `error` is the word of RFC 6749, 5.2."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error
        if error == "invalid_client":  # RFC 6749, 5.2
            self.status = 401


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request for a token. `client_id` is the Receiving Server's host, "" where it was not sent."""

    code: str = field(repr=False)
    client_id: str = ""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> TokenRequest:
        """Reads a decoded form or JSON object. Raises `TokenError`."""
        grant = values.get("grant_type")
        if not isinstance(grant, str) or not grant:
            raise TokenError("invalid_request", "grant_type is missing.")
        if grant not in GRANT_TYPES:
            raise TokenError("unsupported_grant_type", "Only authorization_code is supported.")
        code, client_id = values.get("code"), values.get("client_id") or ""
        if not isinstance(code, str) or not 0 < len(code) <= MAX_SECRET or not code.isprintable():
            raise TokenError("invalid_request", "code is missing.")
        if not isinstance(client_id, str) or len(client_id) > MAX_SECRET or not client_id.isprintable():
            raise TokenError("invalid_request", "client_id is not understood.")
        return cls(code, client_id)

    def form(self) -> dict[str, str]:
        """The form to send."""
        return {"grant_type": AUTHORIZATION_CODE, "client_id": self.client_id, "code": self.code}


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """A token; `expires_in` in seconds from the answer."""

    access_token: str = field(repr=False)
    expires_in: int

    @classmethod
    def parse(cls, body: bytes) -> TokenResponse:
        """Reads the answer of a peer. Raises `BadAnswer`."""
        try:
            fields = Fields(decode_object(body))
            token = fields.text("access_token", limit=16_384)
            kind = fields.text("token_type", limit=32)
            expires_in = fields.number("expires_in")
            fields.check()
        except Invalid:
            raise BadAnswer("Its answer to the token request is not understood.") from None
        if kind.lower() != "bearer" or not token.isascii() or not token.isprintable():
            raise BadAnswer("Its token is of a kind that is not understood.")
        return cls(token, expires_in if expires_in is not None else 300)

    def encode(self) -> dict[str, Any]:
        """The JSON object to send."""
        return {"access_token": self.access_token, "token_type": "Bearer", "expires_in": self.expires_in}


def is_invalid_grant(body: bytes) -> bool:
    """Whether a refusal says that the code opens nothing: the share it was given for is not there (RFC 6749, 5.2)."""
    try:
        return decode_object(body).get("error") == "invalid_grant"
    except Invalid:
        return False
