"""What rows look like to the person whose they are: the JSON of the API, and what the command line prints.

Names are those of the protocol. Secrets are not in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.invites import encode
from opencloudmesh.protocol.protocols import MUST_USE_MFA
from opencloudmesh.protocol.ssh import SshAddress
from opencloudmesh.server import news
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.bounds import LINK

SPELLINGS = ("link", "invite", "code")
WAYF_PATH = "/wayf"  # where somebody who was given the link of an invite says which server is theirs

# Words of `received.trust` that call for a warning: one of the policy, and none in rows from before there was one.
STRANGE = ("stranger", "")

Row = sa.Row[Any]

ASK_PATH = "/ask/"  # where visitors ask for what is behind a link; the token follows
LINK_PATH = "/s/"  # where they open it, as at Nextcloud and ownCloud


def share(row: Row) -> dict[str, Any]:
    """A row of `shares`. Times in unix seconds; `error` says why it is not where it should be.

    `mfa`: it opens only after a second factor.
    `failingSince`: since when the other server cannot be told of it or of a change, while that is still tried.
    A reshare has a `parent`, the share of whoever it was that shared it on (`sharedBy`), or is of something `received`.
    """
    return {
        "id": row.id,
        "state": row.state,
        "path": row.path,
        "resourceType": row.resource_type,
        "shareWith": row.share_with,
        "shareType": row.share_type,
        "batch": row.batch,
        "recipientDisplayName": row.recipient_name,
        "permissions": row.permissions,
        "description": row.description,
        "expiration": row.expiration,
        "mfa": MUST_USE_MFA in row.requirements,
        "parent": row.parent,
        "sharedBy": row.shared_by,
        "received": row.received,
        "error": row.error,
        "failingSince": row.failing_since,
        "link": row.link,
        "created": row.created,
        "changed": row.changed,
    }


def tree(rows: Iterable[Row]) -> list[tuple[int, Row]]:
    """Rows of `shares` in their order, each followed by those that were shared on from it, with the depth of each."""
    listed = list(rows)
    ids = {row.id for row in listed}
    below: dict[str | None, list[Row]] = {}
    for row in listed:
        below.setdefault(row.parent if row.parent in ids else None, []).append(row)
    found, waiting = [], [(0, row) for row in reversed(below.get(None, []))]
    while waiting:
        depth, row = waiting.pop()
        found.append((depth, row))
        waiting += [(depth + 1, child) for child in reversed(below.get(row.id, []))]
    return found


def received(row: Row) -> dict[str, Any]:
    """A row of `received`. `verified` says how the sender is known, `path` where it is in the tree.

    `group`: of ours that it is for. Who it belongs to and who shared it on (`sharedBy`) may be people at other servers
    than `vouchedBy`, which says so and which alone is known. `stranger`: the sender was let in with a warning, and is
    no contact. What was taken from a public link (`verified` "link") has no sender, and an owner only as the link says.
    """
    link = row.verified == LINK
    return {
        "id": row.id,
        "state": row.state,
        "name": row.name,
        "resourceType": row.resource_type,
        "sender": None if link else row.sender,
        "senderDisplayName": row.sender_name,
        "owner": row.owner or None,
        "ownerDisplayName": row.owner_name,
        "group": row.group,
        "sharedBy": row.shared_by,
        "vouchedBy": row.host,
        "permissions": row.permissions,
        "description": row.description,
        "expiration": row.expiration,
        "mfa": MUST_USE_MFA in row.requirements,
        "verified": row.verified,
        "trust": row.trust,
        "stranger": row.trust in STRANGE and not row.known,
        "path": row.path,
        "protocols": row.protocols,
        **ways(row),
        "created": row.created,
        "changed": row.changed,
    }


def ways(row: Row) -> dict[str, Any]:
    """How a row of `received` can be used besides its files, and which protocols it offers that cannot be used here."""
    webapp, ssh = row.parts.get("webapp"), row.parts.get("ssh")
    used = {"webdav", "datatx", *row.parts}
    return {
        "webapp": webapp and {"name": webapp["name"], "host": urlsplit(webapp["uri"]).netloc},
        "ssh": ssh and {"uri": ssh["uri"], "command": SshAddress.parse(ssh["uri"]).command},
        "unsupported": [name for name in row.protocols if name not in used],
    }


def ssh_key(row: Row) -> dict[str, Any]:
    """A row of `ssh_keys`."""
    return {"id": row.id, "name": row.name, "key": row.key, "created": row.created}


def link(row: Row, public_url: str, now: int) -> dict[str, Any]:
    """A row of `links`, with the URL that its owner gives to others while it leads anywhere."""
    ended = row.expiration is not None and row.expiration <= now
    page = ASK_PATH if row.mode == "ask" else LINK_PATH
    return {
        "id": row.id,
        "state": "expired" if ended else "open",
        "mode": row.mode,
        "path": row.path,
        "resourceType": row.resource_type,
        "permissions": row.permissions,
        "protected": row.password is not None,
        "description": row.description,
        "url": None if ended else f"{public_url}{page}{row.token}",
        "downloads": row.downloads,
        "uploads": row.uploads,
        "uploaded": row.uploaded,
        "expiration": row.expiration,
        "created": row.created,
    }


def deleted(row: Row) -> dict[str, Any]:
    """A row of `trash`."""
    kind = "folder" if row.is_folder else "file"
    return {"id": row.id, "path": row.path, "resourceType": kind, "size": row.size, "deleted": row.deleted}


def request(row: Row) -> dict[str, Any]:
    """A row of `requests`. `verified` says how the one who asks is known: an address that was "typed" is anybody's."""
    return {
        "id": row.id,
        "state": row.state,
        "path": row.path,
        "address": row.address,
        "verified": row.verified,
        "link": row.link,
        "share": row.share,
        "created": row.created,
    }


def group(row: Any) -> dict[str, Any]:
    """A `groups.Group`."""
    return {"id": row.id, "name": row.name, "members": list(row.members)}


def asked(row: Row) -> dict[str, Any]:
    """A row of `asked`. `received` is the id of the share that came; `error` says why it is not delivered."""
    return {
        "id": row.id,
        "state": row.state,
        "owner": row.owner,
        "share": row.share,
        "received": row.received,
        "error": row.error,
        "created": row.created,
        "changed": row.changed,
    }


def copy(rows: list[Row], arrived: Mapping[str, int]) -> dict[str, Any]:
    """All rows of one job in `copies`, the first first. `arrived`: bytes of those that are not complete."""
    first, states = rows[0], {row.state for row in rows}
    return {
        "id": first.id,
        "state": next((state for state in ("waiting", "failed") if state in states), "done"),
        "received": first.received,
        "source": first.source,
        "path": f"{first.folder}/{first.name}".lstrip("/"),
        "files": len(rows),
        "size": sum(row.size for row in rows),
        "arrived": sum(row.size if row.state == "done" else arrived.get(row.id, 0) for row in rows),
        "error": next((row.error for row in rows if row.error), None),
        "created": first.created,
        "changed": max(row.changed for row in rows),
    }


def contact(row: Row) -> dict[str, Any]:
    """A row of `contacts`."""
    return {
        "id": row.id,
        "address": row.address,
        "name": row.name,
        "email": row.email,
        "source": row.source,
        "blocked": row.blocked,
        "created": row.created,
    }


def circle(circle: Any) -> dict[str, Any]:
    """A `circles.Circle`."""
    return {"id": circle.id, "name": circle.name, "members": [contact(row) for row in circle.members]}


def batch(batch: Any) -> dict[str, Any]:
    """A `batches.Batch`. `progress`: how many shares are in which state; `new`: who came into the circle since."""
    return {
        "id": batch.row.id,
        "circle": batch.row.circle,
        "name": batch.row.name,
        "path": batch.path,
        **{name: batch.row.terms[name] for name in ("permissions", "description", "expiration", "mfa")},
        "shares": [row.id for row in batch.shares],
        "progress": dict(batch.progress),
        "refused": batch.row.refused,
        "new": [row.address for row in batch.new],
        "created": batch.row.created,
    }


def invite(row: Row, public_url: str, now: int) -> dict[str, Any]:
    """A row of `invites`, with all spellings of what its owner gives to somebody while it is open.

    `mail` says what became of the mail, if there was to be one: "waiting", "sent" or "failed"; `error` says why.
    """
    state = "expired" if row.state == "open" and row.expiration <= now else row.state
    mail = {None: "sent", "due": "waiting", "given-up": "failed"}[row.mail_state] if row.email else None
    return {
        "id": row.id,
        "state": state,
        **(spellings(row.token, public_url) if state == "open" and public_url else dict.fromkeys(SPELLINGS)),
        "description": row.description,
        "email": row.email,
        "mail": mail,
        "error": row.mail_error,
        "acceptedBy": row.accepted_by,
        "expiration": row.expiration,
        "created": row.created,
    }


def spellings(token: str, public_url: str) -> dict[str, str]:
    """IETF-OCM, "Invite format": the link to our WAYF page, the invite string, and what is encoded in it."""
    host = normalise_host(public_url)
    return {
        "link": f"{public_url}{WAYF_PATH}?token={token}",
        "invite": encode(token, host),
        "code": f"{token}@{host}",
    }


def user(account: Account) -> dict[str, Any]:
    """A person, for operators."""
    return {name: getattr(account, name) for name in ("id", "name", "email", "quota", "operator", "language")}


def session(row: Row, device: str) -> dict[str, Any]:
    """A row of `sessions.listing`. `used` is to the hour; `secondFactor`: one was passed in it."""
    return {
        "id": row.id,
        "device": device,
        "secondFactor": row.strong,
        "used": row.used,
        "created": row.created,
    }


def app_password(row: Row) -> dict[str, Any]:
    """A row of `app_passwords`. `used` is to the hour."""
    return {"id": row.id, "name": row.name, "secondFactor": row.strong, "used": row.used, "created": row.created}


def passkey(row: Row) -> dict[str, Any]:
    """A row of `passkeys`. `used` is to the second."""
    return {"id": row.id, "name": row.name, "used": row.used, "created": row.created}


def settings(row: Row) -> dict[str, Any]:
    """What `digests.choice` found; `mailError` says why the last mail could not be sent."""
    return {"email": row.email, "mail": row.mail, "language": row.language, "mailError": row.mail_error}


def notification(row: Row) -> dict[str, Any]:
    """A row of `news`. `about` says what `subject` is the id of; `text` is the sentence for a person."""
    return {
        "id": row.id,
        "event": row.event,
        "about": news.EVENTS[row.event].about,
        "subject": row.subject,
        "who": row.who,
        "whoName": row.who_name,
        "name": row.name,
        "text": news.sentence(row),
        "at": row.at,
        "read": row.read,
    }


def directory(row: Row) -> dict[str, Any]:
    """A row of `directories.listing`. `fetched`: when what is in force was said last; `keys`: how many are believed."""
    return {
        "url": row.url,
        "federation": row.federation,
        "servers": row.servers,
        "fetched": row.fetched,
        "keys": len(row.keys),
        "unsigned": row.unsigned,
        "error": row.error,
    }


def peer(row: Row, *, incoming: str, outgoing: str, signatures: str) -> dict[str, Any]:
    """A row of `peers`, without the documents, and what the policy says of it.

    `firstKeys`: thumbprints of the keys that it showed first, by place.
    """
    document = row.document or {}
    return {
        "host": row.host,
        "provider": document.get("provider"),
        "version": document.get("version") or document.get("apiVersion"),
        "signs": row.signs,
        "firstKeys": row.first_keys,
        "incoming": incoming,
        "outgoing": outgoing,
        "signatures": signatures,
        "learnt": row.learnt,
        "lastContact": row.last_contact,
        "failingSince": row.failing_since,
        "error": row.error,
    }


def rule(row: Row) -> dict[str, Any]:
    """A row of `rules`."""
    return {
        "pattern": row.pattern,
        "incoming": row.incoming,
        "outgoing": row.outgoing,
        "signatures": row.signatures,
        "private": row.private,
        "ca": row.ca is not None,
    }


def audit(row: Row) -> dict[str, Any]:
    """A row of `audit`. `who` is the person at `host`, `account` the one here, `by` the operator who decided it."""
    return {
        "at": row.at,
        "event": row.event,
        "direction": row.direction,
        "outcome": row.outcome,
        "host": row.host,
        "who": row.who,
        "account": row.account,
        "verified": row.verified,
        "subject": row.subject,
        "reason": row.reason,
        "count": row.count,
        "by": row.by,
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
