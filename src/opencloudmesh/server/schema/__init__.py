"""Every table, once. Times are unix seconds; addresses are OCM Addresses as `identifier@host[:port]`.

`migrations/` builds these tables in a real database; a test holds the two together.
"""

from opencloudmesh.server.schema.files import locks, moves, properties, trash, uploads
from opencloudmesh.server.schema.mesh import audit, directories, members, outbox, peers, policy, rules, signatures
from opencloudmesh.server.schema.people import (
    accounts,
    circle_members,
    circles,
    contacts,
    groups,
    invites,
    memberships,
    news,
    sessions,
    ssh_keys,
    welcomes,
)
from opencloudmesh.server.schema.sharing import (
    asked,
    batches,
    copies,
    links,
    listings,
    received,
    requests,
    shares,
    tokens,
)
from opencloudmesh.server.schema.signin import app_passwords, factors, identities, passkeys, recovery_codes, tickets
from opencloudmesh.server.schema.tables import metadata

__all__ = [
    "metadata",
    "accounts",
    "groups",
    "memberships",
    "welcomes",
    "sessions",
    "ssh_keys",
    "factors",
    "recovery_codes",
    "passkeys",
    "app_passwords",
    "identities",
    "tickets",
    "invites",
    "contacts",
    "circles",
    "circle_members",
    "news",
    "batches",
    "shares",
    "tokens",
    "received",
    "listings",
    "links",
    "requests",
    "asked",
    "copies",
    "outbox",
    "peers",
    "policy",
    "rules",
    "audit",
    "directories",
    "members",
    "signatures",
    "locks",
    "properties",
    "moves",
    "uploads",
    "trash",
]
