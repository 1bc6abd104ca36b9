"""Our people, and whom they know."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from opencloudmesh.server.schema.tables import Said, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(64), primary_key=True),  # the identifier in the OCM Address, and the folder's name
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False, server_default=""),
    Column("password", Text, nullable=False),  # argon2id, encoded with its parameters
    Column("quota", BigInteger),  # bytes; null: what the disk holds
    Column("created", BigInteger, nullable=False),
    Column("mail", String(16), nullable=False, server_default="digest"),  # what is mailed to them: digest | none
    Column("mailed", BigInteger, nullable=False, server_default="0"),  # when a digest was last made
    Column("mail_error", Said),  # why the last one could not be sent
    Column("operator", Boolean, nullable=False, server_default=false()),  # they run this cloud
    Column("language", String(8), nullable=False, server_default=""),  # chosen; empty: as the browser asks
    Column("browser_language", String(8), nullable=False, server_default=""),  # when they last signed in
)

# Groups of our people: somebody elsewhere shares with all of them at once.
groups = Table(
    "groups",
    metadata,
    Column("id", String(64), primary_key=True),  # the identifier in the OCM Address; no account has the same
    Column("name", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)

# Who is in which group.
memberships = Table(
    "memberships",
    metadata,
    Column("group", String(64), ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("joined", BigInteger, nullable=False),
)

# Links by which somebody chooses a password, once: the person named, or where nobody has an account the first operator.
welcomes = Table(
    "welcomes",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of what the link says, which is kept nowhere
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), index=True),
    Column("until", BigInteger, nullable=False, index=True),
)

# Who is signed in, in a browser.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of what the cookie says, which is kept nowhere
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("until", BigInteger, nullable=False, index=True),
    Column("created", BigInteger, nullable=False),
    Column("strong", Boolean, nullable=False, server_default=false()),  # a second factor was passed
    Column("agent", Text, nullable=False, server_default=""),  # what the browser calls itself
    Column("used", BigInteger, nullable=False, server_default="0"),  # to the hour
)

# The public keys with which people come to what is shared with them over SSH.
ssh_keys = Table(
    "ssh_keys",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),  # as OpenSSH writes it, without a comment
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

# What people are told: what others did that concerns them. The later a row was written, the higher is its id.
news = Table(
    "news",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("event", String(32), nullable=False),  # a word of `news.EVENTS`
    Column("subject", String(36), nullable=False, server_default=""),  # id of the share, invite, ...
    Column("who", Text, nullable=False, server_default=""),  # the other person, as an OCM Address
    Column("who_name", Text, nullable=False, server_default=""),
    Column("name", Text, nullable=False, server_default=""),  # of the file or folder
    Column("at", BigInteger, nullable=False, index=True),
    Column("read", Boolean, nullable=False, server_default=false()),
    Column("mail", String(36)),  # the digest that it went out with
    UniqueConstraint("account", "event", "subject", "who"),
    Index(None, "account", "read"),
)

# Several contacts under one name, with whom their owner shares at once.
circles = Table(
    "circles",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)

# Which contacts are in which circle.
circle_members = Table(
    "circle_members",
    metadata,
    Column("circle", String(36), ForeignKey("circles.id", ondelete="CASCADE"), primary_key=True),
    Column("contact", String(36), ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, index=True),
)
