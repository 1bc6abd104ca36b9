"""What people are told."""

from __future__ import annotations

from opencloudmesh.server import digests, news
from opencloudmesh.server.web.openapi.parts import (
    ID,
    LANGUAGE,
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

_NUMBER: Schema = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}

SCHEMAS: dict[str, Schema] = {
    "Notification": shape(
        {
            "id": {"type": "integer", "description": "the later it was told, the higher"},
            "event": {"type": "string", "enum": list(news.EVENTS)},
            "about": {"type": "string", "enum": sorted({event.about for event in news.EVENTS.values()})},
            "subject": {**TEXT, "description": "id of the share, invite, ... that it is about"},
            "who": {
                **TEXT,
                "description": "the other person, by their address; of a link that somebody took, its host",
            },
            "whoName": {**TEXT, "description": "as their server calls them"},
            "name": {**TEXT, "description": "of the file or folder"},
            "text": {**TEXT, "description": "a sentence for a person"},
            "at": MOMENT,
            "read": {"type": "boolean"},
        }
    ),
    "ReadUntil": shape(
        {"until": {**_NUMBER, "description": "id of the newest that was read; without it all are"}},
        optional=frozenset({"until"}),
    ),
}

_SETTINGS: dict[str, Schema] = {
    "email": {**TEXT, "description": "where mail reaches me; empty: nowhere", "maxLength": 255},
    "mail": {"type": "string", "enum": list(digests.CHOICES), "description": "of what I have not read"},
    "language": LANGUAGE,
}
SCHEMAS["Settings"] = shape(
    {**_SETTINGS, "mailError": {**MAYBE_TEXT, "description": "why the last mail could not be sent"}}
)
SCHEMAS["SettingsChange"] = shape(_SETTINGS, optional=frozenset(_SETTINGS))

PATHS: dict[str, Schema] = {
    "/notifications": {
        "get": {
            **operation("What I am told, newest first.", 200, array_of("Notification"), errors=(400,)),
            "parameters": [
                {**query("unread", {"type": "boolean", "default": False}), "description": "only what I have not read"},
                {**query("before", _NUMBER), "description": "only older ones than the one with this id"},
                query("limit", {**_NUMBER, "maximum": news.MAX_PAGE, "default": news.MAX_PAGE}),
            ],
        }
    },
    "/settings": {
        "get": operation("What I have set.", 200, reference("Settings")),
        "patch": operation(
            "I set something; what is not said stays as it is.",
            200,
            reference("Settings"),
            errors=(400, 413, 415),
            body="SettingsChange",
        ),
    },
    "/notifications/read": {"post": operation("I have read all.", 204, errors=(400, 413, 415), body="ReadUntil")},
    "/notifications/{id}/read": {
        "parameters": [ID],
        "post": operation("I have read it.", 200, reference("Notification"), errors=(404,)),
    },
}
