"""Rows of subscribers and authenticators: written and read as model values, sealed in between."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.model.authenticator import Authenticator, Kind, State
from service.model.phone import PhoneNumber
from service.model.secret import Secret
from service.model.subscriber import Standing, Subscriber
from service.model.throttle import STREAK_DISABLES
from service.model.totp import Totp
from service.outbound.schema_sql import authenticators, subscribers
from service.outbound.upsert_sql import upsert
from service.ports import Seal


def row_to_subscriber(
    row: sa.Row[Any], bound: tuple[Authenticator, ...], personal: Seal, pepper: Seal
) -> Subscriber:
    """Return the account of a row of `subscribers`."""
    return Subscriber(
        subscriber_id=row.id,
        phone=read_phone(personal.open(row.phone_sealed, _phone_place(row.id))),
        password_hash=pepper.open(row.password_sealed, password_place(row.id)),
        locale=row.locale,
        standing=Standing(row.standing),
        created_at=row.created_at,
        authenticators=bound,
    )


def row_to_authenticator(row: sa.Row[Any], seal: Seal) -> Authenticator:
    """Return the authenticator of a row; `seal` is the one for secrets of its kind."""
    kind, secret = Kind(row.kind), seal.open(row.secret_sealed, _secret_place(row.id))
    return Authenticator(
        authenticator_id=row.id,
        kind=kind,
        state=_state(row),
        created_at=row.created_at,
        confirmed_at=row.confirmed_at,
        totp=Totp(secret, row.digits, row.period, row.algorithm) if kind is Kind.TOTP else None,
        phone=read_phone(secret) if kind is Kind.PHONE else None,
        last_step=row.last_step,
        last_step_session=row.last_step_session,
        streak=row.streak,
    )


def _state(row: sa.Row[Any]) -> State:
    """Too many wrong codes in a row disable, until a right one or a reset; the last try is still judged."""
    state = State(row.state)
    return State.DISABLED if state is State.ACTIVE and row.streak >= STREAK_DISABLES else state


def insert_authenticator(
    connection: Connection, subscriber_id: str, authenticator: Authenticator, seal: Seal
) -> None:
    """Insert an authenticator in the caller's transaction; `seal` is the one for its secret."""
    totp = authenticator.totp
    connection.execute(
        sa.insert(authenticators).values(
            id=authenticator.authenticator_id,
            subscriber_id=subscriber_id,
            kind=authenticator.kind.value,
            state=authenticator.state.value,
            secret_sealed=seal.seal(_secret(authenticator), _secret_place(authenticator.authenticator_id)),
            algorithm=totp.algorithm if totp else None,
            digits=totp.digits if totp else None,
            period=totp.period if totp else None,
            last_step=authenticator.last_step,
            last_step_session=authenticator.last_step_session,
            streak=authenticator.streak,
            created_at=authenticator.created_at,
            confirmed_at=authenticator.confirmed_at,
        )
    )


def insert_subscriber(
    connection: Connection, subscriber: Subscriber, phone_index: bytes, personal: Seal, pepper: Seal
) -> bool:
    """Insert an account in the caller's transaction; False when the number is taken."""
    one = subscriber.subscriber_id
    statement = (
        upsert(connection, subscribers)
        .values(
            id=one,
            phone_index=phone_index,
            phone_sealed=personal.seal(written_phone(subscriber.phone), _phone_place(one)),
            password_sealed=pepper.seal(subscriber.password_hash.value, password_place(one)),
            password_changed_at=subscriber.created_at,
            locale=subscriber.locale,
            standing=subscriber.standing.value,
            created_at=subscriber.created_at,
        )
        .on_conflict_do_nothing(index_elements=["phone_index"])
        .returning(subscribers.c.id)
    )
    return connection.execute(statement).first() is not None


def _secret(authenticator: Authenticator) -> str:
    if authenticator.totp:
        return authenticator.totp.seed.value
    assert authenticator.phone, "an authenticator has a seed or a number"
    return written_phone(authenticator.phone)


def written_phone(phone: PhoneNumber) -> str:
    """Return what is sealed of a number."""
    return f"{phone.e164} {phone.country}"


def read_phone(text: Secret) -> PhoneNumber:
    """Return the number that was sealed."""
    number, country = text.value.split(" ")
    return PhoneNumber(number, country)


def password_place(subscriber_id: str) -> str:
    """Name the place that a password hash is sealed for."""
    return f"subscribers.password_sealed/{subscriber_id}"


def _secret_place(authenticator_id: str) -> str:
    return f"authenticators.secret_sealed/{authenticator_id}"


def _phone_place(subscriber_id: str) -> str:
    return f"subscribers.phone_sealed/{subscriber_id}"
