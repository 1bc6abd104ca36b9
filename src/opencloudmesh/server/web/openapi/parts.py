"""What the description of an operation is made of."""

from __future__ import annotations

from typing import Any

from opencloudmesh.server import languages

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
MOMENT: Schema = {"type": "integer", "description": "unix seconds"}
MAYBE_MOMENT: Schema = {"type": ["integer", "null"], "description": "unix seconds"}
LANGUAGE: Schema = {
    "type": "string",
    "enum": ["", *languages.NAMES],
    "description": "of pages and mails; empty: as the browser asks",
}
PERMISSIONS: Schema = {
    "type": "array",
    "items": {"type": "string", "enum": ["read", "write", "share"]},
    "minItems": 1,
    "description": "What the recipient may do; reading is always among it.",
}
RESOURCE_TYPE: Schema = {"type": "string", "enum": ["file", "folder"]}


def shape(properties: dict[str, Schema], optional: frozenset[str] = frozenset()) -> Schema:
    """An object with these properties, all of them required but the `optional`."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def states(transitions: dict[tuple[str, str], str]) -> Schema:
    """A state of one of the tables of transitions."""
    states = {state for state, _ in transitions} | set(transitions.values())
    return {"type": "string", "enum": sorted(states)}


def reference(name: str) -> Schema:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def array_of(name: str) -> Schema:
    """A list of what a schema by that name describes."""
    return {"type": "array", "items": reference(name)}


def operation(
    summary: str, status: int, answer: Schema | None = None, *, errors: tuple[int, ...] = (), body: str = "",
    required: bool = True, file: Schema | None = None,
) -> Schema:  # fmt: skip
    """`answer` is in JSON, `file` a map of media types; `required` is said of the body."""
    success: Schema = {"description": summary}
    if answer is not None or file is not None:
        success["content"] = file or _json(answer or {})
    failures = {
        str(code): {"description": ERRORS[code], "content": _json(reference("Error"))}
        for code in (401, 429, 503, *errors)
    }
    operation: Schema = {"summary": summary, "responses": {str(status): success, **failures}}
    if body:
        operation["requestBody"] = {"required": required, "content": _json(reference(body))}
    return operation


ERRORS = {
    400: "Something in it is wrong; `validationErrors` names what.",
    401: "The user name or the password is missing or wrong.",
    403: "It is somebody else's, or for operators.",
    404: "There is no such thing.",
    405: "This cannot be done to it.",
    409: "It contradicts what is there.",
    413: "The body is too large.",
    415: "The body is of another kind.",
    423: "A WebDAV client holds a lock on it.",
    429: "Too many attempts failed.",
    502: "The other server did not do its part; `message` says what.",
    503: "Not at the moment.",
}
ID: Schema = {"name": "id", "in": "path", "required": True, "schema": {**TEXT, "minLength": 1}}


def query(name: str, schema: Schema) -> Schema:
    """A parameter in the query."""
    return {"name": name, "in": "query", "schema": schema}


ERROR = shape(
    {
        "message": {**TEXT, "description": "one sentence for a person"},
        "validationErrors": {"type": "array", "items": shape({"name": TEXT, "message": TEXT})},
    },
    optional=frozenset({"validationErrors"}),
)
