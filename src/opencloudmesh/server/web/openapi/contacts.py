"""Contacts, and who is at an address."""

from __future__ import annotations

from opencloudmesh.protocol.cards import JSCONTACT, VCARD
from opencloudmesh.server.web.openapi.parts import (
    ID,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    Schema,
    array_of,
    operation,
    query,
    reference,
    shape,
)

ADDRESS_BOOK: Schema = {
    JSCONTACT: {"schema": {"type": "array", "items": {"type": "object"}, "description": "Cards (RFC 9553)"}},
    VCARD: {"schema": {"type": "string", "description": "vCard 4.0 (RFC 6350); 3.0 is read too"}},
}

_MAYBE: Schema = {"type": ["boolean", "null"]}

SCHEMAS: dict[str, Schema] = {
    "NewContact": shape(
        {"address": {**TEXT, "minLength": 3, "description": "OCM Address"}, "name": TEXT}, optional=frozenset({"name"})
    ),
    "Contact": shape(
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
    "Recipient": shape(
        {
            "address": TEXT,
            "host": {**TEXT, "description": "host[:port] of their server"},
            "contact": {"anyOf": [reference("Contact"), {"type": "null"}]},
            "allowed": {"type": "boolean", "description": "this cloud's policy lets me share with them"},
            "reachable": {"type": "boolean", "description": "the server has said who it is"},
            "reason": {**TEXT, "description": "one sentence: why it was not reached, or takes no share; or empty"},
            "provider": {**MAYBE_TEXT, "description": "what the server calls itself"},
            "version": {**MAYBE_TEXT, "description": "of the protocol"},
            "signed": {**_MAYBE, "description": "it shows keys to check its signatures with"},
            "inviteNeeded": {**_MAYBE, "description": "it takes shares of invited people only, which I am not there"},
            "mustExchangeToken": {**_MAYBE, "description": "it takes only short-lived tokens for files"},
            "mfa": {**_MAYBE, "description": "it promises a second factor where a share demands one"},
            "groups": {**_MAYBE, "description": "it takes shares for groups"},
            "write": {**_MAYBE, "description": "people there can write where they may; else they only read"},
        }
    ),
    "Imported": shape(
        {
            "found": {"type": "integer", "description": "OCM Addresses in the file"},
            "added": {"type": "integer", "description": "of them that are new"},
            "skipped": {"type": "integer", "description": "contacts without an OCM Address"},
        }
    ),
}

PATHS: dict[str, Schema] = {
    "/peers": {
        "get": {
            **operation("Who is at an address, and what their server can.", 200, reference("Recipient"), errors=(400,)),
            "parameters": [{**query("address", {**TEXT, "minLength": 3}), "required": True}],
        }
    },
    "/contacts": {
        "get": {
            **operation("Whom I know elsewhere, by name.", 200, array_of("Contact")),
            "parameters": [
                {**query("search", TEXT), "description": "found in the name, the address or the e-mail address"}
            ],
        },
        "post": operation(
            "I write down an address.", 201, reference("Contact"), errors=(400, 413, 415), body="NewContact"
        ),
    },
    "/contacts/export": {
        "get": {
            **operation("My address book, for another program.", 200, file=ADDRESS_BOOK, errors=(400,)),
            "parameters": [query("format", {"type": "string", "enum": ["jscontact", "vcard"], "default": "jscontact"})],
        }
    },
    "/contacts/import": {
        "post": {
            **operation("Contacts from another program.", 200, reference("Imported"), errors=(400, 413, 415)),
            "requestBody": {"required": True, "content": ADDRESS_BOOK},
        }
    },
    "/contacts/{id}": {
        "parameters": [ID],
        "delete": operation("I forget a contact; the server of one who was invited is told.", 204, errors=(404,)),
    },
    "/contacts/{id}/block": {
        "parameters": [ID],
        "post": operation("I take nothing from them.", 200, reference("Contact"), errors=(404,)),
    },
    "/contacts/{id}/unblock": {
        "parameters": [ID],
        "post": operation("I take from them again.", 200, reference("Contact"), errors=(404,)),
    },
}
