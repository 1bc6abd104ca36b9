"""Every table, once. Times are unix seconds; addresses are OCM Addresses as `identifier@host[:port]`.

`migrations/` builds these tables in a real database; a test holds the two together.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

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

# What our users offer to people elsewhere ("outgoing" shares).
shares = Table(
    "shares",
    metadata,
    Column("id", String(36), primary_key=True),  # the providerId on the wire
    Column("owner", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("path", Text, nullable=False),  # inside the owner's tree, without leading slash
    Column("resource_type", String(16), nullable=False),  # file | folder
    Column("share_with", Text, nullable=False),
    Column("host", Text, nullable=False),  # of share_with
    Column("permissions", JSON, nullable=False),  # subset of read, write, share
    Column("description", Text, nullable=False, server_default=""),
    Column("expiration", BigInteger),
    Column("secret", Text, nullable=False, unique=True),  # the sharedSecret, which is also the code of the code flow
    Column("state", String(16), nullable=False),
    Column("error", Text),  # why it is not where it should be, for the person
    Column("recipient_name", Text),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("requirements", JSON, nullable=False, server_default="[]"),  # subset of must-exchange-token, must-use-mfa
    Index(None, "owner", "path"),
)

# Short-lived tokens that peers got for the secret of a share (code flow). They die with it.
tokens = Table(
    "tokens",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of the token, which is kept nowhere
    Column("share", String(36), ForeignKey("shares.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("until", BigInteger, nullable=False, index=True),
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
    UniqueConstraint("account", "address"),
)

# What people elsewhere offer to our users ("incoming" shares).
received = Table(
    "received",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("host", Text, nullable=False),  # the Sending Server
    Column("provider_id", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),  # of the content, to tell "again" from "other"
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("sender", Text, nullable=False),
    Column("sender_name", Text, nullable=False, server_default=""),
    Column("owner", Text, nullable=False),
    Column("owner_name", Text, nullable=False, server_default=""),
    Column("resource_type", String(32), nullable=False),  # as told; a peer may say "file" for a folder
    Column("permissions", JSON, nullable=False),  # as told, for display: the sender enforces
    Column("requirements", JSON, nullable=False),
    Column("protocols", JSON, nullable=False),  # the names of all parts that were offered
    Column("uri", Text, nullable=False, server_default=""),  # of the webdav part; "" for 1.0 shares
    Column("secret", Text, nullable=False),
    Column("expiration", BigInteger),
    Column("verified", String(16), nullable=False),  # how we know the sender: rfc9421 | cavage | unsigned
    Column("state", String(16), nullable=False),
    Column("path", Text),  # where it is mounted in the receiver's tree, while accepted
    Column("entry", JSON),  # what its root looked like when last seen
    Column("access", JSON),  # which way of access worked last
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    UniqueConstraint("account", "path"),
    Index(None, "host", "provider_id"),  # not unique: Seafile calls all of its shares by one id
)

# What was last seen inside a received folder, so that a listing never waits for a peer that is away.
listings = Table(
    "listings",
    metadata,
    Column("received", String(36), ForeignKey("received.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("entries", JSON, nullable=False),
    Column("seen", BigInteger, nullable=False),
)

# What has to be told to peers: written in the same transaction as the change it is about.
outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("host", Text, nullable=False),
    Column("kind", String(16), nullable=False),  # share | notification | probe
    Column("subject", String(36), nullable=False),  # id in shares or received
    Column("message", JSON, nullable=False),
    Column("state", String(16), nullable=False),  # due | given-up
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due", BigInteger, nullable=False),
    Column("error", Text),
    Column("created", BigInteger, nullable=False),
    Index(None, "state", "due"),
    Index(None, "subject"),
)

# Other servers: what they said of themselves, and how contact with them goes.
peers = Table(
    "peers",
    metadata,
    Column("host", Text, primary_key=True),
    Column("base_url", Text),  # scheme and authority that answered
    Column("document", JSON),  # the discovery document as received
    Column("document_until", BigInteger, nullable=False, server_default="0"),
    Column("keys", JSON),  # the JWK set as received
    Column("keys_until", BigInteger, nullable=False, server_default="0"),
    Column("keys_fetched", BigInteger, nullable=False, server_default="0"),
    Column("signs", Boolean, nullable=False, server_default=false()),  # it has signed once, so it must
    Column("learnt", JSON),  # what worked with it
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("failing_since", BigInteger),
    Column("retry_at", BigInteger, nullable=False, server_default="0"),  # the circuit is open until then
    Column("error", Text),
    Column("last_contact", BigInteger),
)

# Signatures that were used, until they are too old to be used again.
signatures = Table(
    "signatures",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("until", BigInteger, nullable=False, index=True),
)

# WebDAV locks (RFC 4918, 6) on paths of an account's tree.
locks = Table(
    "locks",
    metadata,
    Column("token", String(64), primary_key=True),  # opaquelocktoken:...
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("path", Text, nullable=False),
    Column("infinite", Boolean, nullable=False),  # Depth: infinity
    Column("exclusive", Boolean, nullable=False),
    Column("owner_xml", Text, nullable=False, server_default=""),  # what the client said of itself
    Column("principal", Text, nullable=False),  # who may use the token
    Column("until", BigInteger, nullable=False),
    Index(None, "account", "path"),
)

# Properties that WebDAV clients invented (RFC 4918, 4: "dead properties").
properties = Table(
    "properties",
    metadata,
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # {namespace}local
    Column("value", Text, nullable=False),  # the element, serialised
)

# Moves under way: the file system and this database cannot change in one step, so the intent is written first.
moves = Table(
    "moves",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("inode", BigInteger, nullable=False),  # of the source, to tell afterwards whether it arrived
)
