"""The tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts up INTEGER keys only


def upgrade() -> None:
    _accounts()
    _shares()
    _received()
    _listings()
    _outbox()
    _peers()
    _signatures()
    _locks()
    _properties()
    _moves()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False, server_default=""),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("quota", sa.BigInteger()),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )


def _shares() -> None:
    op.create_table(
        "shares",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("resource_type", sa.String(16), nullable=False),
        sa.Column("share_with", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False, server_default=""),
        sa.Column("expiration", sa.BigInteger()),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("recipient_name", sa.Text()),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shares"),
        sa.ForeignKeyConstraint(["owner"], ["accounts.id"], name="fk_shares_owner", ondelete="CASCADE"),
        sa.UniqueConstraint("secret", name="uq_shares_secret"),
    )
    op.create_index("ix_shares_owner_path", "shares", ["owner", "path"])


def _received() -> None:
    op.create_table(
        "received",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False, server_default=""),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("sender_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("owner_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("resource_type", sa.String(32), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("requirements", sa.JSON(), nullable=False),
        sa.Column("protocols", sa.JSON(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False, server_default=""),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("expiration", sa.BigInteger()),
        sa.Column("verified", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("path", sa.Text()),
        sa.Column("entry", sa.JSON()),
        sa.Column("access", sa.JSON()),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_received"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_received_account", ondelete="CASCADE"),
        sa.UniqueConstraint("account", "path", name="uq_received_account_path"),
        sa.UniqueConstraint("host", "provider_id", name="uq_received_host_provider_id"),
    )


def _listings() -> None:
    op.create_table(
        "listings",
        sa.Column("received", sa.String(36), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("entries", sa.JSON(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("received", "path", name="pk_listings"),
        sa.ForeignKeyConstraint(["received"], ["received.id"], name="fk_listings_received", ondelete="CASCADE"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(36), nullable=False),
        sa.Column("message", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_subject", "outbox", ["subject"])
    op.create_index("ix_outbox_state_due", "outbox", ["state", "due"])


def _peers() -> None:
    op.create_table(
        "peers",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text()),
        sa.Column("document", sa.JSON()),
        sa.Column("document_until", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("keys", sa.JSON()),
        sa.Column("keys_until", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("keys_fetched", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("signs", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("learnt", sa.JSON()),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("failing_since", sa.BigInteger()),
        sa.Column("retry_at", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("error", sa.Text()),
        sa.Column("last_contact", sa.BigInteger()),
        sa.PrimaryKeyConstraint("host", name="pk_peers"),
    )


def _signatures() -> None:
    op.create_table(
        "signatures",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_signatures"),
    )
    op.create_index("ix_signatures_until", "signatures", ["until"])


def _locks() -> None:
    op.create_table(
        "locks",
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("infinite", sa.Boolean(), nullable=False),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("owner_xml", sa.Text(), nullable=False, server_default=""),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token", name="pk_locks"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_locks_account", ondelete="CASCADE"),
    )
    op.create_index("ix_locks_account_path", "locks", ["account", "path"])


def _properties() -> None:
    op.create_table(
        "properties",
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "path", "name", name="pk_properties"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_properties_account", ondelete="CASCADE"),
    )


def _moves() -> None:
    op.create_table(
        "moves",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_moves"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_moves_account", ondelete="CASCADE"),
    )
