"""What rows look like to the person whose they are: the JSON of the API, and what the command line prints.

Names are those of the protocol. Secrets are not in them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

Row = sa.Row[Any]


def share(row: Row) -> dict[str, Any]:
    """A row of `shares`. Times in unix seconds; `error` says why it is not where it should be."""
    return {
        "id": row.id,
        "state": row.state,
        "path": row.path,
        "resourceType": row.resource_type,
        "shareWith": row.share_with,
        "recipientDisplayName": row.recipient_name,
        "permissions": row.permissions,
        "description": row.description,
        "expiration": row.expiration,
        "error": row.error,
        "created": row.created,
        "changed": row.changed,
    }


def received(row: Row) -> dict[str, Any]:
    """A row of `received`. `verified` says how the sender is known, `path` where it is in the tree."""
    return {
        "id": row.id,
        "state": row.state,
        "name": row.name,
        "resourceType": row.resource_type,
        "sender": row.sender,
        "senderDisplayName": row.sender_name,
        "owner": row.owner,
        "ownerDisplayName": row.owner_name,
        "permissions": row.permissions,
        "description": row.description,
        "expiration": row.expiration,
        "verified": row.verified,
        "path": row.path,
        "created": row.created,
        "changed": row.changed,
    }


def peer(row: Row) -> dict[str, Any]:
    """A row of `peers`, without the documents."""
    document = row.document or {}
    return {
        "host": row.host,
        "provider": document.get("provider"),
        "version": document.get("version") or document.get("apiVersion"),
        "signs": row.signs,
        "learnt": row.learnt,
        "lastContact": row.last_contact,
        "failingSince": row.failing_since,
        "error": row.error,
    }


def message(row: Row) -> dict[str, Any]:
    """A row of `outbox`, without the message itself."""
    return {
        "id": row.id,
        "host": row.host,
        "kind": row.kind,
        "subject": row.subject,
        "state": row.state,
        "attempts": row.attempts,
        "due": row.due,
        "error": row.error,
        "created": row.created,
    }
