"""What is shared with other servers, from here and from there."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from opencloudmesh.server.schema.tables import Said, SaidWithin, metadata

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
    Column("error", Said),  # why it is not where it should be, for the person
    Column("recipient_name", Text),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("requirements", JSON, nullable=False, server_default="[]"),  # subset of must-exchange-token, must-use-mfa
    Column("failing_since", BigInteger),  # since when it cannot be told to the peer
    Column("link", String(36), index=True),  # by which a visitor took it to their own cloud
    Column("share_type", String(16), nullable=False, server_default="user"),  # whom share_with is: user | group
    Column("batch", String(36), index=True),  # of which it is one
    # A reshare is of one of two kinds. Somebody with whom a share of ours is shared asked for another one like it:
    Column("parent", String(36), index=True),  # the share that they have
    Column("shared_by", Text),  # their address
    Column("sender_id", Text),  # what their server calls the new one
    # Or one of ours shares on what they received:
    Column("received", String(36), index=True),  # the received share that it leads through
    Column("at_owner", JSON),  # where the owner's server gives it: the `provider_id` and the `secret` of it there
    Index(None, "owner", "path"),
)

# What was shared with all people of a circle at once, as a share for each of them.
batches = Table(
    "batches",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("owner", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("circle", String(36), nullable=False),  # there may be no such circle any more
    Column("name", Text, nullable=False),  # what it was called then
    Column("terms", JSON, nullable=False),  # permissions, description, expiration, mfa
    Column("refused", SaidWithin, nullable=False),  # who could not be given a share, and why
    Column("created", BigInteger, nullable=False),
)

# Short-lived tokens that peers got for the secret of a share (code flow). They die with it.
tokens = Table(
    "tokens",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of the token, which is kept nowhere
    Column("share", String(36), ForeignKey("shares.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("until", BigInteger, nullable=False, index=True),
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
    Column("verified", String(16), nullable=False),  # how we know the sender: rfc9421 | cavage | unsigned; link
    Column("state", String(16), nullable=False),
    Column("path", Text),  # where it is mounted in the receiver's tree, while accepted
    Column("entry", JSON),  # what its root looked like when last seen
    Column("access", JSON),  # which way of access worked last
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("trust", String(16), nullable=False, server_default=""),  # why it was let in: a word of `policy.TRUST`
    Column("group", String(64), index=True),  # of ours that it was offered to; null: to the person alone
    Column("parts", JSON, nullable=False, server_default="{}"),  # how to use those besides webdav, secrets included
    Column("said", BigInteger),  # when the newest message that said its terms was signed
    Column("shared_by", Text),  # who shared it on, at whichever server, as the sender says
    Column("password", Text),  # with which the secret is shown, where that is the token of a public link
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

# Links that a person gives away.
links = Table(
    "links",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("token", Text, nullable=False, unique=True),  # its owner may look at it again
    Column("mode", String(16), nullable=False),  # ask | read | upload | edit
    Column("path", Text, nullable=False),
    Column("resource_type", String(16), nullable=False),  # file | folder
    Column("permissions", JSON, nullable=False),  # of a share that comes of it
    Column("description", Text, nullable=False, server_default=""),
    Column("expiration", BigInteger),
    Column("created", BigInteger, nullable=False),
    Column("password", Text),  # argon2id, encoded with its parameters; null: whoever has the link is let in
    Column("downloads", Integer, nullable=False, server_default="0"),  # files and archives that visitors fetched
    Column("uploads", Integer, nullable=False, server_default="0"),  # files and folders that visitors put there
    Column("uploaded", BigInteger, nullable=False, server_default="0"),  # bytes in those
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

# What our people ask people elsewhere for.
asked = Table(
    "asked",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("owner", Text, nullable=False),  # whom they ask
    Column("host", Text, nullable=False),  # of the owner
    Column("share", Text, nullable=False),  # the URL or identifier of what they would like to have
    Column("state", String(16), nullable=False),
    Column("error", Said),  # why it is not delivered
    Column("received", String(36)),  # the share that came
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
)

# What people copy from received shares to their own files: a row for each file and folder.
copies = Table(
    "copies",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("job", String(36), nullable=False, index=True),  # the id of the first row
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("received", String(36), ForeignKey("received.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("host", Text, nullable=False),  # of the share
    Column("source", Text, nullable=False),  # path inside the share, "" for its root
    Column("folder", Text, nullable=False),  # of the person's own, where it is put
    Column("name", Text, nullable=False),  # there; another where that is taken
    Column("size", BigInteger, nullable=False),  # bytes, as last seen
    Column("etag", Text),  # of what has arrived in part
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due", BigInteger, nullable=False),
    Column("error", Said),  # why it is not there yet
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Index(None, "state", "due"),
)
