"""What a person copies from received shares to their own files."""

from __future__ import annotations

from opencloudmesh.server.web.openapi.parts import (
    ID,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    Schema,
    array_of,
    operation,
    reference,
    shape,
)

BYTES: Schema = {"type": "integer", "description": "bytes"}

SCHEMAS: dict[str, Schema] = {
    "NewCopy": shape(
        {
            "received": {**TEXT, "minLength": 1, "maxLength": 64, "description": "id of the share"},
            "path": {**TEXT, "description": "inside the share; else all of it"},
            "folder": {**TEXT, "description": "of yours, where it is put; else at the top"},
        },
        optional=frozenset({"path", "folder"}),
    ),
    "Copy": shape(
        {
            "id": TEXT,
            "state": {"type": "string", "enum": ["waiting", "done", "failed"]},
            "received": {**TEXT, "description": "id of the share"},
            "source": {**TEXT, "description": "path inside the share"},
            "path": {**TEXT, "description": "in your files"},
            "files": {"type": "integer", "description": "files and folders that are known so far"},
            "size": BYTES,
            "arrived": BYTES,
            "error": {**MAYBE_TEXT, "description": "why it is not there yet"},
            "created": MOMENT,
            "changed": MOMENT,
        }
    ),
}

PATHS: dict[str, Schema] = {
    "/copies": {
        "get": operation("What I copy to my files, newest first.", 200, array_of("Copy")),
        "post": operation(
            "I copy something of a received share to my files; nothing is replaced there.",
            201,
            reference("Copy"),
            errors=(400, 403, 404, 409, 413, 415),
            body="NewCopy",
        ),
    },
    "/copies/{id}": {
        "parameters": [ID],
        "get": operation("How far it is.", 200, reference("Copy"), errors=(404,)),
        "delete": operation("It is stopped, or taken off the list; what was copied stays.", 204, errors=(404,)),
    },
    "/copies/{id}/retry": {
        "parameters": [ID],
        "post": operation("What failed is tried again, from where it stopped.", 200, reference("Copy"), errors=(404,)),
    },
}
