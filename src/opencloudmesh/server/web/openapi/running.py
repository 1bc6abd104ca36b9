"""Running the cloud, for operators: the outbox, the audit trail, settings and keys."""

from __future__ import annotations

from opencloudmesh.server import audit, config, outbox
from opencloudmesh.server.web.openapi.parts import (
    ID,
    MAYBE_MOMENT,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    Schema,
    array_of,
    operation,
    query,
    shape,
)
from opencloudmesh.server.web.openapi.users import AFTER

OUTCOME: Schema = {"type": "string", "enum": ["done", "refused", "failed"]}
EVENT: Schema = {"type": "string", "enum": list(audit.EVENTS)}
NUMBER: Schema = {"type": "integer", "minimum": 0}
FILTERS = [
    {**query("host", TEXT), "description": "about this server"},
    {**query("account", TEXT), "description": "about this user, or decided by them"},
    query("event", EVENT),
    query("outcome", OUTCOME),
    {**query("since", NUMBER), "description": "unix seconds"},
    {**query("until", NUMBER), "description": "unix seconds"},
]
_FILE: Schema = {
    "application/jsonl": {"schema": {"type": "string", "description": "a row of the audit trail in each line"}},
    "text/csv": {"schema": {"type": "string"}},
}

SCHEMAS: dict[str, Schema] = {
    "Message": shape(
        {
            "id": NUMBER,
            "host": {**TEXT, "description": "empty for mail"},
            "kind": TEXT,
            "type": {**TEXT, "description": "of a notification"},
            "subject": TEXT,
            "account": {**TEXT, "description": "whose share it is about"},
            "name": TEXT,
            "state": {"type": "string", "enum": [outbox.DUE, outbox.GIVEN_UP]},
            "attempts": NUMBER,
            "due": MOMENT,
            "error": MAYBE_TEXT,
            "created": MOMENT,
        }
    ),
    "AuditRow": shape(
        {
            "at": MOMENT,
            "event": EVENT,
            "direction": {"type": "string", "enum": ["in", "out", "here"]},
            "outcome": OUTCOME,
            "host": TEXT,
            "who": {**TEXT, "description": "the person there"},
            "account": {**TEXT, "description": "the person here"},
            "by": {**TEXT, "description": "the operator who decided it, if one did here"},
            "verified": TEXT,
            "subject": TEXT,
            "reason": TEXT,
            "count": NUMBER,
            "place": {**TEXT, "description": "for `before`"},
        }
    ),
    "Setting": shape(
        {
            "name": {"type": "string", "enum": [setting.name for setting in config.SETTINGS]},
            "value": {**TEXT, "description": "not shown for secrets"},
            "from": TEXT,
        }
    ),
    "Key": shape(
        {
            "name": TEXT,
            "kid": TEXT,
            "kind": TEXT,
            "state": {"type": "string", "enum": ["next", "current", "old", "gone", "revoked"]},
            "published": {"type": "boolean", "description": "other servers are shown it"},
            "since": MOMENT,
            "until": MAYBE_MOMENT,
        }
    ),
    "Rotation": shape(
        {"now": {"type": "boolean", "description": "sign with the new keys at once, not in two hours"}},
        optional=frozenset({"now"}),
    ),
    "Revocation": shape({"kid": {**TEXT, "minLength": 1, "description": "its key id or name"}}),
}

PATHS: dict[str, Schema] = {
    "/operator/outbox": {
        "get": {
            **operation("What others have still to be told.", 200, array_of("Message"), errors=(400, 403)),
            "parameters": [
                query("host", TEXT),
                query("state", {"type": "string", "enum": [outbox.DUE, outbox.GIVEN_UP]}),
                {**AFTER, "schema": NUMBER},
            ],
        }
    },
    "/operator/outbox/{id}": {
        "parameters": [ID],
        "delete": operation("A message is sent no more; whose share it is sees so.", 204, errors=(403, 404)),
    },
    "/operator/outbox/{id}/retry": {
        "parameters": [ID],
        "post": operation(
            "A message is sent now, also one that was given up; 409 where it was shared anew.",
            204,
            errors=(403, 404, 409),
        ),
    },
    "/operator/audit": {
        "get": {
            **operation("The audit trail, newest first.", 200, array_of("AuditRow"), errors=(400, 403)),
            "parameters": [
                *FILTERS,
                {**query("before", TEXT), "description": "go on at the `place` of the last row; at most 100 at once"},
            ],
        }
    },
    "/operator/audit/export": {
        "get": {
            **operation("The audit trail as a file.", 200, file=_FILE, errors=(400, 403)),
            "parameters": [
                *FILTERS,
                query("format", {"type": "string", "enum": ["jsonl", "csv"], "default": "jsonl"}),
            ],
        }
    },
    "/operator/settings": {
        "get": operation("What is set, and where.", 200, array_of("Setting"), errors=(403,)),
    },
    "/operator/keys": {
        "get": operation("The keys that this server signs with.", 200, array_of("Key"), errors=(403,)),
    },
    "/operator/keys/rotate": {
        "post": operation(
            "I have new keys made.", 200, array_of("Key"), errors=(400, 403, 409, 413, 415), body="Rotation"
        ),
    },
    "/operator/keys/revoke": {
        "post": operation(
            "I end a key at once.", 200, array_of("Key"), errors=(400, 403, 404, 413, 415), body="Revocation"
        ),
    },
}
