"""How a person gets in: their sessions, app passwords and passkeys."""

from __future__ import annotations

from opencloudmesh.server.web.openapi.parts import ID, MAYBE_MOMENT, MOMENT, TEXT, Schema, array_of, operation, shape

STRONG: Schema = {"type": "boolean", "description": "it opens what needs a second factor"}

SCHEMAS: dict[str, Schema] = {
    "Session": shape(
        {
            "id": TEXT,
            "device": {**TEXT, "description": "as the browser calls itself"},
            "secondFactor": STRONG,
            "used": {**MOMENT, "description": "unix seconds, to the hour"},
            "created": MOMENT,
        }
    ),
    "Passkey": shape({"id": TEXT, "name": TEXT, "used": MAYBE_MOMENT, "created": MOMENT}),
    "AppPassword": shape(
        {
            "id": TEXT,
            "name": TEXT,
            "secondFactor": STRONG,
            "used": {**MAYBE_MOMENT, "description": "unix seconds, to the hour; null: not yet"},
            "created": MOMENT,
        }
    ),
}

PATHS: dict[str, Schema] = {
    "/sessions": {
        "get": operation("Where I am signed in, what was used last first.", 200, array_of("Session")),
        "delete": operation("I sign out everywhere.", 204),
    },
    "/sessions/{id}": {"parameters": [ID], "delete": operation("I sign out somewhere.", 204, errors=(404,))},
    "/passkeys": {
        "get": operation(
            "The passkeys that I made on the page Security, oldest first; they are removed there too.",
            200,
            array_of("Passkey"),
        )
    },
    "/app-passwords": {
        "get": operation(
            "The passwords that I made for programs on the page Security, newest first.", 200, array_of("AppPassword")
        )
    },
    "/app-passwords/{id}": {
        "parameters": [ID],
        "delete": operation("A program shall get in no more.", 204, errors=(404,)),
    },
}
