"""The SQL stores over one database, and rows to begin with."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from service.model.authenticator import Authenticator, Kind, Proof, State
from service.model.challenge import Challenge, Method, Purpose, open_challenge
from service.model.events import Event
from service.model.events import Kind as EventKind
from service.model.phone import PhoneNumber
from service.model.policy import CodePolicy, SessionPolicy
from service.model.secret import Secret
from service.model.session import Issued, Session, references
from service.model.subscriber import Standing, Subscriber, new_id
from service.model.totp import Totp
from service.outbound.account_rows_sql import insert_authenticator, insert_subscriber
from service.outbound.accounts_sql import SqlAccounts
from service.outbound.challenges_sql import SqlChallenges
from service.outbound.database_sql import Database
from service.outbound.sessions_sql import SqlSessions
from service.outbound.texts_sql import SqlTexts
from tests.fakes import BoundSeal, FixedClock, HashIndex, HashTokens

PHONE = PhoneNumber("+50936377111", "HT")
OTHER_PHONE = PhoneNumber("+50936377112", "HT")
HASH = Secret("$argon2id$a hash")
NO_PROOF = Proof(Method.SMS, None)
CODES, SESSIONS = CodePolicy(), SessionPolicy()
EVENT = Event(EventKind.CODE_TRIED)


@dataclass(frozen=True, slots=True)
class World:
    """Every store of this folder, on one database and one clock."""

    database: Database
    clock: FixedClock
    personal: BoundSeal
    seeds: BoundSeal
    pepper: BoundSeal
    tokens: HashTokens
    accounts: SqlAccounts
    challenges: SqlChallenges
    texts: SqlTexts
    sessions: SqlSessions

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def subscriber(self, phone: PhoneNumber = PHONE) -> Subscriber:
        """Add an account without authenticators."""
        one = Subscriber(new_id(), phone, HASH, "en", Standing.ACTIVE, self.now)
        with self.database.write() as connection:
            index = self.accounts.phones.of(phone.e164)
            assert insert_subscriber(connection, one, index, self.personal, self.pepper)
        return one

    def totp(self, subscriber: Subscriber, state: State = State.ACTIVE) -> str:
        """Bind a TOTP app."""
        one = Authenticator(new_id(), Kind.TOTP, state, self.now, totp=Totp(Secret("JBSWY3DPEHPK3PXP")))
        with self.database.write() as connection:
            insert_authenticator(connection, subscriber.subscriber_id, one, self.seeds)
        return one.authenticator_id

    def challenge(self, purpose: Purpose = Purpose.LOG_IN, **changes: Any) -> Challenge:
        """Open a challenge."""
        one = open_challenge(purpose, PHONE, (Method.TOTP, Method.SMS), 1, self.now, CODES)
        one = replace(one, **changes)
        self.challenges.open(one, EVENT)
        return one

    def new_session(self, subscriber: Subscriber, **changes: Any) -> Issued:
        """Make up a session that nobody stored yet."""
        session = Session(
            session_id=new_id(),
            subscriber_id=subscriber.subscriber_id,
            second_factor_at=self.now,
            absolute_expires_at=self.now + timedelta(days=30),
            access_expires_at=self.now + timedelta(minutes=5),
            amr=references(Method.SMS),
            device_id=changes.pop("device_id", None),
        )
        access, refresh = self.tokens.mint("gws_"), self.tokens.mint("gwr_")
        return replace(Issued(session, access, refresh, self.now + timedelta(days=7)), **changes)

    def session(self, subscriber: Subscriber, **changes: Any) -> Issued:
        """Open a session by a challenge of its own."""
        new, challenge = self.new_session(subscriber, **changes), self.challenge()
        self.sessions.open(new, challenge.challenge_id, NO_PROOF, self.now, EVENT, None)
        return new

    def rows(self, table: sa.Table) -> list[Any]:
        """Return every row."""
        with self.database.read() as connection:
            return list(connection.execute(sa.select(table)).all())

    def change(self, table: sa.Table, **values: object) -> None:
        """Set columns of every row."""
        with self.database.write() as connection:
            connection.execute(sa.update(table).values(**values))


def build_world(database: Database, clock: FixedClock) -> World:
    """Wire the stores."""
    personal, seeds, pepper = BoundSeal("personal"), BoundSeal("seeds"), BoundSeal("pepper")
    phones, pseudonyms, tokens = HashIndex("phones"), HashIndex("pseudonyms"), HashTokens()
    return World(
        database=database,
        clock=clock,
        personal=personal,
        seeds=seeds,
        pepper=pepper,
        tokens=tokens,
        accounts=SqlAccounts(database, personal, seeds, pepper, phones, pseudonyms, tokens, CODES),
        challenges=SqlChallenges(database, personal, pepper, pseudonyms, CODES),
        texts=SqlTexts(database),
        sessions=SqlSessions(database, personal, pepper, phones, tokens, SESSIONS),
    )


def race(threads: int, act: Callable[[int], object]) -> tuple[list[Any], Counter[str]]:
    """Let threads act at once; return what they got, and how many met which exception."""
    barrier, results, errors = threading.Barrier(threads), [], Counter[str]()

    def run(number: int) -> None:
        barrier.wait()
        try:
            results.append(act(number))
        except Exception as error:  # noqa: BLE001  the test looks at the names
            errors[type(error).__name__] += 1

    crowd = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return results, errors
