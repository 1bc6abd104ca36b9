"""The description of the API: OpenAPI 3.1, at `/api/v1/openapi.json`. One module for each noun, in this order."""

from __future__ import annotations

from typing import Any

import opencloudmesh
from opencloudmesh.server.web.openapi import (
    circles,
    contacts,
    copies,
    invites,
    links,
    news,
    peers,
    running,
    security,
    shares,
    ssh_keys,
    trash,
    users,
)
from opencloudmesh.server.web.openapi.parts import ERROR

HOW = "An app password; your own password works only while you have no second factor."
NOUNS = (shares, copies, trash, links, invites, contacts, circles, news, security, ssh_keys, users, peers, running)


def document(public_url: str) -> dict[str, Any]:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Open Cloud Mesh", "version": opencloudmesh.__version__},
        "servers": [{"url": f"{public_url}/api/v1"}],
        "security": [{"password": []}],
        "paths": {path: of for noun in NOUNS for path, of in noun.PATHS.items()},
        "components": {
            "schemas": {**{name: of for noun in NOUNS for name, of in noun.SCHEMAS.items()}, "Error": ERROR},
            "securitySchemes": {"password": {"type": "http", "scheme": "basic", "description": HOW}},
        },
    }
