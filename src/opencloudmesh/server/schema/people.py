"""Our people, and whom they know."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, String, Table, Text, UniqueConstraint, false

from opencloudmesh.server.schema.tables import metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(64), primary_key=True),  # the identifier in the OCM Address, and the folder's name
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False, server_default=""),
    Column("password", Text, nullable=False),  # argon2id, encoded with its parameters
    Column("quota", BigInteger),  # bytes; null: what the disk holds
    Column("created", BigInteger, nullable=False),
)

# Who is signed in, in a browser.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of what the cookie says, which is kept nowhere
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("until", BigInteger, nullable=False, index=True),
    Column("created", BigInteger, nullable=False),
)

# Invites that our users gave away (IETF-OCM, "Invite Flow").
invites = Table(
    "invites",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("token", Text, nullable=False, unique=True),  # its owner may look at it again, to give it to somebody
    Column("description", Text, nullable=False, server_default=""),
    Column("state", String(16), nullable=False),
    Column("accepted_by", Text),  # the OCM Address of the one who took it
    Column("expiration", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("email", Text, nullable=False, server_default=""),  # where it was sent to, if it was
)

# People elsewhere whom our users know.
contacts = Table(
    "contacts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("address", Text, nullable=False),  # with the identifier as their server gave it
    Column("host", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("email", Text, nullable=False, server_default=""),
    Column("source", String(16), nullable=False),  # invite | share | direct entry
    Column("created", BigInteger, nullable=False),
    Column("blocked", Boolean, nullable=False, server_default=false()),  # nothing is taken from them
    UniqueConstraint("account", "address"),
)
