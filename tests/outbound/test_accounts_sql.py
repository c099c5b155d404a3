"""Accounts in SQL: guessing is counted before it is judged, and codes burn once."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from service.model.authenticator import Authenticator, Kind, Proof, State
from service.model.challenge import Method, Purpose
from service.model.errors import InvalidCode, TooManyAttempts
from service.model.secret import Secret
from service.model.subscriber import Subscriber, new_id
from service.model.totp import Totp
from service.outbound.accounts_sql import burn
from service.outbound.database_sql import Database
from service.outbound.schema_sql import authenticators, devices, password_lanes, subscribers
from service.ports import SealBroken
from tests.fakes import FixedClock
from tests.outbound.world import CODES, EVENT, HASH, OTHER_PHONE, PHONE, World, build_world, race


@pytest.fixture
def world(database: Database, clock: FixedClock) -> World:
    return build_world(database, clock)


def _pending(world: World, subscriber: Subscriber, seed: str = "JBSWY3DPEHPK3PXP") -> Authenticator:
    one = Authenticator(new_id(), Kind.TOTP, State.PENDING, world.now, totp=Totp(Secret(seed)))
    world.accounts.add_pending(subscriber.subscriber_id, one, EVENT)
    return one


def test_an_account_is_found_by_its_number_and_by_its_id(world: World) -> None:
    one = world.subscriber()
    bound = world.totp(one)
    found = world.accounts.by_phone(PHONE)
    assert found == world.accounts.by_id(one.subscriber_id)
    assert found
    assert replace(found, authenticators=()) == one
    assert found.totp
    assert found.totp.authenticator_id == bound
    assert found.totp.totp == Totp(Secret("JBSWY3DPEHPK3PXP"))
    assert world.accounts.by_phone(OTHER_PHONE) is None


def test_a_ciphertext_moved_to_another_account_does_not_open(world: World) -> None:
    one, other = world.subscriber(), world.subscriber(OTHER_PHONE)
    row = next(row for row in world.rows(subscribers) if row.id == one.subscriber_id)
    world.change(subscribers, password_sealed=row.password_sealed)
    assert world.accounts.by_id(one.subscriber_id)
    with pytest.raises(SealBroken):
        world.accounts.by_id(other.subscriber_id)


@pytest.mark.parametrize("free", [2, 4, 10])
def test_of_many_passwords_at_once_only_the_free_tries_pass(world: World, free: int) -> None:
    passed, refused = race(64, lambda _: world.accounts.try_password(PHONE, world.now, free))
    assert (len(passed), refused) == (free, {"TooManyAttempts": 64 - free})


def test_the_wait_for_a_password_grows_and_a_try_within_it_is_not_counted(world: World) -> None:
    for _ in range(4):
        world.accounts.try_password(PHONE, world.now, 4)
    for wait in (30, 60, 120, 240, 480, 900, 1800, 3600, 3600):
        world.clock.advance(seconds=0.5)
        with pytest.raises(TooManyAttempts) as refused:
            world.accounts.try_password(PHONE, world.now, 4)
        assert refused.value.retry_after == wait
        world.clock.advance(seconds=wait - 0.5)
        world.accounts.try_password(PHONE, world.now, 4)


def test_a_lane_waits_an_hour_at_most_and_forgets_after_a_quiet_week(world: World) -> None:
    waits = []
    for _ in range(14):
        world.accounts.try_password(PHONE, world.now, 4)
        waits.append((world.rows(password_lanes)[0].not_before - world.now).total_seconds())
        world.clock.advance(seconds=waits[-1])
    assert waits == [0, 0, 0, 30, 60, 120, 240, 480, 900, 1800, 3600, 3600, 3600, 3600]
    world.clock.advance(days=8)
    for _ in range(4):
        world.accounts.try_password(PHONE, world.now, 4)
    with pytest.raises(TooManyAttempts) as refused:
        world.accounts.try_password(PHONE, world.now, 4)
    assert refused.value.retry_after == 30


def test_a_right_password_forgives_the_wrong_ones_of_its_number_only(world: World) -> None:
    for phone in (PHONE, OTHER_PHONE):
        for _ in range(4):
            world.accounts.try_password(phone, world.now, 4)
    world.accounts.forgive_password(PHONE)
    world.accounts.try_password(PHONE, world.now, 4)
    with pytest.raises(TooManyAttempts):
        world.accounts.try_password(OTHER_PHONE, world.now, 4)


def test_a_stronger_hash_replaces_the_same_password_only(world: World) -> None:
    one = world.subscriber().subscriber_id
    world.accounts.replace_password_hash(one, HASH, Secret("stronger"))
    world.accounts.replace_password_hash(one, HASH, Secret("late"))
    found = world.accounts.by_id(one)
    assert found
    assert found.password_hash == Secret("stronger")


def test_a_used_time_step_is_refused_and_so_is_an_earlier_one(world: World) -> None:
    totp = world.totp(world.subscriber())
    answers = []
    for step in (100, 100, 99, 101):
        with world.database.write() as connection:
            answers.append(burn(connection, Proof(Method.TOTP, totp, step), "s", world.now))
    assert answers == [True, False, False, True]


def test_a_time_step_has_one_winner_among_many(world: World) -> None:
    totp = world.totp(world.subscriber())

    def act(number: int) -> bool:
        with world.database.write() as connection:
            return burn(connection, Proof(Method.TOTP, totp, 100), str(number), world.now)

    answers, errors = race(32, act)
    assert (sum(answers), len(answers), errors) == (1, 32, {})


def test_a_right_code_forgives_the_streak_and_its_wait(world: World) -> None:
    totp = world.totp(world.subscriber())
    for _ in range(5):
        challenge = world.challenge()
        world.challenges.attempt(challenge, totp, world.now, EVENT)
    with world.database.write() as connection:
        assert burn(connection, Proof(Method.TOTP, totp, 100), "s", world.now)
    world.challenges.attempt(world.challenge(), totp, world.now, EVENT)
    assert world.rows(authenticators)[0].streak == 1


def test_a_totp_proof_without_a_step_burns_nothing(world: World) -> None:
    totp = world.totp(world.subscriber())
    with world.database.write() as connection:
        assert not burn(connection, Proof(Method.TOTP, totp), "s", world.now)


def test_a_new_pending_app_takes_the_place_of_the_older_one(world: World) -> None:
    one = world.subscriber()
    _pending(world, one)
    newer = _pending(world, one, "KRSXG5CTMVRXEZLU")
    assert [row.id for row in world.rows(authenticators)] == [newer.authenticator_id]


def test_a_pending_app_has_five_tries_for_ever(world: World) -> None:
    pending = _pending(world, world.subscriber()).authenticator_id
    passed, refused = race(32, lambda _: world.accounts.try_pending(pending, world.now))
    assert (len(passed), refused) == (CODES.tries, {"InvalidCode": 32 - CODES.tries})
    world.clock.advance(minutes=5)
    with pytest.raises(InvalidCode):
        world.accounts.try_pending(pending, world.now)


def test_a_pending_app_waits_a_quarter_of_an_hour(world: World) -> None:
    pending = _pending(world, world.subscriber()).authenticator_id
    world.clock.advance(seconds=CODES.totp_setup_life)
    with pytest.raises(InvalidCode):
        world.accounts.try_pending(pending, world.now)


def test_a_confirmed_app_replaces_the_older_and_its_code_is_burnt(world: World) -> None:
    one = world.subscriber()
    older, session = world.totp(one), world.session(one).session
    pending = _pending(world, one).authenticator_id
    assert world.accounts.confirm(pending, 100, session, world.now, EVENT)
    found = world.accounts.by_id(one.subscriber_id)
    assert found
    assert found.totp
    assert (found.totp.authenticator_id, found.totp.last_step) == (pending, 100)
    assert found.by_id(older) is None
    assert not world.accounts.confirm(pending, 101, session, world.now, EVENT)


def test_a_confirmed_app_ends_the_other_sessions_and_what_they_asked_for(world: World) -> None:
    one, stranger = world.subscriber(), world.subscriber(OTHER_PHONE)
    acting, other, foreign = world.session(one), world.session(one), world.session(stranger)
    asked = world.challenge(Purpose.REAUTHENTICATE, session_id=other.session.session_id)
    pending = _pending(world, one).authenticator_id
    assert world.accounts.confirm(pending, 100, acting.session, world.now, EVENT)
    live = [bool(world.sessions.confirm(new.access_token, world.now)) for new in (acting, other, foreign)]
    assert live == [True, False, True]
    found = world.challenges.find(asked.challenge_id)
    assert found
    assert found.closed


def test_an_app_is_confirmed_once_among_many(world: World) -> None:
    one = world.subscriber()
    session, pending = world.session(one).session, _pending(world, one).authenticator_id
    answers, errors = race(32, lambda _: world.accounts.confirm(pending, 100, session, world.now, EVENT))
    assert (sum(answers), len(answers), errors) == (1, 32, {})


def test_nobody_confirms_an_app_of_another(world: World) -> None:
    one, other = world.subscriber(), world.subscriber(OTHER_PHONE)
    pending = _pending(world, one).authenticator_id
    assert not world.accounts.confirm(pending, 1, world.session(other).session, world.now, EVENT)


def test_a_device_is_known_to_its_own_subscriber_until_it_is_revoked(world: World) -> None:
    one, other, token = world.subscriber(), world.subscriber(OTHER_PHONE), Secret("gwd_token")
    world.session(one, device_id="d1", device_token=token)
    assert world.accounts.device(one.subscriber_id, token, world.now) == "d1"
    assert world.accounts.device(other.subscriber_id, token, world.now) is None
    for unknown in (Secret("gwd_other"), Secret("not a token")):
        assert world.accounts.device(one.subscriber_id, unknown, world.now) is None
    world.change(devices, revoked_at=world.now)
    assert world.accounts.device(one.subscriber_id, token, world.now) is None


def test_no_column_shows_a_number(world: World) -> None:
    world.accounts.try_password(PHONE, world.now, 4)
    row = world.rows(password_lanes)[0]
    assert PHONE.e164.encode() not in row.pseudonym
    assert row.updated_at - world.now == timedelta(0)
    with world.database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(subscribers)) == 0
