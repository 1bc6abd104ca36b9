"""Other servers: what they are told, what is known of them, and what is decided about them."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, false

from opencloudmesh.server.schema.tables import Said, metadata

# What has to be told to peers: written in the same transaction as the change it is about.
outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("host", Text, nullable=False),  # "" for mail
    Column("kind", String(16), nullable=False),  # share | notification | request | probe | mail
    Column("subject", String(36), nullable=False),  # id in shares, received, asked, contacts, invites
    Column("message", JSON, nullable=False),
    Column("state", String(16), nullable=False),  # due | given-up
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due", BigInteger, nullable=False),
    Column("error", Said),
    Column("created", BigInteger, nullable=False),
    Index(None, "state", "due"),
    Index(None, "subject"),
    Index(None, "host", "due"),  # what waits for one server costs the messages to all others nothing
    sqlite_autoincrement=True,  # no number twice: operators name them
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
    Column("error", Said),
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
    Column("reason", Said, nullable=False, server_default=""),
    Column("count", Integer, nullable=False, server_default="1"),  # of refusals that were the same
    Column(
        "by", Text, nullable=False, server_default=""
    ),  # the operator whose decision it was, on a page or by the API
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
    Column("error", Said),  # why what it said last was not taken
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

# Signatures that were used, until they are too old to be used again.
signatures = Table(
    "signatures",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("until", BigInteger, nullable=False, index=True),
)
