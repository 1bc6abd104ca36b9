"""One tree of errors for the whole project.

    raise NotFound("There is no user {user!r}.", user=name)

Every error has two audiences: `message` is one clear sentence for the person or the peer at the other end, whose places
are filled with what else is given, so that pages say it in other languages; `detail` is for the operator's log and
never leaves the machine. `status` is the HTTP status that PROTOCOL
(IETF-OCM, "Share Creation Notification" and its siblings) or RFC 4918 names for it. They become responses in
`server/web/errors.py` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from opencloudmesh.protocol.sentences import Sentence


class FieldError(NamedTuple):
    """One wrong field: an entry of the protocol's `validationErrors`."""

    name: str
    message: str


class OcmError(Exception):
    """The root. Never raised itself, except as "something we did not foresee" (500)."""

    status = 500

    def __init__(
        self,
        message: str,
        /,
        *,
        fields: Iterable[FieldError] = (),
        retry_after: int | None = None,
        detail: str = "",
        **values: object,
    ) -> None:
        self.message = Sentence(message, **values)
        super().__init__(self.message)
        self.fields = tuple(fields)
        self.retry_after = retry_after  # seconds
        self.detail = detail


class Invalid(OcmError):
    """What was sent is not understood; `fields` names every wrong field."""

    status = 400


class Unauthenticated(OcmError):
    """It is not known who is asking."""

    status = 401


class SignatureError(Unauthenticated):
    """There is a signature and it does not hold, or there is none where one is demanded."""


class UnknownKey(SignatureError):
    """The signature names a key that is not among the known ones: worth one fresh look at the signer's keys."""


class Forbidden(OcmError):
    """It is known who is asking, and the answer is no."""

    status = 403


class SecondFactorNeeded(Forbidden):
    """Its owner demands a second factor (`must-use-mfa`), and who asks has passed none."""


class NotFound(OcmError):
    """There is no such thing, or not for the one who asks."""

    status = 404


class MethodNotAllowed(OcmError):
    """The thing exists and this cannot be done to it (RFC 4918, 9.3: MKCOL on what exists)."""

    status = 405


class Conflict(OcmError):
    """It contradicts what is there already."""

    status = 409


class PreconditionFailed(OcmError):
    """`If-Match`, `If-None-Match`, `If` or `Overwrite: F` did not hold."""

    status = 412


class TooLarge(OcmError):
    """The body is over the limit."""

    status = 413


class UnsupportedMediaType(OcmError):
    """The body is of a kind that is not understood here."""

    status = 415


class RangeNotSatisfiable(OcmError):
    """The byte range lies outside the file."""

    status = 416


class Locked(OcmError):
    """Somebody holds a lock on it (RFC 4918, 11.3)."""

    status = 423


class TooManyRequests(OcmError):
    """Slow down; `retry_after` says for how long."""

    status = 429


class NotSupported(OcmError):
    """A share type, resource type or protocol that is not spoken here (PROTOCOL: 501)."""

    status = 501


class Unavailable(OcmError):
    """For the moment not; nothing is lost and trying again is right."""

    status = 503


class PeerAway(Unavailable):
    """Another server is needed for the answer and cannot be asked just now: nothing is wrong here."""


class InsufficientStorage(OcmError):
    """The quota or the disk is full (RFC 4918, 11.5)."""

    status = 507


class PeerError(OcmError):
    """Another server did not do its part. Shown to our user as a reason, never as our own failure."""

    status = 502


class Unreachable(PeerError):
    """Name, connection, TLS or time-out: the peer did not answer. Says nothing about the share behind it."""


class EgressDenied(PeerError):
    """The egress guard refuses to connect there."""


class BadAnswer(PeerError):
    """The peer answered something that is not understood."""


class Refused(PeerError):
    """The peer understood and said no. `peer_status` is its HTTP status, `body` what it sent with it."""

    def __init__(
        self,
        message: str,
        /,
        *,
        peer_status: int,
        body: bytes = b"",
        retry_after: int | None = None,
        detail: str = "",
        **values: Any,
    ) -> None:
        super().__init__(message, retry_after=retry_after, detail=detail, **values)
        self.peer_status = peer_status
        self.body = body
