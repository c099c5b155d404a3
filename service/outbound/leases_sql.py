"""Leases: work that one process of the fleet does at a time, claimed by one guarded statement."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from service.outbound.database_sql import Database
from service.outbound.schema_sql import leases
from service.outbound.upsert_sql import upsert


@dataclass(frozen=True, slots=True)
class SqlLeases:
    """One row per name; whoever holds it may renew it."""

    database: Database

    def claim(self, name: str, owner: str, now: datetime, seconds: int) -> bool:
        """
        Take or renew the lease; say whether `owner` holds it now.

        Zero seconds give an own lease back, since it then ends at once.
        """
        row = {"name": name, "owner": owner, "until": now + timedelta(seconds=seconds)}
        with self.database.write() as connection:
            claim = upsert(connection, leases).values(row)
            statement = claim.on_conflict_do_update(
                index_elements=["name"],
                set_={"owner": claim.excluded.owner, "until": claim.excluded.until},
                where=sa.or_(leases.c.until <= now, leases.c.owner == owner),
            )
            # Rows that an INSERT changed are counted by what it returns: drivers differ in their row counts.
            return connection.execute(statement.returning(leases.c.name)).first() is not None
