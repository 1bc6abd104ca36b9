"""Other servers, for operators: peers, what is decided about them, and the directories that list them."""

from __future__ import annotations

from opencloudmesh.server import policy, rules
from opencloudmesh.server.web.openapi.parts import (
    MAYBE_MOMENT,
    MAYBE_TEXT,
    TEXT,
    Schema,
    array_of,
    operation,
    query,
    reference,
    shape,
)
from opencloudmesh.server.web.openapi.users import AFTER

HOST: Schema = {"name": "host", "in": "path", "required": True, "schema": {**TEXT, "minLength": 1}}
PATTERN: Schema = {
    "name": "pattern",
    "in": "path",
    "required": True,
    "schema": {**TEXT, "minLength": 1},
    "description": "a host, *.domain or *",
}
URL: Schema = {**query("url", TEXT), "required": True, "description": "of the directory"}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "integer", "minimum": 0}
_THUMBPRINTS: Schema = {"type": "object", "additionalProperties": {"type": "array", "items": TEXT}}
_DECISION: Schema = {"type": ["string", "null"], "enum": [rules.ALLOW, rules.DENY, None]}
_SIGNATURES: Schema = {"type": ["string", "null"], "enum": [*policy.SIGNATURES, None]}
_PEER: dict[str, Schema] = {
    "host": TEXT,
    "provider": MAYBE_TEXT,
    "version": MAYBE_TEXT,
    "signs": {"type": "boolean", "description": "it has signed, and must from then on"},
    "firstKeys": {**_THUMBPRINTS, "type": ["object", "null"], "description": "the keys that it showed first, by place"},
    "incoming": {**TEXT, "description": "allow, deny, or the grounds on which the policy takes anybody"},
    "outgoing": TEXT,
    "signatures": {"type": "string", "enum": list(policy.SIGNATURES)},
    "learnt": {"type": ["object", "null"], "description": "what worked with it"},
    "lastContact": MAYBE_MOMENT,
    "failingSince": MAYBE_MOMENT,
    "error": MAYBE_TEXT,
}
_RULE: dict[str, Schema] = {"incoming": _DECISION, "outgoing": _DECISION, "signatures": _SIGNATURES}
_WORDS: dict[str, Schema] = {
    name: {"type": "array", "items": {"type": "string", "enum": list(knob.words)}, "description": knob.help}
    for name, knob in policy.KNOBS.items()
}

SCHEMAS: dict[str, Schema] = {
    "Peer": shape(_PEER),
    "PeerDetails": shape(
        {
            **_PEER,
            "decidedBy": {
                "type": "object",
                "additionalProperties": TEXT,
                "description": "the pattern of the rule that decides, for what is not left to the policy",
            },
            "federation": {**MAYBE_TEXT, "description": "of a directory that lists it"},
            "keys": {**_THUMBPRINTS, "description": "the keys that it shows, by place"},
            "dialect": {**MAYBE_TEXT, "description": "how it is talked to"},
            "shares": {**NUMBER, "description": "in force, with people there"},
            "received": {**NUMBER, "description": "in force, from people there"},
            "contacts": NUMBER,
            "waiting": {**NUMBER, "description": "messages in the outbox"},
        }
    ),
    "Purge": shape(
        {"contacts": {**FLAG, "description": "forget everybody's contacts there too"}}, frozenset({"contacts"})
    ),
    "Ended": shape(dict.fromkeys(("shares", "received", "requests", "messages", "contacts"), NUMBER)),
    "Policy": shape(_WORDS),
    "PolicyChange": shape(_WORDS, optional=frozenset(_WORDS)),
    "Rule": shape({"pattern": TEXT, **_RULE, "private": FLAG, "ca": FLAG}),
    "RuleChange": {**shape(_RULE, optional=frozenset(_RULE)), "minProperties": 1},
    "Directory": shape(
        {
            "url": TEXT,
            "federation": TEXT,
            "servers": NUMBER,
            "fetched": {**MAYBE_MOMENT, "description": "when what is in force was said (unix seconds)"},
            "keys": {**NUMBER, "description": "how many are believed"},
            "unsigned": {**FLAG, "description": "what it does not sign is believed too"},
            "error": MAYBE_TEXT,
        }
    ),
    "NewDirectory": shape(
        {
            "url": {**TEXT, "minLength": 1},
            "keys": {**TEXT, "description": "public keys (PEM), one behind the other"},
            "unsigned": FLAG,
        },
        optional=frozenset({"keys", "unsigned"}),
    ),
    "Member": shape({"host": TEXT, "url": TEXT, "name": TEXT}),
}

PATHS: dict[str, Schema] = {
    "/operator/peers": {
        "get": {
            **operation("Other servers that are known.", 200, array_of("Peer"), errors=(400, 403)),
            "parameters": [
                {**query("search", TEXT), "description": "found in the host"},
                {**query("failing", FLAG), "description": "only those that fail"},
                AFTER,
            ],
        }
    },
    "/operator/peers/{host}": {
        "parameters": [HOST],
        "get": operation("All that is known of one.", 200, reference("PeerDetails"), errors=(400, 403, 404)),
    },
    "/operator/peers/{host}/discover": {
        "parameters": [HOST],
        "post": operation(
            "I ask a server again who it is.", 200, reference("PeerDetails"), errors=(400, 403, 404, 502)
        ),
    },
    "/operator/peers/{host}/forget": {
        "parameters": [HOST],
        "post": operation("I forget what is known of a server.", 204, errors=(400, 403, 404)),
    },
    "/operator/peers/{host}/purge": {
        "parameters": [HOST],
        "post": {
            **operation(
                "I end everything with a server; it is told nothing.",
                200,
                reference("Ended"),
                errors=(400, 403, 413, 415),
                body="Purge",
            ),
        },
    },
    "/operator/policy": {
        "get": operation("What holds for all servers.", 200, reference("Policy"), errors=(403,)),
        "patch": operation(
            "I decide about all servers.",
            200,
            reference("Policy"),
            errors=(400, 403, 413, 415),
            body="PolicyChange",
        ),
    },
    "/operator/rules": {
        "get": {
            **operation("What is decided about single servers.", 200, array_of("Rule"), errors=(400, 403)),
            "parameters": [AFTER],
        }
    },
    "/operator/rules/{pattern}": {
        "parameters": [PATTERN],
        "put": operation(
            "I decide about a server, or all below a domain; what is not named stays, null takes it back.",
            200,
            reference("Rule"),
            errors=(400, 403, 413, 415),
            body="RuleChange",
        ),
        "delete": operation("I take back what was decided.", 204, errors=(400, 403, 404)),
    },
    "/operator/directories": {
        "get": operation("The directories that are believed.", 200, array_of("Directory"), errors=(403,)),
        "post": operation(
            "I believe a directory, or say anew what I believe of it.",
            201,
            reference("Directory"),
            errors=(400, 403, 413, 415),
            body="NewDirectory",
        ),
        "delete": {
            **operation("I believe a directory no more.", 204, errors=(400, 403, 404)),
            "parameters": [URL],
        },
    },
    "/operator/directories/refresh": {
        "post": {
            **operation("A directory is asked within a minute.", 204, errors=(400, 403, 404)),
            "parameters": [URL],
        }
    },
    "/operator/directories/servers": {
        "get": {
            **operation("The servers that a directory lists.", 200, array_of("Member"), errors=(400, 403, 404)),
            "parameters": [URL, AFTER],
        }
    },
}
