"""Circles of contacts, and what is shared with them."""

from __future__ import annotations

from opencloudmesh.server import batches, shares
from opencloudmesh.server.web.openapi.parts import (
    ID,
    MAYBE_MOMENT,
    MOMENT,
    PERMISSIONS,
    TEXT,
    Schema,
    array_of,
    operation,
    reference,
    shape,
    states,
)

NAME: Schema = {**TEXT, "minLength": 1, "maxLength": 255, "description": "without @, in one line"}
CONTACT: Schema = {"name": "contact", "in": "path", "required": True, "schema": {**TEXT, "minLength": 1}}
MFA: Schema = {"type": "boolean", "description": "it opens only after a second factor"}
PROGRESS: Schema = {
    "type": "object",
    "propertyNames": {"enum": [*states(shares.TRANSITIONS)["enum"], batches.FAILING]},
    "additionalProperties": {"type": "integer"},
    "description": "how many of the shares are in which state; failing: could not be delivered yet",
}

SCHEMAS: dict[str, Schema] = {
    "NewCircle": shape({"name": NAME}),
    "Circle": shape({"id": TEXT, "name": TEXT, "members": {"type": "array", "items": reference("Contact")}}),
    "NewBatch": shape(
        {
            "path": {**TEXT, "minLength": 1, "description": "in your files, e.g. Reports/2026.odt"},
            "circle": {**TEXT, "minLength": 1, "description": "its id"},
            "permissions": PERMISSIONS,
            "expiration": {**MAYBE_MOMENT, "minimum": 0},
            "description": TEXT,
            "mfa": MFA,
        },
        optional=frozenset({"permissions", "expiration", "description", "mfa"}),
    ),
    "Batch": shape(
        {
            "id": TEXT,
            "circle": {**TEXT, "description": "id of a circle, which may be gone"},
            "name": {**TEXT, "description": "what it was called then"},
            "path": TEXT,
            "permissions": PERMISSIONS,
            "description": TEXT,
            "expiration": MAYBE_MOMENT,
            "mfa": MFA,
            "shares": {"type": "array", "items": TEXT, "description": "ids; each share can be changed and ended alone"},
            "progress": PROGRESS,
            "refused": {
                "type": "array",
                "items": shape({"shareWith": TEXT, "message": TEXT}),
                "description": "who could not be given a share, and why",
            },
            "new": {"type": "array", "items": TEXT, "description": "addresses of who came into the circle since"},
            "created": MOMENT,
        }
    ),
}

PATHS: dict[str, Schema] = {
    "/circles": {
        "get": operation("My circles of contacts, by name.", 200, array_of("Circle")),
        "post": operation("I make a circle.", 201, reference("Circle"), errors=(400, 409, 413, 415), body="NewCircle"),
    },
    "/circles/{id}": {
        "parameters": [ID],
        "patch": operation(
            "I call it otherwise.", 200, reference("Circle"), errors=(400, 404, 409, 413, 415), body="NewCircle"
        ),
        "delete": operation("I forget a circle; contacts and shares stay.", 204, errors=(404,)),
    },
    "/circles/{id}/members/{contact}": {
        "parameters": [ID, CONTACT],
        "put": operation(
            "I put a contact into it; nothing is shared with them by that.",
            200,
            reference("Circle"),
            errors=(404, 409),
        ),
        "delete": operation("I take a contact out of it; shares stay.", 200, reference("Circle"), errors=(404,)),
    },
    "/batches": {
        "get": operation("What I share with circles, newest first.", 200, array_of("Batch")),
        "post": operation(
            "I share something with everybody in a circle, as one share for each.",
            201,
            reference("Batch"),
            errors=(400, 403, 404, 409, 413, 415),
            body="NewBatch",
        ),
    },
    "/batches/{id}": {
        "parameters": [ID],
        "get": operation("One of them.", 200, reference("Batch"), errors=(404,)),
        "patch": operation(
            "I let all of them do more or less, or set another end; it counts for who comes later too. "
            "What is not said stays as it is.",
            200,
            reference("Batch"),
            errors=(400, 404, 413, 415),
            body="ShareChange",
        ),
        "delete": operation("I end all of its shares.", 204, errors=(404,)),
    },
    "/batches/{id}/catch-up": {
        "parameters": [ID],
        "post": operation(
            "I share it on the same terms with who came into the circle since.",
            200,
            reference("Batch"),
            errors=(404, 409),
        ),
    },
}
