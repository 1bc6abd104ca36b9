"""What people prove who they are with, besides a password, and the short moments on the way there."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Integer, String, Table, Text, false

from opencloudmesh.server.schema.tables import metadata

# The second factor that an app on a phone shows (TOTP, RFC 6238), and how guesses at codes went.
factors = Table(
    "factors",
    metadata,
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("secret", Text),  # base32; it has to be read for every code. Null: no app
    Column("confirmed", BigInteger),  # since when it counts; null: it was shown, and no code has come yet
    Column("counter", BigInteger, nullable=False, server_default="0"),  # of the last code: each counts once
    Column("failures", Integer, nullable=False, server_default="0"),  # wrong codes in a row
    Column("retry_at", BigInteger, nullable=False, server_default="0"),  # no code is looked at before
)

# Codes on paper, for when the phone is gone. Each counts once.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", String(64), primary_key=True),
)

# Passkeys (WebAuthn): each is a way in of its own, and two factors at once.
passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Text, primary_key=True),  # the credential's, in base64url
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("public_key", Text, nullable=False),  # COSE, in base64url
    Column("sign_count", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("used", BigInteger),
)

# Passwords for programs: WebDAV clients, and what speaks with the API.
app_passwords = Table(
    "app_passwords",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of what the program shows
    Column("strong", Boolean, nullable=False, server_default=false()),  # made after a second factor
    Column("created", BigInteger, nullable=False),
    Column("used", BigInteger),  # to the hour
)

# People at an OpenID provider, and who they are here. A name may be given to somebody else there; a subject is not.
identities = Table(
    "identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created", BigInteger, nullable=False),
)

# What has begun and must be completed soon: each is a secret that opens nothing but its next step.
tickets = Table(
    "tickets",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),  # a word of `tickets.KINDS`
    Column("account", String(64), ForeignKey("accounts.id", ondelete="CASCADE"), index=True),
    Column("data", JSON, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
)
