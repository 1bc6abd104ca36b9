"""Invites."""

from __future__ import annotations

from opencloudmesh.server.web.openapi.parts import (
    ID,
    MAYBE_MOMENT,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    Schema,
    array_of,
    operation,
    reference,
    shape,
)

SCHEMAS: dict[str, Schema] = {
    "NewInvite": shape(
        {
            "description": {**TEXT, "description": "for yourself"},
            "email": {**TEXT, "description": "where the cloud sends it to, if it sends mail"},
            "expiration": {**MAYBE_MOMENT, "minimum": 0},
        },
        optional=frozenset({"description", "email", "expiration"}),
    ),
    "Invite": shape(
        {
            "id": TEXT,
            "state": {"type": "string", "enum": ["open", "accepted", "expired", "revoked"]},
            "link": {**MAYBE_TEXT, "description": "what to give to somebody, while it is open: to be followed"},
            "invite": {**MAYBE_TEXT, "description": "the same as invite string, to be pasted"},
            "code": {**MAYBE_TEXT, "description": "the same as token@host"},
            "description": TEXT,
            "email": {**TEXT, "description": "where it is sent to, if it is"},
            "mail": {"enum": ["waiting", "sent", "failed", None], "description": "what became of the mail"},
            "error": {**MAYBE_TEXT, "description": "why the mail is not where it should be"},
            "acceptedBy": {**MAYBE_TEXT, "description": "OCM Address"},
            "expiration": MOMENT,
            "created": MOMENT,
        }
    ),
    "InviteToAccept": shape({"invite": {**TEXT, "minLength": 1, "description": "in any spelling, or a link"}}),
}

PATHS: dict[str, Schema] = {
    "/invites": {
        "get": operation("The invites that I gave away, newest first.", 200, array_of("Invite")),
        "post": operation(
            "I invite somebody elsewhere.", 201, reference("Invite"), errors=(400, 413, 415), body="NewInvite"
        ),
    },
    "/invites/accept": {
        "post": operation(
            "I take an invite. This waits for the server that it is from.",
            201,
            reference("Contact"),
            errors=(400, 403, 409, 413, 415, 502),
            body="InviteToAccept",
        )
    },
    "/invites/{id}": {"parameters": [ID], "delete": operation("Nobody shall take it any more.", 204, errors=(404,))},
    "/invites/{id}/qr.svg": {
        "parameters": [ID],
        "get": operation("Its link as QR code, while it is open.", 200, file={"image/svg+xml": {}}, errors=(404,)),
    },
}
