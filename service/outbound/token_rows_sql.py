"""The fleet's tokens as sealed rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from service.model.secret import Secret
from service.outbound.database_sql import Database
from service.outbound.schema_sql import upstream_tokens
from service.outbound.upsert_sql import upsert
from service.ports import Seal, SealBroken

_EARLY_AT_MOST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token and its life."""

    token: Secret
    fetched_at: datetime
    expires_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Say whether it need not be replaced yet: that happens a tenth of its life early."""
        early = min((self.expires_at - self.fetched_at) / 10, _EARLY_AT_MOST)
        return now < self.expires_at - early

    def serves(self, refused: Secret | None, now: datetime) -> bool:
        """Say whether it may be used by somebody whose token `refused` was not accepted."""
        return self.is_fresh(now) and self.token != refused


@dataclass(frozen=True, slots=True)
class TokenRows:
    """One row per product and environment; `seal` is the one for caches and upstream tokens."""

    database: Database
    seal: Seal

    def read(self, name: str) -> HeldToken | None:
        """Return the token, or None when there is none that opens."""
        query = sa.select(upstream_tokens).where(upstream_tokens.c.name == name)
        with self.database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        try:
            return HeldToken(
                self.seal.open(bytes(row.token_sealed), _place(name)), row.fetched_at, row.expires_at
            )
        except SealBroken:
            # Sealed by a key that is gone: a new token is cheap.
            return None

    def store(self, name: str, held: HeldToken) -> None:
        """Replace the row."""
        values = {
            "token_sealed": self.seal.seal(held.token.value, _place(name)),
            "fetched_at": held.fetched_at,
            "expires_at": held.expires_at,
        }
        with self.database.write() as connection:
            statement = upsert(connection, upstream_tokens).values(name=name, **values)
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def _place(name: str) -> str:
    return f"{upstream_tokens.name}.token_sealed/{name}"
