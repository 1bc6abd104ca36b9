"""The description of the API says what the API is."""

from __future__ import annotations

import schemathesis

from opencloudmesh.server.web import api, openapi

DOCUMENT = openapi.document("https://cloud.example")
METHODS = ("get", "post", "put", "patch", "delete")


def test_the_document_and_the_routes_name_the_same_operations() -> None:
    described = {(path, name.upper()) for path, item in DOCUMENT["paths"].items() for name in item if name in METHODS}
    assert described == {(path, method) for path, methods in api.OPERATIONS.items() for method in methods}


def test_the_document_is_valid() -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.validate()
    operations = [found.ok() for found in schema.get_all_operations()]  # every reference is followed
    assert len(operations) == sum(map(len, api.OPERATIONS.values()))


def test_every_schema_is_used_and_every_reference_leads_somewhere() -> None:
    assert set(_references(DOCUMENT)) == {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}


def test_every_operation_needs_a_password_and_says_what_may_go_wrong() -> None:
    assert DOCUMENT["security"] == [{"password": []}]
    for path, item in DOCUMENT["paths"].items():
        for name in set(item) & set(METHODS):
            assert "security" not in item[name], path
            assert {"401", "429", "503"} <= set(item[name]["responses"]), path
            assert ("404" in item[name]["responses"]) >= ("{id}" in path), path


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for item in value.values() for found in _references(item)]
    return [found for item in value for found in _references(item)] if isinstance(value, (list, tuple)) else []
