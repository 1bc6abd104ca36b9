"""Where errors become responses, and nowhere else.

A person or a peer gets `{message, validationErrors}` with the status of the error (IETF-OCM, "Share Creation
Notification"); what is for the operator goes to the log. What nobody foresaw is logged with its traceback and told
as one sentence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opencloudmesh.protocol.errors import OcmError, PeerAway, Unauthenticated
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.protocol.tokens import TokenError
from opencloudmesh.protocol.wire import encode_json
from opencloudmesh.server.views import ASK_PATH, LINK_PATH

log = logging.getLogger(__name__)

# Both ways that people and peers prove who they are. DAV clients ask for a password only when they see the first.
CHALLENGE = 'Basic realm="Open Cloud Mesh", charset="UTF-8"'
SENTENCES = {
    404: "There is nothing here.",
    405: Sentence("This cannot be done here."),
}


# Shows an error to a person in a browser; None for those who are told in JSON.
Page = Callable[[OcmError, int, Mapping[str, str], Scope], Response | None]


class AbortedError(Exception):
    """A response that had begun and could not be completed: the connection has to be cut."""


class Errors:
    """ASGI middleware around the whole application: nothing but a response leaves it."""

    def __init__(self, app: ASGIApp, page: Page = lambda *_: None) -> None:
        self._app = app
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with the application, or with its error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["app"] = self  # only then Starlette's router raises its 404 and 405, for us to answer
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            response = self._answer(error, scope)
            if begun:  # it cannot be taken back, but must not look complete
                raise AbortedError("A response could not be completed.") from None
            await response(scope, receive, send)

    def _answer(self, error: Exception, scope: Scope) -> Response:
        if isinstance(error, HTTPException):  # of the router
            told = OcmError(SENTENCES.get(error.status_code, error.detail))
            status, headers = error.status_code, error.headers or {}
            page = self._page(told, status, headers, scope)
            return page or json_response({"message": told.message}, status, headers)
        told = _as_told(error, scope)
        return self._page(told, told.status, when_again(told), scope) or respond(told)


def respond(error: OcmError, spoken: Callable[[str], str] = str) -> Response:
    """The response that tells an error; `spoken` says it in the language of a person whom a script tells it."""
    headers = when_again(error)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = CHALLENGE
    body: dict[str, Any] = {"message": spoken(error.message)}
    if isinstance(error, TokenError):  # RFC 6749, 5.2
        body = {"error": error.error, "error_description": error.message}
        headers["Cache-Control"] = "no-store"
    if error.fields:
        body["validationErrors"] = [field._asdict() for field in error.fields]
    return json_response(body, error.status, headers)


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON."""
    return Response(encode_json(value), status, headers, media_type="application/json")


def when_again(error: OcmError) -> dict[str, str]:
    """The header that says when to try again, where that is known."""
    return {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}


def _where(scope: Scope) -> str:
    """Method and path, for the log: in one line, whatever was asked for, and without the token of a link."""
    path = quote(scope["path"])
    for secret in (ASK_PATH, LINK_PATH):
        if path.startswith(secret):
            path = secret + "..."
    return f"{scope['method']} {path}"


def _as_told(error: Exception, scope: Scope) -> OcmError:
    where = _where(scope)
    if isinstance(error, OcmError):
        if error.status >= 500 and not isinstance(error, PeerAway):  # of those any stranger may name thousands
            log.warning("%s: %d %s %s", where, error.status, error.message, error.detail)
        else:
            log.debug("%s: %d %s %s", where, error.status, error.message, error.detail)
        return error
    log.error("%s failed", where, exc_info=error)
    return OcmError("Something went wrong here. The operator can find it in the log.")
