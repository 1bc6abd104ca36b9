"""The description of the API: OpenAPI 3.1, at `/api/v1/openapi.json`."""

from __future__ import annotations

from typing import Any

import opencloudmesh
from opencloudmesh.protocol.cards import JSCONTACT, VCARD
from opencloudmesh.server import received, share_requests, shares

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
MOMENT: Schema = {"type": "integer", "description": "unix seconds"}
MAYBE_MOMENT: Schema = {"type": ["integer", "null"], "description": "unix seconds"}
PERMISSIONS: Schema = {
    "type": "array",
    "items": {"type": "string", "enum": ["read", "write", "share"]},
    "minItems": 1,
    "description": "What the recipient may do; reading is always among it.",
}
RESOURCE_TYPE: Schema = {"type": "string", "enum": ["file", "folder"]}


def _object(properties: dict[str, Schema], optional: frozenset[str] = frozenset()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _states(transitions: dict[tuple[str, str], str]) -> Schema:
    states = {state for state, _ in transitions} | set(transitions.values())
    return {"type": "string", "enum": sorted(states)}


SCHEMAS: dict[str, Schema] = {
    "Me": _object({"id": TEXT, "name": TEXT, "email": TEXT, "address": {**TEXT, "description": "OCM Address"}}),
    "NewShare": _object(
        {
            "path": {**TEXT, "minLength": 1, "description": "in your files, e.g. Reports/2026.odt"},
            "shareWith": {**TEXT, "minLength": 3, "description": "OCM Address, e.g. marie@cloud.example"},
            "permissions": PERMISSIONS,
            "expiration": {**MAYBE_MOMENT, "minimum": 0},
            "description": TEXT,
        },
        optional=frozenset({"permissions", "expiration", "description"}),
    ),
    "ShareChange": _object(
        {
            "permissions": PERMISSIONS,
            "expiration": {**MAYBE_MOMENT, "minimum": 0, "description": "unix seconds; null: it has no end"},
        },
        optional=frozenset({"permissions", "expiration"}),
    ),
    "Share": _object(
        {
            "id": TEXT,
            "state": _states(shares.TRANSITIONS),
            "path": TEXT,
            "resourceType": RESOURCE_TYPE,
            "shareWith": TEXT,
            "recipientDisplayName": MAYBE_TEXT,
            "permissions": PERMISSIONS,
            "description": TEXT,
            "expiration": MAYBE_MOMENT,
            "error": {**MAYBE_TEXT, "description": "why it is not where it should be"},
            "created": MOMENT,
            "changed": MOMENT,
        }
    ),
    "Received": _object(
        {
            "id": TEXT,
            "state": _states(received.TRANSITIONS),
            "name": TEXT,
            "resourceType": RESOURCE_TYPE,
            "sender": TEXT,
            "senderDisplayName": TEXT,
            "owner": TEXT,
            "ownerDisplayName": TEXT,
            "permissions": PERMISSIONS,
            "description": TEXT,
            "expiration": MAYBE_MOMENT,
            "verified": {"type": "string", "enum": ["rfc9421", "cavage", "unsigned"]},
            "trust": {**TEXT, "description": "why the policy let it in"},
            "stranger": {"type": "boolean", "description": "you do not know the sender, and nobody vouches for them"},
            "path": {**MAYBE_TEXT, "description": "where it is in your files, while accepted"},
            "created": MOMENT,
            "changed": MOMENT,
        }
    ),
    "NewLink": _object(
        {
            "path": {**TEXT, "minLength": 1, "description": "in your files, e.g. Reports/2026.odt"},
            "permissions": PERMISSIONS,
            "expiration": {**MAYBE_MOMENT, "minimum": 0, "description": "until when people can ask; unix seconds"},
            "description": {**TEXT, "description": "what visitors are told of it"},
        },
        optional=frozenset({"permissions", "expiration", "description"}),
    ),
    "Link": _object(
        {
            "id": TEXT,
            "state": {"type": "string", "enum": ["open", "expired"]},
            "path": TEXT,
            "resourceType": RESOURCE_TYPE,
            "permissions": PERMISSIONS,
            "description": TEXT,
            "url": {**MAYBE_TEXT, "description": "the page to give to others, while it is open"},
            "expiration": MAYBE_MOMENT,
            "created": MOMENT,
        }
    ),
    "Request": _object(
        {
            "id": TEXT,
            "state": _states(share_requests.TRANSITIONS),
            "path": TEXT,
            "address": {**TEXT, "description": "OCM Address of the one who asks"},
            "verified": {
                "type": "string",
                "enum": ["rfc9421", "cavage", "unsigned", "typed"],
                "description": "how they are known; `typed` is by nothing: anybody can type any address",
            },
            "link": {**MAYBE_TEXT, "description": "id of the link by which they asked"},
            "share": {**MAYBE_TEXT, "description": "id of the share that came of it"},
            "created": MOMENT,
        }
    ),
    "NewInvite": _object(
        {
            "description": {**TEXT, "description": "for yourself"},
            "email": {**TEXT, "description": "where the cloud sends it to, if it sends mail"},
            "expiration": {**MAYBE_MOMENT, "minimum": 0},
        },
        optional=frozenset({"description", "email", "expiration"}),
    ),
    "Invite": _object(
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
    "InviteToAccept": _object({"invite": {**TEXT, "minLength": 1, "description": "in any spelling, or a link"}}),
    "NewContact": _object(
        {"address": {**TEXT, "minLength": 3, "description": "OCM Address"}, "name": TEXT}, optional=frozenset({"name"})
    ),
    "Contact": _object(
        {
            "id": TEXT,
            "address": TEXT,
            "name": TEXT,
            "email": TEXT,
            "source": {"type": "string", "enum": ["invite", "share", "direct entry"]},
            "blocked": {"type": "boolean", "description": "nothing is taken from them"},
            "created": MOMENT,
        }
    ),
    "Imported": _object(
        {
            "found": {"type": "integer", "description": "OCM Addresses in the file"},
            "added": {"type": "integer", "description": "of them that are new"},
            "skipped": {"type": "integer", "description": "contacts without an OCM Address"},
        }
    ),
    "Error": _object(
        {
            "message": {**TEXT, "description": "one sentence for a person"},
            "validationErrors": {"type": "array", "items": _object({"name": TEXT, "message": TEXT})},
        },
        optional=frozenset({"validationErrors"}),
    ),
}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _list(name: str) -> Schema:
    return {"type": "array", "items": _reference(name)}


def _operation(
    summary: str, status: int, answer: Schema | None = None, *, errors: tuple[int, ...] = (), body: str = "",
    file: Schema | None = None,
) -> Schema:  # fmt: skip
    """`answer` is in JSON, `file` a map of media types."""
    success: Schema = {"description": summary}
    if answer is not None or file is not None:
        success["content"] = file or _json(answer or {})
    failures = {
        str(code): {"description": ERRORS[code], "content": _json(_reference("Error"))}
        for code in (401, 429, 503, *errors)
    }
    operation: Schema = {"summary": summary, "responses": {str(status): success, **failures}}
    if body:
        operation["requestBody"] = {"required": True, "content": _json(_reference(body))}
    return operation


ERRORS = {
    400: "Something in it is wrong; `validationErrors` names what.",
    401: "The user name or the password is missing or wrong.",
    403: "It is somebody else's.",
    404: "There is no such share.",
    409: "It contradicts what is there.",
    413: "The body is too large.",
    415: "The body is of another kind.",
    429: "Too many attempts failed.",
    502: "The other server did not do its part; `message` says what.",
    503: "Not at the moment.",
}
ID: Schema = {"name": "id", "in": "path", "required": True, "schema": {**TEXT, "minLength": 1}}

ADDRESS_BOOK: Schema = {
    JSCONTACT: {"schema": {"type": "array", "items": {"type": "object"}, "description": "Cards (RFC 9553)"}},
    VCARD: {"schema": {"type": "string", "description": "vCard 4.0 (RFC 6350); 3.0 is read too"}},
}


def _query(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "schema": schema}


PATHS: dict[str, Schema] = {
    "/me": {"get": _operation("Who am I here?", 200, _reference("Me"))},
    "/shares": {
        "get": _operation("What I share, newest first.", 200, _list("Share")),
        "post": _operation(
            "I share a file or folder with somebody at another server.",
            201,
            _reference("Share"),
            errors=(400, 403, 409, 413, 415),
            body="NewShare",
        ),
    },
    "/shares/{id}": {
        "parameters": [ID],
        "get": _operation("One share of mine.", 200, _reference("Share"), errors=(404,)),
        "patch": _operation(
            "I let somebody do more or less with a share, or set another end. What is not said stays as it is.",
            200,
            _reference("Share"),
            errors=(400, 404, 409, 413, 415),
            body="ShareChange",
        ),
        "delete": _operation("I end a share.", 204, errors=(404,)),
    },
    "/received": {"get": _operation("What is shared with me, newest first.", 200, _list("Received"))},
    "/received/{id}": {
        "parameters": [ID],
        "get": _operation("One share that I was offered.", 200, _reference("Received"), errors=(404,)),
        "delete": _operation("I take it off my list.", 204, errors=(404,)),
    },
    "/received/{id}/accept": {
        "parameters": [ID],
        "post": _operation("I take a share.", 200, _reference("Received"), errors=(404, 409)),
    },
    "/received/{id}/decline": {
        "parameters": [ID],
        "post": _operation("I do not want a share, or leave it.", 200, _reference("Received"), errors=(404, 409)),
    },
    "/links": {
        "get": _operation("The links that I gave away, newest first.", 200, _list("Link")),
        "post": _operation(
            "I let people ask for a file or folder.",
            201,
            _reference("Link"),
            errors=(400, 403, 413, 415),
            body="NewLink",
        ),
    },
    "/links/{id}": {
        "parameters": [ID],
        "delete": _operation("Nobody shall ask by it any more; who has asked is forgotten.", 204, errors=(404,)),
    },
    "/requests": {"get": _operation("Who asked me for something, newest first.", 200, _list("Request"))},
    "/requests/{id}/grant": {
        "parameters": [ID],
        "post": _operation(
            "I share it with the one who asked, as the link says.",
            200,
            _reference("Request"),
            errors=(400, 403, 404, 409),
        ),
    },
    "/requests/{id}/refuse": {
        "parameters": [ID],
        "post": _operation("I do not share it; nobody is told.", 200, _reference("Request"), errors=(404, 409)),
    },
    "/invites": {
        "get": _operation("The invites that I gave away, newest first.", 200, _list("Invite")),
        "post": _operation(
            "I invite somebody elsewhere.", 201, _reference("Invite"), errors=(400, 413, 415), body="NewInvite"
        ),
    },
    "/invites/accept": {
        "post": _operation(
            "I take an invite. This waits for the server that it is from.",
            201,
            _reference("Contact"),
            errors=(400, 403, 409, 413, 415, 502),
            body="InviteToAccept",
        )
    },
    "/invites/{id}": {"parameters": [ID], "delete": _operation("Nobody shall take it any more.", 204, errors=(404,))},
    "/invites/{id}/qr.svg": {
        "parameters": [ID],
        "get": _operation("Its link as QR code, while it is open.", 200, file={"image/svg+xml": {}}, errors=(404,)),
    },
    "/contacts": {
        "get": {
            **_operation("Whom I know elsewhere, by name.", 200, _list("Contact")),
            "parameters": [
                {**_query("search", TEXT), "description": "found in the name, the address or the e-mail address"}
            ],
        },
        "post": _operation(
            "I write down an address.", 201, _reference("Contact"), errors=(400, 413, 415), body="NewContact"
        ),
    },
    "/contacts/export": {
        "get": {
            **_operation("My address book, for another program.", 200, file=ADDRESS_BOOK, errors=(400,)),
            "parameters": [
                _query("format", {"type": "string", "enum": ["jscontact", "vcard"], "default": "jscontact"})
            ],
        }
    },
    "/contacts/import": {
        "post": {
            **_operation("Contacts from another program.", 200, _reference("Imported"), errors=(400, 413, 415)),
            "requestBody": {"required": True, "content": ADDRESS_BOOK},
        }
    },
    "/contacts/{id}": {
        "parameters": [ID],
        "delete": _operation("I forget a contact; the server of one who was invited is told.", 204, errors=(404,)),
    },
    "/contacts/{id}/block": {
        "parameters": [ID],
        "post": _operation("I take nothing from them.", 200, _reference("Contact"), errors=(404,)),
    },
    "/contacts/{id}/unblock": {
        "parameters": [ID],
        "post": _operation("I take from them again.", 200, _reference("Contact"), errors=(404,)),
    },
}


def document(public_url: str) -> dict[str, Any]:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Open Cloud Mesh", "version": opencloudmesh.__version__},
        "servers": [{"url": f"{public_url}/api/v1"}],
        "security": [{"password": []}],
        "paths": PATHS,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"password": {"type": "http", "scheme": "basic"}},
        },
    }
