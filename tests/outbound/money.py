"""A subscriber with money calls, for the tests of the operation store."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from tink import aead, new_keyset_handle

from service.model.authenticator import Proof
from service.model.challenge import NOTHING_APPROVED, Challenge, Method, Purpose, open_challenge
from service.model.events import Event, Kind
from service.model.money import Money
from service.model.operation import Key, Operation, Outcome, Request, Status, operation_id
from service.model.phone import PhoneNumber
from service.model.policy import CodePolicy, MoneyPolicy
from service.model.subscriber import new_id
from service.outbound.database_sql import Database
from service.outbound.operations_sql import SqlOperations
from service.outbound.reconcile_sql import SqlReconciliation
from service.outbound.schema_sql import audit_events, authenticators, operations, subscribers
from service.outbound.seal_tink import TinkSeal

ANN = PhoneNumber("+50936377111", "HT")


def fresh_seal() -> TinkSeal:
    """Return a seal with a key of its own."""
    aead.register()
    return TinkSeal(new_keyset_handle(aead.aead_key_templates.AES256_GCM).primitive(aead.Aead))


def draft_of(
    subscriber_id: str,
    now: datetime,
    key: str = "k-1",
    amount: str = "5",
    reference: str | None = None,
) -> Operation:
    """Return a draft as a flow would make it."""
    body: dict[str, object] = {
        "operatorId": 640,
        "amount": amount,
        "useLocalAmount": False,
        "recipientPhone": {"countryCode": "HT", "number": "50936377111"},
    }
    scoped = Key(key, from_header=True)
    return Operation(
        operation_id=operation_id(subscriber_id, scoped),
        subscriber_id=subscriber_id,
        session_id="session-1",
        key=scoped,
        request=Request("airtime", "sandbox", "makeTopUp", body),
        action="airtime.topup",
        status=Status.AWAITING_APPROVAL,
        summary="Top up 500.00 HTG to +509 36 37 7111",
        delivered=Money(Decimal("500.25"), "HTG"),
        cost=Money(Decimal(amount), "USD"),
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(seconds=300),
        client_reference=reference,
    )


def challenge_of(operation: Operation) -> Challenge:
    """Return the challenge that asks for the approval of this draft."""
    opened = open_challenge(
        Purpose.APPROVE_OPERATION, ANN, (Method.TOTP, Method.SMS), 7, operation.created_at, CodePolicy()
    )
    return replace(
        opened,
        subscriber_id=operation.subscriber_id,
        session_id=operation.session_id,
        operation_id=operation.operation_id,
        digest=operation.request.digest or NOTHING_APPROVED,
    )


def event(operation_id: str, kind: Kind = Kind.OPERATION_SETTLED) -> Event:
    return Event(kind, operation_id=operation_id)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The store under test, and a look behind it."""

    database: Database
    store: SqlOperations
    subscriber_id: str
    authenticator_id: str

    @property
    def due(self) -> SqlReconciliation:
        """The same rows, as the reconciler sees them."""
        return SqlReconciliation(self.database, self.store.seal, self.store.policy)

    def draft(self, now: datetime, **of: Any) -> Operation:
        drafted = draft_of(self.subscriber_id, now, **of)
        return self.store.draft(
            drafted, challenge_of(drafted), event(drafted.operation_id, Kind.OPERATION_DRAFTED)
        )

    def proof(self, step: int = 100) -> Proof:
        return Proof(Method.TOTP, self.authenticator_id, step)

    def approve(self, operation: Operation, now: datetime, step: int = 100) -> bool:
        return self.store.approve(
            operation, self.proof(step), now, event(operation.operation_id, Kind.OPERATION_APPROVED)
        )

    def begin(self, operation: Operation, now: datetime) -> bool:
        return self.store.begin_sending(
            operation.operation_id, now, event(operation.operation_id, Kind.OPERATION_SENDING)
        )

    def settle(self, operation: Operation, outcome: Outcome | Status, now: datetime) -> bool:
        word = outcome if isinstance(outcome, Outcome) else Outcome(outcome)
        return self.store.settle(operation.operation_id, word, now, event(operation.operation_id))

    def sending(self, now: datetime, step: int = 100, **of: Any) -> Operation:
        operation = self.draft(now, **of)
        assert self.approve(operation, now, step)
        assert self.begin(operation, now)
        return self.now(operation)

    def now(self, operation: Operation) -> Operation:
        found = self.store.find(operation.operation_id)
        assert found
        return found

    def row(self, operation: Operation) -> sa.Row[Any]:
        with self.database.read() as connection:
            query = sa.select(operations).where(operations.c.id == operation.operation_id)
            return connection.execute(query).one()

    def events(self, kind: Kind) -> int:
        query = sa.select(sa.func.count()).where(audit_events.c.kind == kind.value)
        with self.database.read() as connection:
            return int(connection.execute(query).scalar_one())


def open_ledger(database: Database, now: datetime) -> Ledger:
    """Return the store over an empty database with one subscriber and one authenticator app."""
    ann, app = new_id(), new_id()
    with database.write() as connection:
        connection.execute(
            sa.insert(subscribers).values(
                id=ann,
                phone_index=b"i",
                phone_sealed=b"p",
                password_sealed=b"w",
                password_changed_at=now,
                locale="en",
                standing="active",
                created_at=now,
            )
        )
        connection.execute(
            sa.insert(authenticators).values(
                id=app,
                subscriber_id=ann,
                kind="totp",
                state="active",
                secret_sealed=b"s",
                not_before=now,
                created_at=now,
            )
        )
    return Ledger(database, SqlOperations(database, fresh_seal(), MoneyPolicy()), ann, app)
