"""Every table. Personal data and secrets are sealed; look-ups go by keyed hashes."""

import sqlalchemy as sa

from service.outbound.database_sql import Instant

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str = "id") -> sa.Column[str]:
    return sa.Column(name, sa.String(64), primary_key=True)


def _of(table: str, name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), sa.ForeignKey(f"{table}.id"), nullable=nullable)


subscribers = sa.Table(
    "subscribers",
    metadata,
    _id(),
    sa.Column("phone_index", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("phone_sealed", sa.LargeBinary, nullable=False),
    sa.Column("password_sealed", sa.LargeBinary, nullable=False),
    sa.Column("password_changed_at", Instant, nullable=False),
    sa.Column("locale", sa.String(16), nullable=False),
    sa.Column("standing", sa.String(16), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

# `secret_sealed` holds a TOTP seed or a phone number; `last_step` is the TOTP step burnt last.
authenticators = sa.Table(
    "authenticators",
    metadata,
    _id(),
    _of("subscribers", "subscriber_id"),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("secret_sealed", sa.LargeBinary, nullable=False),
    sa.Column("algorithm", sa.String(8)),
    sa.Column("digits", sa.SmallInteger),
    sa.Column("period", sa.SmallInteger),
    sa.Column("last_step", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("last_step_session", sa.String(64)),
    sa.Column("streak", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_before", Instant, nullable=False, server_default="0"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("confirmed_at", Instant),
    sa.Index("ix_authenticators_subscriber_id", "subscriber_id"),
)

# Wrong passwords in a row, by pseudonym of the number, for numbers that nobody has too.
password_lanes = sa.Table(
    "password_lanes",
    metadata,
    sa.Column("pseudonym", sa.LargeBinary, primary_key=True),
    sa.Column("lane", sa.String(64), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("not_before", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
)

# No foreign key to subscribers: unknown numbers get real rows too.
challenges = sa.Table(
    "challenges",
    metadata,
    _id(),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("subscriber_id", sa.String(64)),
    sa.Column("session_id", sa.String(64)),
    sa.Column("operation_id", sa.String(64)),
    sa.Column("device_id", sa.String(64)),
    sa.Column("phone_sealed", sa.LargeBinary, nullable=False),
    sa.Column("password_sealed", sa.LargeBinary),
    sa.Column("methods", sa.String(64), nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("key_id", sa.BigInteger, nullable=False),
    sa.Column("code_digits", sa.SmallInteger, nullable=False),
    sa.Column("attempts_left", sa.Integer, nullable=False),
    sa.Column("locale", sa.String(16), nullable=False),
    sa.Column("mute", sa.Boolean, nullable=False),
    sa.Column("text_queued", sa.Boolean, nullable=False),
    sa.Column("resend_at", Instant),
    sa.Column("delivery_channel", sa.String(16), nullable=False),
    sa.Column("delivery_status", sa.String(16), nullable=False),
    sa.Column("delivery_reason", sa.String(64)),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("spent_at", Instant),
    sa.Column("closed_at", Instant),
    sa.Index("ix_challenges_subscriber_id_purpose", "subscriber_id", "purpose"),
    sa.Index("ix_challenges_expires_at", "expires_at"),
    sa.Index("ix_challenges_session_id", "session_id"),
    sa.Index("ix_challenges_operation_id", "operation_id"),
)

# The growing wait between texts to one number, per class, across challenges.
text_waits = sa.Table(
    "text_waits",
    metadata,
    sa.Column("pseudonym", sa.LargeBinary, primary_key=True),
    sa.Column("class", sa.String(32), primary_key=True),
    sa.Column("sent", sa.Integer, nullable=False),
    sa.Column("not_before", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
)

texts = sa.Table(
    "texts",
    metadata,
    _id(),
    sa.Column(
        "challenge_id", sa.String(64), sa.ForeignKey("challenges.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("sid", sa.String(64), unique=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("claimed_at", Instant),
    sa.Index("ix_texts_status_created_at", "status", "created_at"),
    sa.Index("ix_texts_challenge_id", "challenge_id"),
)

devices = sa.Table(
    "devices",
    metadata,
    _id(),
    _of("subscribers", "subscriber_id"),
    sa.Column("token_hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("last_used_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
)

# `challenge_id` is unique: opening a session spends its challenge. `refresh_hash` is the one live
# refresh token, `previous_hash` the one before it, told apart from a stranger's for the grace.
sessions = sa.Table(
    "sessions",
    metadata,
    _id(),
    _of("subscribers", "subscriber_id"),
    sa.Column("challenge_id", sa.String(64), nullable=False, unique=True),
    _of("devices", "device_id", nullable=True),
    sa.Column("device_name", sa.String(64)),
    sa.Column("access_hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("access_expires_at", Instant, nullable=False),
    sa.Column("refresh_hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("refresh_expires_at", Instant, nullable=False),
    sa.Column("previous_hash", sa.LargeBinary),
    sa.Column("rotated_at", Instant),
    sa.Column("generation", sa.Integer, nullable=False, server_default="0"),
    sa.Column("absolute_expires_at", Instant, nullable=False),
    sa.Column("second_factor_at", Instant, nullable=False),
    sa.Column("amr", sa.String(64), nullable=False),
    sa.Column("scope", sa.String(32), nullable=False),
    # The thumbprint of a device key (DPoP, RFC 9449), once tokens are bound to one.
    sa.Column("key_thumbprint", sa.String(64)),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("last_used_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("ended_reason", sa.String(32)),
    sa.Index("ix_sessions_subscriber_id", "subscriber_id"),
    sa.Index("ix_sessions_previous_hash", "previous_hash"),
)

# Every refresh token ever rotated away, so that a late reuse is recognised and ends its session.
used_refresh_tokens = sa.Table(
    "used_refresh_tokens",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    _of("sessions", "session_id"),
    sa.Column("used_at", Instant, nullable=False),
)

# `reference_held` is the client's own identifier while it is taken; NULL frees it.
operations = sa.Table(
    "operations",
    metadata,
    _id(),
    _of("subscribers", "subscriber_id"),
    sa.Column("session_id", sa.String(64), nullable=False),
    sa.Column("challenge_id", sa.String(64)),
    sa.Column("key", sa.String(300), nullable=False),
    sa.Column("client_reference", sa.String(150)),
    sa.Column("reference_held", sa.String(200)),
    sa.Column("product", sa.String(16), nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("environment", sa.String(16), nullable=False),
    sa.Column("rule", sa.String(64), nullable=False),
    sa.Column("request_sealed", sa.LargeBinary, nullable=False),
    sa.Column("summary_sealed", sa.LargeBinary, nullable=False),
    sa.Column("amount", sa.String(32), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("cost", sa.String(32), nullable=False),
    sa.Column("cost_currency", sa.String(3), nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("upstream_id", sa.BigInteger),
    sa.Column("reply_sealed", sa.LargeBinary),
    sa.Column("failure_code", sa.String(80)),
    sa.Column("failure_detail", sa.String(300)),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("approved_at", Instant),
    sa.Column("sending_at", Instant),
    sa.Column("settled_at", Instant),
    sa.Column("looks", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_found", sa.Integer, nullable=False, server_default="0"),
    sa.Column("look_at", Instant),
    sa.Column("lease_until", Instant),
    sa.UniqueConstraint("subscriber_id", "key"),
    sa.UniqueConstraint("subscriber_id", "product", "reference_held"),
    sa.Index("ix_operations_subscriber_id_created_at", "subscriber_id", "created_at"),
    sa.Index("ix_operations_look_at", "look_at"),
    sa.Index("ix_operations_status_expires_at", "status", "expires_at"),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("until", Instant, nullable=False),
)

# The bearer token towards Reloadly, one row per product and environment, for the whole fleet.
upstream_tokens = sa.Table(
    "upstream_tokens",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("token_sealed", sa.LargeBinary, nullable=False),
    sa.Column("fetched_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

audit_events = sa.Table(
    "audit_events",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("kind", sa.String(48), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(80)),
    sa.Column("subscriber_id", sa.String(64)),
    sa.Column("session_id", sa.String(64)),
    sa.Column("challenge", sa.String(64)),
    sa.Column("operation_id", sa.String(64)),
    sa.Column("request_id", sa.String(64)),
    sa.Index("ix_audit_events_subscriber_id_at", "subscriber_id", "at"),
    sa.Index("ix_audit_events_operation_id", "operation_id"),
)
