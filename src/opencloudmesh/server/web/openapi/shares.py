"""Shares, from here and from elsewhere."""

from __future__ import annotations

from opencloudmesh.server import received, shares
from opencloudmesh.server.accounts import SHARE_TYPES
from opencloudmesh.server.bounds import LINK
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

MFA: Schema = {"type": "boolean", "description": "it opens only after a second factor"}

SHARE_TYPE: Schema = {
    "type": "string",
    "enum": list(SHARE_TYPES),
    "description": "whether shareWith is a person, or a group of people at a server that has groups",
}

WEBAPP: Schema = {
    **shape({"name": TEXT, "host": TEXT}),
    "type": ["object", "null"],
    "description": "the web application that opens it, at the page `/apps/{id}`",
}
SSH: Schema = {
    **shape({"uri": TEXT, "command": {**TEXT, "description": "what opens it in a terminal"}}),
    "type": ["object", "null"],
    "description": "where it is over SSH, with one of the person's keys",
}
NAMES: Schema = {"type": "array", "items": TEXT}

SCHEMAS: dict[str, Schema] = {
    "Me": shape(
        {
            "id": TEXT,
            "name": TEXT,
            "email": TEXT,
            "address": {**TEXT, "description": "OCM Address"},
            "secondFactor": {"type": "boolean", "description": "what demands one opens"},
            "quota": reference("Quota"),
        }
    ),
    "Quota": shape(
        {
            "used": {"type": "integer", "description": "bytes of your files, without the trash"},
            "available": {"type": ["integer", "null"], "description": "bytes that there still is room for"},
            "limit": {"type": ["integer", "null"], "description": "bytes that you may have; null: what the disk holds"},
        }
    ),
    "NewShare": shape(
        {
            "path": {**TEXT, "minLength": 1, "description": "in your files, e.g. Reports/2026.odt"},
            "shareWith": {**TEXT, "minLength": 3, "description": "OCM Address, e.g. marie@cloud.example"},
            "shareType": {**SHARE_TYPE, "default": "user"},
            "permissions": PERMISSIONS,
            "expiration": {**MAYBE_MOMENT, "minimum": 0},
            "description": TEXT,
            "mfa": {**MFA, "description": "demand a second factor; a server that cannot promise it is not told"},
        },
        optional=frozenset({"shareType", "permissions", "expiration", "description", "mfa"}),
    ),
    "ShareChange": shape(
        {
            "permissions": PERMISSIONS,
            "expiration": {**MAYBE_MOMENT, "minimum": 0, "description": "unix seconds; null: it has no end"},
        },
        optional=frozenset({"permissions", "expiration"}),
    ),
    "Share": shape(
        {
            "id": TEXT,
            "state": states(shares.TRANSITIONS),
            "path": TEXT,
            "resourceType": RESOURCE_TYPE,
            "shareWith": TEXT,
            "shareType": SHARE_TYPE,
            "batch": {**MAYBE_TEXT, "description": "the batch of shares with a circle that it is of"},
            "recipientDisplayName": MAYBE_TEXT,
            "permissions": PERMISSIONS,
            "description": TEXT,
            "expiration": MAYBE_MOMENT,
            "mfa": MFA,
            "parent": {**MAYBE_TEXT, "description": "the share from which it was shared on"},
            "sharedBy": {**MAYBE_TEXT, "description": "OCM Address of who shared it on"},
            "received": {**MAYBE_TEXT, "description": "what I received, of which I shared this on"},
            "error": {**MAYBE_TEXT, "description": "why it is not where it should be"},
            "failingSince": {
                **MAYBE_MOMENT,
                "description": "since when their server cannot be told of it; unix seconds",
            },
            "link": {**MAYBE_TEXT, "description": "id of the link by which a visitor took it to their cloud"},
            "created": MOMENT,
            "changed": MOMENT,
        }
    ),
    "LinkToAdd": shape(
        {
            "link": {**TEXT, "minLength": 1, "description": "the address of its page"},
            "password": {**TEXT, "description": "of the link; it goes to that cloud, and is not kept"},
        },
        optional=frozenset({"password"}),
    ),
    "LinkAsked": shape(
        {
            "host": {**TEXT, "description": "the cloud that was asked"},
            "received": {**MAYBE_TEXT, "description": "where the link itself is kept: the id of what is received"},
        }
    ),
    "Received": shape(
        {
            "id": TEXT,
            "state": states(received.TRANSITIONS),
            "name": TEXT,
            "resourceType": RESOURCE_TYPE,
            "sender": {**MAYBE_TEXT, "description": "null: nobody sent it, it was taken from a public link"},
            "senderDisplayName": TEXT,
            "owner": {**MAYBE_TEXT, "description": "null: a link does not say it"},
            "ownerDisplayName": TEXT,
            "group": {**MAYBE_TEXT, "description": "the group here that it is shared with; null: with me alone"},
            "sharedBy": {**MAYBE_TEXT, "description": "OCM Address of who shared it on, as `vouchedBy` says"},
            "vouchedBy": {**TEXT, "description": "the server that says all this of the sender and the owner"},
            "permissions": PERMISSIONS,
            "description": TEXT,
            "expiration": MAYBE_MOMENT,
            "mfa": MFA,
            "verified": {"type": "string", "enum": ["rfc9421", "cavage", "unsigned", LINK]},
            "trust": {**TEXT, "description": "why the policy let it in"},
            "stranger": {"type": "boolean", "description": "you do not know the sender, and nobody vouches for them"},
            "path": {**MAYBE_TEXT, "description": "where it is in your files, while accepted"},
            "protocols": {**NAMES, "description": "the names of all that the sender offers"},
            "webapp": WEBAPP,
            "ssh": SSH,
            "unsupported": {**NAMES, "description": "protocols that cannot be used here"},
            "created": MOMENT,
            "changed": MOMENT,
        }
    ),
}

PATHS: dict[str, Schema] = {
    "/me": {"get": operation("Who am I here?", 200, reference("Me"))},
    "/shares": {
        "get": operation("What I share, newest first.", 200, array_of("Share")),
        "post": operation(
            "I share a file or folder with somebody at another server.",
            201,
            reference("Share"),
            errors=(400, 403, 409, 413, 415),
            body="NewShare",
        ),
    },
    "/shares/{id}": {
        "parameters": [ID],
        "get": operation("One share of mine.", 200, reference("Share"), errors=(404,)),
        "patch": operation(
            "I let somebody do more or less with a share, or set another end. What is not said stays as it is.",
            200,
            reference("Share"),
            errors=(400, 404, 409, 413, 415),
            body="ShareChange",
        ),
        "delete": operation("I end a share.", 204, errors=(404,)),
    },
    "/shares/{id}/retry": {
        "parameters": [ID],
        "post": operation(
            "Their server is told now what it could not be told so far.",
            200,
            reference("Share"),
            errors=(404, 409),
        ),
    },
    "/received": {"get": operation("What is shared with me, newest first.", 200, array_of("Received"))},
    "/received/from-link": {
        "post": operation(
            "I want what is behind a public link of another cloud. It is asked, and its share arrives as any other; "
            "where it gives none, the link itself is kept and opened.",
            202,
            reference("LinkAsked"),
            errors=(400, 403, 413, 415, 502),
            body="LinkToAdd",
        )
    },
    "/received/{id}": {
        "parameters": [ID],
        "get": operation("One share that I was offered.", 200, reference("Received"), errors=(404,)),
        "delete": operation("I take it off my list.", 204, errors=(404,)),
    },
    "/received/{id}/accept": {
        "parameters": [ID],
        "post": operation("I take a share.", 200, reference("Received"), errors=(404, 409)),
    },
    "/received/{id}/decline": {
        "parameters": [ID],
        "post": operation("I do not want a share, or leave it.", 200, reference("Received"), errors=(404, 409)),
    },
}
