"""The keys with which a person comes to shares over SSH."""

from __future__ import annotations

from opencloudmesh.server.web.openapi.parts import ID, MOMENT, TEXT, Schema, array_of, operation, reference, shape

SCHEMAS: dict[str, Schema] = {
    "NewSshKey": shape(
        {
            "key": {**TEXT, "minLength": 1, "description": "a public key as OpenSSH writes it"},
            "name": {**TEXT, "description": "what it is called; else its comment"},
        },
        optional=frozenset({"name"}),
    ),
    "SshKey": shape({"id": TEXT, "name": TEXT, "key": TEXT, "created": MOMENT}),
}

PATHS: dict[str, Schema] = {
    "/ssh-keys": {
        "get": operation("My keys, oldest first.", 200, array_of("SshKey")),
        "post": operation(
            "A key that servers are told which share with me over SSH.",
            201,
            reference("SshKey"),
            errors=(400, 413, 415),
            body="NewSshKey",
        ),
    },
    "/ssh-keys/{id}": {
        "parameters": [ID],
        "delete": operation("The key is told to nobody any more.", 204, errors=(404,)),
    },
}
