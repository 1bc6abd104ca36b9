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
    Column("trust", String(16), nullable=False, server_default=""),  # why it was let in: a word of `policy.TRUST`
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
    Column("host", Text, nullable=False),  # "" for mail
    Column("kind", String(16), nullable=False),  # share | notification | probe | mail
    Column("subject", String(36), nullable=False),  # id in shares, received, contacts, invites
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
    Column("first_keys", JSON),  # thumbprints of the keys that it showed first, for the record
)

# What the operator decided about all other servers, while it runs; what has no row is at its default.
policy = Table(
    "policy",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", JSON, nullable=False),
)

# What the operator decided about one server, or all below a domain. What is null is left to the policy.
rules = Table(
    "rules",
    metadata,
    Column("pattern", Text, primary_key=True),  # host[:port] | *.domain | *
    Column("incoming", String(8)),  # allow | deny
    Column("outgoing", String(8)),  # allow | deny
    Column("signatures", String(16)),  # required | expected | optional
    Column("private", Boolean, nullable=False, server_default=false()),  # it may have addresses in private networks
    Column("ca", Text),  # the only certificate authorities that its certificate may be from, PEM
    Column("changed", BigInteger, nullable=False),
)

# Everything that crossed servers and everything that the operator decided about them. No secrets.
audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("event", String(32), nullable=False),  # a word of `audit.EVENTS`
    Column("direction", String(4), nullable=False),  # in | out | here
    Column("outcome", String(16), nullable=False),  # done | refused | failed
    Column("host", Text, nullable=False, server_default="", index=True),  # the other server
    Column("account", Text, nullable=False, server_default=""),  # the person here; stays when they are gone
    Column("who", Text, nullable=False, server_default=""),  # the person there, as an OCM Address
    Column("verified", String(16), nullable=False, server_default=""),  # rfc9421 | cavage | unsigned
    Column("subject", Text, nullable=False, server_default=""),  # id of the share, invite, ...
    Column("reason", Text, nullable=False, server_default=""),
    Column("count", Integer, nullable=False, server_default="1"),  # of refusals that were the same
)

# Directory Services that the operator named (IETF-OCM, Appendix C).
directories = Table(
    "directories",
    metadata,
    Column("url", Text, primary_key=True),
    Column("keys", JSON, nullable=False),  # PEM texts; what is signed by none of them is not taken
    Column("unsigned", Boolean, nullable=False, server_default=false()),  # plain JSON is taken from it too
    Column("federation", Text, nullable=False, server_default=""),
    Column("fetched", BigInteger),  # when it was read last
    Column("due", BigInteger, nullable=False),  # when it is asked again
    Column("error", Text),  # why what it said last was not taken
)

# The servers that a directory lists.
members = Table(
    "members",
    metadata,
    Column("directory", Text, ForeignKey("directories.url", ondelete="CASCADE"), primary_key=True),
    Column("host", Text, primary_key=True, index=True),
    Column("url", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
)

# Links that a person gives away. So far visitors can only ask for what is behind one (`mode` "ask").
links = Table(
    "links",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("token", Text, nullable=False, unique=True),  # its owner may look at it again
    Column("mode", String(16), nullable=False),
    Column("path", Text, nullable=False),
    Column("resource_type", String(16), nullable=False),  # file | folder
    Column("permissions", JSON, nullable=False),  # of a share that comes of it
    Column("description", Text, nullable=False, server_default=""),
    Column("expiration", BigInteger),
    Column("created", BigInteger, nullable=False),
    Index(None, "account", "path"),
)

# People elsewhere who ask for a share.
requests = Table(
    "requests",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("link", String(36), ForeignKey("links.id", ondelete="CASCADE")),  # by which they asked
    Column("path", Text, nullable=False),
    Column("address", Text, nullable=False),  # as they gave it; a link proves nothing about who typed it
    Column("host", Text, nullable=False),
    Column("verified", String(16), nullable=False),  # rfc9421 | cavage | unsigned | typed
    Column("state", String(16), nullable=False),  # open | granted | refused
    Column("share", String(36)),  # that came of it
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("link", "address"),
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
