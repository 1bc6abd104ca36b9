"""Users and groups, for operators."""

from __future__ import annotations

from opencloudmesh.server.web.openapi.parts import (
    ID,
    LANGUAGE,
    TEXT,
    Schema,
    array_of,
    operation,
    query,
    reference,
    shape,
)

AFTER: Schema = {**query("after", TEXT), "description": "go on behind this one: at most 100 are shown at once"}
_QUOTA: Schema = {"type": ["integer", "null"], "minimum": 0, "description": "bytes; null: what the disk holds"}
_OPERATOR: Schema = {"type": "boolean", "description": "they run this cloud"}
_USER: dict[str, Schema] = {
    "id": {**TEXT, "minLength": 1, "description": "what their OCM Address begins with"},
    "name": TEXT,
    "email": TEXT,
    "quota": _QUOTA,
    "operator": _OPERATOR,
}
_CHANGE: dict[str, Schema] = {
    "name": {**TEXT, "minLength": 1},
    **{name: _USER[name] for name in ("email", "quota", "operator")},
    "language": LANGUAGE,
}
_LINK: Schema = {"type": ["string", "null"], "description": "by which they choose a password, once and within a day"}

SCHEMAS: dict[str, Schema] = {
    "User": shape({**_USER, "language": LANGUAGE}),
    "NewUser": shape(
        {**_USER, "password": {**TEXT, "description": "without it a link to choose one is made"}},
        optional=frozenset({"name", "email", "quota", "operator", "password"}),
    ),
    "AddedUser": shape({**_USER, "language": LANGUAGE, "link": _LINK}),
    "UserChange": shape(_CHANGE, optional=frozenset(_CHANGE)),
    "Group": shape({"id": TEXT, "name": TEXT, "members": {"type": "array", "items": TEXT}}),
    "NewGroup": shape(
        {"id": {**TEXT, "minLength": 1, "description": "what its OCM Address begins with"}, "name": TEXT},
        optional=frozenset({"name"}),
    ),
    "PasswordLink": shape({"link": {**TEXT, "description": _LINK["description"]}}),
}

USER: Schema = {"name": "user", "in": "path", "required": True, "schema": {**TEXT, "minLength": 1}}

PATHS: dict[str, Schema] = {
    "/operator/groups": {
        "get": {
            **operation("Groups of people here.", 200, array_of("Group"), errors=(400, 403)),
            "parameters": [AFTER],
        },
        "post": operation(
            "I make a group.", 201, reference("Group"), errors=(400, 403, 409, 413, 415), body="NewGroup"
        ),
    },
    "/operator/groups/{id}": {
        "parameters": [ID],
        "get": operation("One group.", 200, reference("Group"), errors=(403, 404)),
        "delete": operation("I remove a group; its members stay.", 204, errors=(403, 404)),
    },
    "/operator/groups/{id}/members/{user}": {
        "parameters": [ID, USER],
        "put": operation("I put somebody into a group.", 200, reference("Group"), errors=(403, 404, 409)),
        "delete": operation("I take somebody out of a group.", 204, errors=(403, 404)),
    },
    "/operator/users": {
        "get": {
            **operation("Who has an account here.", 200, array_of("User"), errors=(400, 403)),
            "parameters": [{**query("search", TEXT), "description": "found in the names and the address"}, AFTER],
        },
        "post": operation(
            "I give somebody an account.", 201, reference("AddedUser"), errors=(400, 403, 409, 413, 415), body="NewUser"
        ),
    },
    "/operator/users/{id}": {
        "parameters": [ID],
        "get": operation("One user.", 200, reference("User"), errors=(403, 404)),
        "patch": operation(
            "I change what is said of a user; 409 for the last operator.",
            200,
            reference("User"),
            errors=(400, 403, 404, 409, 413, 415),
            body="UserChange",
        ),
        "delete": {
            **operation(
                "I remove a user and end what they share; their files are set aside. 409 for the last operator.",
                204,
                errors=(400, 403, 404, 409),
            ),
            "parameters": [
                {**query("files", {"type": "string", "enum": ["keep", "delete"], "default": "keep"}),
                 "description": "what becomes of their files"},
            ],
        },
    },
    "/operator/users/{id}/link": {
        "parameters": [ID],
        "post": operation("I let a user choose a password.", 201, reference("PasswordLink"), errors=(403, 404)),
    },
    "/operator/users/{id}/reset-factors": {
        "parameters": [ID],
        "post": operation("I take the second factors of a user away, who lost them.", 204, errors=(403, 404)),
    },
}  # fmt: skip
