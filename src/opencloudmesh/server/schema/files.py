"""What is kept about an account's files besides the files."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from opencloudmesh.server.schema.tables import metadata

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

# Files that arrive in pieces, each of which is kept outside of the tree until the file is whole.
uploads = Table(
    "uploads",
    metadata,
    Column("id", String(36), primary_key=True),  # also the name of its file below `uploads/`
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("path", Text, nullable=False),  # where it is to be put
    Column("size", BigInteger, nullable=False),  # bytes, as announced
    Column("modified", BigInteger, nullable=False),  # milliseconds, as the browser tells it
    Column("replaces", Boolean, nullable=False),  # what is there by then; else it is put beside it
    Column("touched", BigInteger, nullable=False),
)

# What was deleted and can be restored.
trash = Table(
    "trash",
    metadata,
    Column("id", String(36), primary_key=True),  # also the name of its file or folder below `trash/<account>/`
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("path", Text, nullable=False),  # where it was
    Column("is_folder", Boolean, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes in all
    Column("deleted", BigInteger, nullable=False),
    Column("settled", Boolean, nullable=False),  # it lies there; else it is on its way in or out
    Index(None, "account", "deleted"),
)
