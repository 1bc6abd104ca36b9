"""Links that a person gave away, who asks them for a share, and whom they ask."""

from __future__ import annotations

from opencloudmesh.protocol.share_requests import MAX_SHARE
from opencloudmesh.server import asked, links, share_requests
from opencloudmesh.server.web.openapi.parts import (
    ID,
    MAYBE_MOMENT,
    MAYBE_TEXT,
    MOMENT,
    PERMISSIONS,
    RESOURCE_TYPE,
    TEXT,
    Schema,
    array_of,
    operation,
    reference,
    shape,
    states,
)

MODE: Schema = {
    "type": "string",
    "enum": list(links.MODES),
    "description": "what visitors may do: `ask` for it without seeing it, `read`, `upload` without seeing what is "
    "there (folders only), `edit`",
}
COUNT: Schema = {"type": "integer", "minimum": 0}
PASSWORD: Schema = {"minLength": 8, "maxLength": 1024, "writeOnly": True, "description": "that visitors have to show"}

SCHEMAS: dict[str, Schema] = {
    "NewLink": shape(
        {
            "path": {**TEXT, "minLength": 1, "description": "in your files, e.g. Reports/2026.odt"},
            "mode": {**MODE, "default": "ask"},
            "permissions": {**PERMISSIONS, "description": "of who asks and is let; in other modes the mode says it"},
            "password": {**TEXT, **PASSWORD},
            "expiration": {**MAYBE_MOMENT, "minimum": 0, "description": "until when it can be used; unix seconds"},
            "description": {**TEXT, "description": "what visitors are told of it"},
        },
        optional=frozenset({"mode", "permissions", "password", "expiration", "description"}),
    ),
    "LinkChange": shape(
        {
            "mode": MODE,
            "permissions": PERMISSIONS,
            "password": {**MAYBE_TEXT, **PASSWORD, "description": "the new one; null: it has none any more"},
            "expiration": {**MAYBE_MOMENT, "minimum": 0, "description": "unix seconds; null: it has no end"},
            "description": TEXT,
        },
        optional=frozenset({"mode", "permissions", "password", "expiration", "description"}),
    ),
    "Link": shape(
        {
            "id": TEXT,
            "state": {"type": "string", "enum": ["open", "expired"]},
            "mode": MODE,
            "path": TEXT,
            "resourceType": RESOURCE_TYPE,
            "permissions": PERMISSIONS,
            "protected": {"type": "boolean", "description": "whether it has a password"},
            "description": TEXT,
            "url": {**MAYBE_TEXT, "description": "the page to give to others, while it is open"},
            "downloads": {**COUNT, "description": "files and archives that visitors fetched"},
            "uploads": {**COUNT, "description": "files and folders that visitors put there"},
            "uploaded": {**COUNT, "description": "bytes in those"},
            "expiration": MAYBE_MOMENT,
            "created": MOMENT,
        }
    ),
    "Grant": shape(
        {"permissions": {**PERMISSIONS, "description": "what they may do; else as the link says, or read"}},
        optional=frozenset({"permissions"}),
    ),
    "Request": shape(
        {
            "id": TEXT,
            "state": states(share_requests.TRANSITIONS),
            "path": TEXT,
            "address": {**TEXT, "description": "OCM Address of the one who asks"},
            "verified": {
                "type": "string",
                "enum": ["rfc9421", "cavage", "unsigned", "typed"],
                "description": "how they are known; `typed` is by nothing: anybody can type any address",
            },
            "link": {**MAYBE_TEXT, "description": "id of the link by which they asked, if it was one"},
            "share": {**MAYBE_TEXT, "description": "id of the share that came of it"},
            "created": MOMENT,
        }
    ),
}

SCHEMAS |= {
    "NewAsked": shape(
        {
            "owner": {**TEXT, "minLength": 3, "description": "OCM Address of the one whose it is"},
            "share": {**TEXT, "minLength": 1, "maxLength": MAX_SHARE, "description": "its URL or identifier there"},
        }
    ),
    "Asked": shape(
        {
            "id": TEXT,
            "state": states(asked.TRANSITIONS),
            "owner": {**TEXT, "description": "OCM Address of the one who was asked"},
            "share": TEXT,
            "received": {**MAYBE_TEXT, "description": "id of the share that came"},
            "error": {**MAYBE_TEXT, "description": "why it is not delivered"},
            "created": MOMENT,
            "changed": MOMENT,
        }
    ),
}

PATHS: dict[str, Schema] = {
    "/links": {
        "get": operation("The links that I gave away, newest first.", 200, array_of("Link")),
        "post": operation(
            "I make a link to a file or folder, by which people can open it or ask for it.",
            201,
            reference("Link"),
            errors=(400, 403, 413, 415),
            body="NewLink",
        ),
    },
    "/links/{id}": {
        "parameters": [ID],
        "patch": operation(
            "I change a link; what is not named stays as it is.",
            200,
            reference("Link"),
            errors=(400, 404, 413, 415),
            body="LinkChange",
        ),
        "delete": operation("It shall lead nowhere any more; who has asked by it is forgotten.", 204, errors=(404,)),
    },
    "/asked": {
        "get": operation("What I asked others for, newest first.", 200, array_of("Asked")),
        "post": operation(
            "I ask somebody elsewhere for something; their server is told.",
            201,
            reference("Asked"),
            errors=(400, 403, 413, 415),
            body="NewAsked",
        ),
    },
    "/asked/{id}": {
        "parameters": [ID],
        "delete": operation("I take it off my list; what was not sent yet never is.", 204, errors=(404,)),
    },
    "/requests": {"get": operation("Who asked me for something, newest first.", 200, array_of("Request"))},
    "/requests/{id}/grant": {
        "parameters": [ID],
        "post": operation(
            "I share it with the one who asked.",
            200,
            reference("Request"),
            errors=(400, 403, 404, 409, 413, 415),
            body="Grant",
            required=False,
        ),
    },
    "/requests/{id}/refuse": {
        "parameters": [ID],
        "post": operation("I do not share it; nobody is told.", 200, reference("Request"), errors=(404, 409)),
    },
}
