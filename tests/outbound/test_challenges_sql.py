"""Challenges in SQL: counted before they are judged, texted at a pace, spent once."""

from dataclasses import replace

import pytest

from service.model.authenticator import State
from service.model.challenge import Channel, Delivery, DeliveryStatus, Purpose
from service.model.errors import ChallengeGone, InvalidCode, TooManyAttempts, TooSoon
from service.model.phone import PhoneNumber
from service.model.secret import Secret
from service.model.throttle import STREAK_DISABLES
from service.outbound.challenges_sql import close, close_of_operation, spend
from service.outbound.database_sql import Database
from service.outbound.schema_sql import audit_events, authenticators, challenges, texts
from tests.fakes import FixedClock
from tests.outbound.world import CODES, EVENT, HASH, OTHER_PHONE, PHONE, World, build_world, race


@pytest.fixture
def world(database: Database, clock: FixedClock) -> World:
    return build_world(database, clock)


def _spend(world: World, challenge_id: str) -> bool:
    with world.database.write() as connection:
        return spend(connection, challenge_id, world.now)


def _is_closed(world: World, challenge_id: str) -> bool:
    found = world.challenges.find(challenge_id)
    assert found
    return found.closed


def _text_to(world: World, phone: PhoneNumber = PHONE, purpose: Purpose = Purpose.LOG_IN) -> None:
    challenge = world.challenge(purpose, phone=phone)
    world.challenges.request_text(challenge, Channel.SMS, world.now, EVENT)


def test_a_challenge_comes_back_as_it_was(world: World) -> None:
    one = world.challenge(
        Purpose.APPROVE_OPERATION,
        subscriber_id="who",
        session_id="where",
        operation_id="what",
        device_id="which",
        digest=bytes(range(32)),
        locale="fr",
        mute=True,
    )
    assert world.challenges.find(one.challenge_id) == one
    assert world.challenges.find("unknown") is None


def test_a_sign_up_carries_its_password_sealed(world: World) -> None:
    one = replace(world.challenge(), challenge_id="sign-up", purpose=Purpose.SIGN_UP)
    world.challenges.open(one, EVENT, HASH)
    assert world.challenges.password_hash("sign-up") == Secret(HASH.value)
    assert world.challenges.password_hash("unknown") is None


def test_a_sixth_log_in_takes_the_place_of_the_oldest(world: World) -> None:
    opened = []
    for _ in range(CODES.open_log_ins + 2):
        opened.append(world.challenge(subscriber_id="one").challenge_id)
        world.clock.advance(seconds=20)
    closed = [_is_closed(world, one) for one in opened]
    assert closed == [True] * 2 + [False] * CODES.open_log_ins


def test_a_young_log_in_is_not_replaced_and_the_newcomer_waits(world: World) -> None:
    first = world.challenge(subscriber_id="one")
    for _ in range(CODES.open_log_ins - 1):
        world.challenge(subscriber_id="one")
    world.clock.advance(seconds=45.5)
    with pytest.raises(TooManyAttempts) as refused:
        world.challenge(subscriber_id="one")
    assert refused.value.retry_after == 15
    assert not _is_closed(world, first.challenge_id)
    world.challenge(subscriber_id="two")
    world.challenge(subscriber_id="one", device_id="known")
    world.challenge(Purpose.REAUTHENTICATE, subscriber_id="one")


def test_no_more_log_ins_open_at_once_than_allowed(world: World) -> None:
    one = world.subscriber().subscriber_id
    opened, refused = race(32, lambda _: world.challenge(subscriber_id=one))
    assert (len(opened), refused) == (CODES.open_log_ins, {"TooManyAttempts": 32 - CODES.open_log_ins})


def test_of_many_tries_at_once_only_the_allowed_are_judged(world: World) -> None:
    challenge = world.challenge()
    left, refused = race(200, lambda _: world.challenges.attempt(challenge, None, world.now, EVENT))
    assert sorted(left) == list(range(CODES.tries))
    assert refused == {"ChallengeGone": 200 - CODES.tries}


def test_of_many_codes_at_one_app_only_five_are_judged_before_it_waits(world: World) -> None:
    totp = world.totp(world.subscriber())
    opened = [world.challenge() for _ in range(32)]
    left, refused = race(32, lambda n: world.challenges.attempt(opened[n], totp, world.now, EVENT))
    assert (len(left), refused) == (5, {"TooManyAttempts": 27})


def test_a_gone_challenge_counts_nothing(world: World) -> None:
    totp = world.totp(world.subscriber())
    spent, closed, late = (world.challenge() for _ in range(3))
    assert _spend(world, spent.challenge_id)
    with world.database.write() as connection:
        assert close(connection, closed.challenge_id, world.now)
    events = len(world.rows(audit_events))
    for challenge in (spent, closed):
        with pytest.raises(ChallengeGone):
            world.challenges.attempt(challenge, totp, world.now, EVENT)
    world.clock.advance(seconds=CODES.life)
    with pytest.raises(ChallengeGone):
        world.challenges.attempt(late, totp, world.now, EVENT)
    assert world.rows(authenticators)[0].streak == 0
    assert len(world.rows(audit_events)) == events


def test_a_waiting_app_counts_nothing_and_tells_the_rest(world: World) -> None:
    totp = world.totp(world.subscriber())
    for _ in range(5):
        world.challenges.attempt(world.challenge(), totp, world.now, EVENT)
    world.clock.advance(seconds=20.5)
    challenge = world.challenge()
    with pytest.raises(TooManyAttempts) as refused:
        world.challenges.attempt(challenge, totp, world.now, EVENT)
    assert refused.value.retry_after == 40
    found = world.challenges.find(challenge.challenge_id)
    assert found
    assert found.attempts_left == CODES.tries
    assert world.rows(authenticators)[0].streak == 5


def test_twenty_wrong_codes_in_a_row_disable_an_app(world: World) -> None:
    totp = world.totp(world.subscriber())
    waits = []
    for _ in range(STREAK_DISABLES):
        world.challenges.attempt(world.challenge(), totp, world.now, EVENT)
        waits.append((world.rows(authenticators)[0].not_before - world.now).total_seconds())
        world.clock.advance(seconds=max(0, waits[-1]))
    assert {n: wait for n, wait in enumerate(waits, 1) if wait > 0} == {5: 60, 10: 900, 15: 3600}
    one = world.accounts.by_phone(PHONE)
    assert one
    assert [app.state for app in one.authenticators if app.totp] == [State.DISABLED]
    challenge = world.challenge()
    with pytest.raises(InvalidCode) as refused:
        world.challenges.attempt(challenge, totp, world.now, EVENT)
    assert refused.value.members == {"attempts_left": CODES.tries - 1}
    found = world.challenges.find(challenge.challenge_id)
    assert found
    assert found.attempts_left == CODES.tries - 1


def test_an_honest_repeat_is_taken_back_once(world: World) -> None:
    totp = world.totp(world.subscriber())
    world.challenges.attempt(world.challenge(), totp, world.now, EVENT)
    for _ in range(2):
        world.challenges.uncount_streak(totp)
        assert world.rows(authenticators)[0].streak == 0


def test_a_challenge_is_spent_once_and_after_its_last_try(world: World) -> None:
    challenge = world.challenge()
    for _ in range(CODES.tries):
        world.challenges.attempt(challenge, None, world.now, EVENT)
    answers, errors = race(32, lambda _: _spend(world, challenge.challenge_id))
    assert (sum(answers), len(answers), errors) == (1, 32, {})


def test_a_closed_or_late_challenge_is_not_spent(world: World) -> None:
    closed, late = world.challenge(Purpose.APPROVE_OPERATION, operation_id="top-up"), world.challenge()
    with world.database.write() as connection:
        close_of_operation(connection, "top-up", world.now)
    assert not _spend(world, closed.challenge_id)
    world.clock.advance(seconds=CODES.life)
    assert not _spend(world, late.challenge_id)


def test_a_text_is_queued_and_the_challenge_says_so(world: World) -> None:
    challenge = world.challenge()
    told = world.challenges.request_text(challenge, Channel.CALL, world.now, EVENT)
    assert told == world.challenges.find(challenge.challenge_id)
    assert told.text_queued
    assert told.delivery == Delivery(Channel.CALL, DeliveryStatus.QUEUED)
    assert told.resend_at
    assert (told.resend_at - world.now).total_seconds() == 30
    assert [(row.challenge_id, row.status) for row in world.rows(texts)] == [
        (challenge.challenge_id, "queued")
    ]


def test_texts_to_one_number_wait_longer_each_time_across_challenges(world: World) -> None:
    for wait in (30, 60, 120, 300, 600, 600):
        _text_to(world)
        world.clock.advance(seconds=0.5)
        with pytest.raises(TooSoon) as refused:
            _text_to(world)
        assert refused.value.retry_after == wait
        _text_to_somebody_else(world)
        world.clock.advance(seconds=wait - 0.5)


def _text_to_somebody_else(world: World) -> None:
    other = PhoneNumber(f"+509363{world.now.timestamp() * 10 % 100000:05.0f}", "HT")
    _text_to(world, phone=other)


def test_a_sign_up_waits_apart_from_a_proven_number(world: World) -> None:
    _text_to(world)
    _text_to(world, purpose=Purpose.SIGN_UP)
    with pytest.raises(TooSoon):
        _text_to(world, purpose=Purpose.SIGN_UP)


def test_the_waits_begin_anew_after_a_quiet_day(world: World) -> None:
    for _ in range(3):
        _text_to(world)
        world.clock.advance(minutes=10)
    world.clock.advance(days=1)
    _text_to(world)
    with pytest.raises(TooSoon) as refused:
        _text_to(world)
    assert refused.value.retry_after == 30


def test_one_text_is_queued_however_many_ask(world: World) -> None:
    challenge = world.challenge()
    told, refused = race(
        32, lambda _: world.challenges.request_text(challenge, Channel.SMS, world.now, EVENT)
    )
    assert (len(told), refused) == (1, {"TooSoon": 31})
    assert len(world.rows(texts)) == 1


def test_a_gone_challenge_starts_no_wait(world: World) -> None:
    challenge = world.challenge()
    assert _spend(world, challenge.challenge_id)
    with pytest.raises(ChallengeGone):
        world.challenges.request_text(challenge, Channel.SMS, world.now, EVENT)
    assert world.rows(texts) == []
    _text_to(world)


def test_a_newer_text_takes_the_place_of_one_still_queued(world: World) -> None:
    challenge = world.challenge()
    for _ in range(2):
        world.challenges.request_text(challenge, Channel.SMS, world.now, EVENT)
        world.clock.advance(seconds=30)
    assert sorted(row.status for row in world.rows(texts)) == ["dropped", "queued"]


def test_the_owner_of_a_taken_number_is_told_once_a_day_and_the_asker_sees_no_difference(
    world: World,
) -> None:
    sent = []
    for _ in range(3):
        mute = world.challenge(Purpose.SIGN_UP, mute=True)
        plain = world.challenge(Purpose.SIGN_UP, phone=OTHER_PHONE)
        told = world.challenges.request_text(mute, Channel.SMS, world.now, EVENT)
        other = world.challenges.request_text(plain, Channel.SMS, world.now, EVENT)
        assert (told.resend_at, told.delivery, told.text_queued) == (
            other.resend_at,
            other.delivery,
            other.text_queued,
        )
        sent.append(sum(row.challenge_id == mute.challenge_id for row in world.rows(texts)))
        world.clock.advance(hours=12)
    assert sent == [1, 0, 1]


def test_no_column_shows_a_code_or_the_holder(world: World) -> None:
    challenge = world.challenge()
    row = world.rows(challenges)[0]
    assert row.id == challenge.challenge_id
    assert all(challenge.challenge_id not in str(event.challenge) for event in world.rows(audit_events))
