"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Instants are microseconds since 1970. Column types are written out, since a migration must stay
# what it was when the code has moved on.
_AUDIT_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create every table, those that others refer to first."""
    _create_subscribers()
    _create_authenticators()
    _create_waits()
    _create_challenges()
    _create_texts()
    _create_sessions()
    _create_operations()
    _create_shared()
    _create_audit()


def downgrade() -> None:
    """Drop every table, those that refer to others first."""
    for table in (
        "audit_events", "upstream_tokens", "leases", "operations", "used_refresh_tokens", "sessions",
        "devices", "texts", "text_waits", "challenges", "password_lanes", "authenticators", "subscribers",
    ):
        op.drop_table(table)


def _text(name: str, length: int, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=null)


def _bytes(name: str, *, null: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=null)


def _instant(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=null)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*(columns or ("id",)), name=f"pk_{table}")


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def _refers(table: str, column: str, other: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}"
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete=ondelete)


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _create_subscribers() -> None:
    op.create_table(
        "subscribers",
        _text("id", 64),
        _bytes("phone_index"),
        _bytes("phone_sealed"),
        _bytes("password_sealed"),
        _instant("password_changed_at"),
        _text("locale", 16),
        _text("standing", 16),
        _instant("created_at"),
        _key("subscribers"),
        _unique("subscribers", "phone_index"),
    )


def _create_authenticators() -> None:
    op.create_table(
        "authenticators",
        _text("id", 64),
        _text("subscriber_id", 64),
        _text("kind", 16),
        _text("state", 16),
        _bytes("secret_sealed"),
        _text("algorithm", 8, null=True),
        sa.Column("digits", sa.SmallInteger()),
        sa.Column("period", sa.SmallInteger()),
        sa.Column("last_step", sa.BigInteger(), nullable=False, server_default="0"),
        _text("last_step_session", 64, null=True),
        _count("streak"),
        sa.Column("not_before", sa.BigInteger(), nullable=False, server_default="0"),
        _instant("created_at"),
        _instant("confirmed_at", null=True),
        _key("authenticators"),
        _refers("authenticators", "subscriber_id", "subscribers"),
    )
    _index("authenticators", "subscriber_id")


def _create_waits() -> None:
    op.create_table(
        "password_lanes",
        _bytes("pseudonym"),
        _text("lane", 64),
        sa.Column("failures", sa.Integer(), nullable=False),
        _instant("not_before"),
        _instant("updated_at"),
        _key("password_lanes", "pseudonym", "lane"),
    )
    op.create_table(
        "text_waits",
        _bytes("pseudonym"),
        _text("class", 32),
        sa.Column("sent", sa.Integer(), nullable=False),
        _instant("not_before"),
        _instant("updated_at"),
        _key("text_waits", "pseudonym", "class"),
    )


def _create_challenges() -> None:
    op.create_table(
        "challenges",
        _text("id", 64),
        _text("purpose", 32),
        _text("subscriber_id", 64, null=True),
        _text("session_id", 64, null=True),
        _text("operation_id", 64, null=True),
        _text("device_id", 64, null=True),
        _bytes("phone_sealed"),
        _bytes("password_sealed", null=True),
        _text("methods", 64),
        _bytes("digest"),
        sa.Column("key_id", sa.BigInteger(), nullable=False),
        sa.Column("code_digits", sa.SmallInteger(), nullable=False),
        sa.Column("attempts_left", sa.Integer(), nullable=False),
        _text("locale", 16),
        sa.Column("mute", sa.Boolean(), nullable=False),
        sa.Column("text_queued", sa.Boolean(), nullable=False),
        _instant("resend_at", null=True),
        _text("delivery_channel", 16),
        _text("delivery_status", 16),
        _text("delivery_reason", 64, null=True),
        _instant("created_at"),
        _instant("expires_at"),
        _instant("spent_at", null=True),
        _instant("closed_at", null=True),
        _key("challenges"),
    )
    _index("challenges", "subscriber_id", "purpose")
    _index("challenges", "expires_at")
    _index("challenges", "session_id")
    _index("challenges", "operation_id")


def _create_texts() -> None:
    op.create_table(
        "texts",
        _text("id", 64),
        _text("challenge_id", 64),
        _text("channel", 16),
        _text("status", 16),
        _text("sid", 64, null=True),
        _instant("created_at"),
        _instant("claimed_at", null=True),
        _key("texts"),
        _unique("texts", "sid"),
        _refers("texts", "challenge_id", "challenges", ondelete="CASCADE"),
    )
    _index("texts", "status", "created_at")
    _index("texts", "challenge_id")


def _create_sessions() -> None:
    op.create_table(
        "devices",
        _text("id", 64),
        _text("subscriber_id", 64),
        _bytes("token_hash"),
        _instant("created_at"),
        _instant("last_used_at"),
        _instant("revoked_at", null=True),
        _key("devices"),
        _unique("devices", "token_hash"),
        _refers("devices", "subscriber_id", "subscribers"),
    )
    op.create_table("sessions", *_session_columns(), *_session_constraints())
    _index("sessions", "subscriber_id")
    _index("sessions", "previous_hash")
    op.create_table(
        "used_refresh_tokens",
        _bytes("token_hash"),
        _text("session_id", 64),
        _instant("used_at"),
        _key("used_refresh_tokens", "token_hash"),
        _refers("used_refresh_tokens", "session_id", "sessions"),
    )


def _session_columns() -> tuple[sa.Column[Any], ...]:
    return (
        _text("id", 64),
        _text("subscriber_id", 64),
        _text("challenge_id", 64),
        _text("device_id", 64, null=True),
        _text("device_name", 64, null=True),
        _bytes("access_hash"),
        _instant("access_expires_at"),
        _bytes("refresh_hash"),
        _instant("refresh_expires_at"),
        _bytes("previous_hash", null=True),
        _instant("rotated_at", null=True),
        _count("generation"),
        _instant("absolute_expires_at"),
        _instant("second_factor_at"),
        _text("amr", 64),
        _text("scope", 32),
        _text("key_thumbprint", 64, null=True),
        _instant("created_at"),
        _instant("last_used_at"),
        _instant("ended_at", null=True),
        _text("ended_reason", 32, null=True),
    )


def _session_constraints() -> tuple[sa.Constraint, ...]:
    return (
        _key("sessions"),
        _unique("sessions", "challenge_id"),
        _unique("sessions", "access_hash"),
        _unique("sessions", "refresh_hash"),
        _refers("sessions", "subscriber_id", "subscribers"),
        _refers("sessions", "device_id", "devices"),
    )


def _create_operations() -> None:
    op.create_table(
        "operations",
        *_operation_request(),
        *_operation_progress(),
        _key("operations"),
        _unique("operations", "subscriber_id", "key"),
        _unique("operations", "subscriber_id", "product", "reference_held"),
        _refers("operations", "subscriber_id", "subscribers"),
    )
    _index("operations", "subscriber_id", "created_at")
    _index("operations", "look_at")
    _index("operations", "status", "expires_at")


def _operation_request() -> tuple[sa.Column[Any], ...]:
    return (
        _text("id", 64),
        _text("subscriber_id", 64),
        _text("session_id", 64),
        _text("challenge_id", 64, null=True),
        _text("key", 300),
        _text("client_reference", 150, null=True),
        _text("reference_held", 200, null=True),
        _text("product", 16),
        _text("action", 32),
        _text("environment", 16),
        _text("rule", 64),
        _bytes("request_sealed"),
        _bytes("summary_sealed"),
        _text("amount", 32),
        _text("currency", 3),
        _text("cost", 32),
        _text("cost_currency", 3),
    )


def _operation_progress() -> tuple[sa.Column[Any], ...]:
    return (
        _text("status", 32),
        sa.Column("upstream_id", sa.BigInteger()),
        _bytes("reply_sealed", null=True),
        _text("failure_code", 80, null=True),
        _text("failure_detail", 300, null=True),
        _instant("created_at"),
        _instant("updated_at"),
        _instant("expires_at"),
        _instant("approved_at", null=True),
        _instant("sending_at", null=True),
        _instant("settled_at", null=True),
        _count("looks"),
        _count("not_found"),
        _instant("look_at", null=True),
        _instant("lease_until", null=True),
    )


def _create_shared() -> None:
    op.create_table(
        "leases",
        _text("name", 64),
        _text("owner", 64),
        _instant("until"),
        _key("leases", "name"),
    )
    op.create_table(
        "upstream_tokens",
        _text("name", 64),
        _bytes("token_sealed"),
        _instant("fetched_at"),
        _instant("expires_at"),
        _key("upstream_tokens", "name"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", _AUDIT_ID, autoincrement=True, nullable=False),
        _instant("at"),
        _text("kind", 48),
        _text("outcome", 16),
        _text("reason", 80, null=True),
        _text("subscriber_id", 64, null=True),
        _text("session_id", 64, null=True),
        _text("challenge", 64, null=True),
        _text("operation_id", 64, null=True),
        _text("request_id", 64, null=True),
        _key("audit_events"),
    )
    _index("audit_events", "subscriber_id", "at")
    _index("audit_events", "operation_id")
