"""What a person deleted."""

from __future__ import annotations

from opencloudmesh.server.web.openapi.parts import (
    ID,
    MOMENT,
    RESOURCE_TYPE,
    TEXT,
    Schema,
    array_of,
    operation,
    reference,
    shape,
)

SCHEMAS: dict[str, Schema] = {
    "Deleted": shape(
        {
            "id": TEXT,
            "path": {**TEXT, "description": "where it was"},
            "resourceType": RESOURCE_TYPE,
            "size": {"type": "integer", "description": "bytes, with all that is in a folder"},
            "deleted": MOMENT,
        }
    ),
    "Restored": shape({"path": {**TEXT, "description": "where it is now"}}),
}
PATHS: dict[str, Schema] = {
    "/trash": {
        "get": operation("What you deleted and can restore, the last first", 200, array_of("Deleted")),
        "delete": operation("Delete all of it for good", 204),
    },
    "/trash/{id}": {
        "parameters": [ID],
        "delete": operation("Delete something for good", 204, errors=(404,)),
    },
    "/trash/{id}/restore": {
        "parameters": [ID],
        "post": operation(
            "Put it back where it was, with a number where its name is taken. Shares of it do not come back",
            200, reference("Restored"), errors=(404, 405, 409, 423),
        ),
    },
}  # fmt: skip
