"""Sessions in SQL: opened once per challenge, refreshed along one branch, ended for good."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from service.model.authenticator import Proof
from service.model.challenge import Method, Purpose
from service.model.errors import ChallengeGone, InvalidCode, InvalidToken, TokenReused
from service.model.events import Kind
from service.model.phone import PhoneNumber
from service.model.secret import Secret
from service.model.session import Issued
from service.model.subscriber import Standing, Subscriber, new_id
from service.outbound.database_sql import Database
from service.outbound.schema_sql import audit_events, authenticators, devices, sessions, subscribers
from service.ports import NewSubscriber
from tests.fakes import FixedClock
from tests.outbound.world import EVENT, HASH, NO_PROOF, PHONE, SESSIONS, World, build_world, race


@pytest.fixture
def world(database: Database, clock: FixedClock) -> World:
    return build_world(database, clock)


def _open(world: World, new: Issued, challenge_id: str, proof: Proof = NO_PROOF) -> None:
    world.sessions.open(new, challenge_id, proof, world.now, EVENT, None)


def _sign_up(world: World, phone: PhoneNumber = PHONE, challenge_id: str | None = None) -> str:
    one = Subscriber(new_id(), phone, HASH, "en", Standing.ACTIVE, world.now)
    challenge_id = challenge_id or world.challenge(Purpose.SIGN_UP).challenge_id
    adds = NewSubscriber(one, new_id())
    world.sessions.open(world.new_session(one), challenge_id, NO_PROOF, world.now, EVENT, adds)
    return one.subscriber_id


def _kinds(world: World) -> list[str]:
    return [row.kind for row in world.rows(audit_events)]


def _refused(act: Callable[[], object], refusal: type[Exception]) -> bool:
    with pytest.raises(refusal):
        act()
    return True


def test_an_opened_session_is_found_by_its_access_token(world: World) -> None:
    new = world.session(world.subscriber())
    assert world.sessions.find(new.access_token, world.now) == new.session
    assert world.sessions.confirm(new.access_token, world.now) == new.session
    assert world.sessions.confirm(new.refresh_token, world.now) is None


def test_a_right_code_given_many_times_opens_one_session(world: World) -> None:
    one, challenge = world.subscriber(), world.challenge()
    totp = world.totp(one)
    proof = Proof(Method.TOTP, totp, 100)
    opened, refused = race(50, lambda _: _open(world, world.new_session(one), challenge.challenge_id, proof))
    assert (len(opened), refused) == (1, {"ChallengeGone": 49})
    assert len(world.rows(sessions)) == 1


def test_one_time_step_opens_one_session_over_many_challenges(world: World) -> None:
    one = world.subscriber()
    proof = Proof(Method.TOTP, world.totp(one), 100)
    opened = [world.challenge().challenge_id for _ in range(32)]
    done, refused = race(32, lambda n: _open(world, world.new_session(one), opened[n], proof))
    assert (len(done), refused) == (1, {"InvalidCode": 31})


def test_a_used_step_leaves_the_challenge_open(world: World) -> None:
    one, challenge = world.subscriber(), world.challenge()
    totp = world.totp(one)
    world.change(authenticators, last_step=100)
    proof = Proof(Method.TOTP, totp, 100)
    assert _refused(lambda: _open(world, world.new_session(one), challenge.challenge_id, proof), InvalidCode)
    _open(world, world.new_session(one), challenge.challenge_id, replace(proof, step=101))


def test_a_sign_up_creates_the_account_with_its_phone(world: World) -> None:
    found = world.accounts.by_id(_sign_up(world))
    assert found
    assert (found.phone, found.password_hash, found.methods) == (PHONE, HASH, (Method.SMS,))
    assert found.authenticators[0].phone == PHONE
    assert Kind.SUBSCRIBER_ADDED in _kinds(world)


def test_a_number_is_taken_by_one_of_many_sign_ups(world: World) -> None:
    opened = [world.challenge(Purpose.SIGN_UP).challenge_id for _ in range(32)]
    done, refused = race(32, lambda n: _sign_up(world, challenge_id=opened[n]))
    assert (len(done), refused) == (1, {"ChallengeGone": 31})
    assert [row.id for row in world.rows(subscribers)] == done
    assert len(world.rows(sessions)) == 1


def test_the_sixth_session_ends_the_oldest(world: World) -> None:
    one, opened = world.subscriber(), []
    for _ in range(SESSIONS.most + 1):
        opened.append(world.session(one))
        world.clock.advance(seconds=1)
    live = [bool(world.sessions.confirm(new.access_token, world.now)) for new in opened]
    assert live == [False] + [True] * SESSIONS.most
    assert _kinds(world).count(Kind.SESSION_ENDED) == 1


def test_many_log_ins_at_once_leave_no_more_sessions_than_allowed(world: World) -> None:
    one = world.subscriber()
    opened = [world.challenge().challenge_id for _ in range(32)]
    _, refused = race(32, lambda n: _open(world, world.new_session(one), opened[n]))
    assert refused == {}
    assert sum(row.ended_at is None for row in world.rows(sessions)) == SESSIONS.most


def test_a_session_dies_with_its_access_token_its_end_or_its_subscriber(world: World) -> None:
    one = world.subscriber()
    new = world.session(one)
    world.change(subscribers, standing=Standing.SUSPENDED.value)
    assert world.sessions.confirm(new.access_token, world.now) is None
    assert _refused(lambda: world.sessions.rotate(new.refresh_token, None, world.now), InvalidToken)
    world.change(subscribers, standing=Standing.ACTIVE.value)
    assert world.sessions.confirm(new.access_token, world.now + timedelta(seconds=299))
    assert world.sessions.confirm(new.access_token, world.now + timedelta(seconds=300)) is None
    world.change(sessions, absolute_expires_at=world.now)
    assert world.sessions.confirm(new.access_token, world.now) is None


def test_reauthentication_refreshes_the_session_and_retires_its_tokens(world: World) -> None:
    one = world.subscriber()
    old, totp = world.session(one), world.totp(one)
    world.clock.advance(minutes=4)
    challenge = world.challenge(Purpose.REAUTHENTICATE, session_id=old.session.session_id)
    new = world.new_session(one)
    new = replace(new, session=replace(new.session, session_id=old.session.session_id, amr=("pwd", "otp")))
    again = partial(
        world.sessions.reauthenticate,
        new,
        challenge.challenge_id,
        Proof(Method.TOTP, totp, 100),
        world.now,
        EVENT,
    )
    done, refused = race(32, lambda _: again())
    assert (len(done), refused) == (1, {"ChallengeGone": 31})
    found = world.sessions.confirm(new.access_token, world.now)
    assert found
    assert (found.second_factor_at, found.amr) == (world.now, ("pwd", "otp"))
    assert found.absolute_expires_at == old.session.absolute_expires_at
    assert world.sessions.confirm(old.access_token, world.now) is None
    assert _refused(lambda: world.sessions.rotate(old.refresh_token, None, world.now), TokenReused)


def test_an_ended_session_cannot_be_refreshed_by_a_code(world: World) -> None:
    one = world.subscriber()
    new = world.session(one)
    world.sessions.revoke(new.session.session_id, world.now, EVENT)
    challenge = world.challenge().challenge_id
    act = partial(world.sessions.reauthenticate, new, challenge, NO_PROOF, world.now, EVENT)
    assert _refused(act, InvalidToken)
    found = world.challenges.find(challenge)
    assert found
    assert not found.spent


def test_a_refresh_token_has_one_successor(world: World) -> None:
    new = world.session(world.subscriber())
    world.clock.advance(minutes=10)
    rotation = world.sessions.rotate(new.refresh_token, None, world.now)
    assert rotation.refresh_token != new.refresh_token
    assert rotation.refresh_expires_at == world.now + timedelta(days=7)
    assert world.sessions.confirm(rotation.access_token, world.now) == rotation.session
    assert world.sessions.rotate(rotation.refresh_token, None, world.now)


def test_many_refreshes_with_one_token_end_in_one_branch(world: World) -> None:
    new = world.session(world.subscriber())
    answers, errors = race(100, lambda _: world.sessions.rotate(new.refresh_token, None, world.now))
    assert (len(answers), errors) == (100, {})
    assert len({one.refresh_token for one in answers}) == 1
    live = [one for one in answers if world.sessions.confirm(one.access_token, world.now)]
    assert len(live) == 1
    row = world.rows(sessions)[0]
    assert (row.generation, row.ended_at) == (1, None)


def test_a_lost_answer_is_repeated_within_the_grace(world: World) -> None:
    new = world.session(world.subscriber())
    first = world.sessions.rotate(new.refresh_token, None, world.now)
    world.clock.advance(seconds=SESSIONS.grace)
    second = world.sessions.rotate(new.refresh_token, None, world.now)
    assert second.refresh_token == first.refresh_token
    assert second.access_token != first.access_token
    assert world.sessions.confirm(second.access_token, world.now)


def test_a_token_that_comes_back_after_the_grace_ends_the_session(world: World) -> None:
    new = world.session(world.subscriber())
    rotation = world.sessions.rotate(new.refresh_token, None, world.now)
    world.clock.advance(seconds=SESSIONS.grace + 1)
    assert _refused(lambda: world.sessions.rotate(new.refresh_token, None, world.now), TokenReused)
    assert world.sessions.confirm(rotation.access_token, world.now) is None
    assert _refused(lambda: world.sessions.rotate(rotation.refresh_token, None, world.now), InvalidToken)
    assert world.rows(sessions)[0].ended_reason == "reuse"


def test_a_token_whose_successor_was_used_ends_the_session(world: World) -> None:
    new = world.session(world.subscriber())
    rotation = world.sessions.rotate(new.refresh_token, None, world.now)
    last = world.sessions.rotate(rotation.refresh_token, None, world.now)
    assert _refused(lambda: world.sessions.rotate(new.refresh_token, None, world.now), TokenReused)
    assert world.sessions.confirm(last.access_token, world.now) is None


@pytest.mark.parametrize("shown", [None, Secret("gwd_another"), Secret("not a token")])
def test_a_repeat_from_another_device_ends_the_session(world: World, shown: Secret | None) -> None:
    token = Secret("gwd_this")
    new = world.session(world.subscriber(), device_id="d1", device_token=token)
    first = world.sessions.rotate(new.refresh_token, token, world.now)
    second = world.sessions.rotate(new.refresh_token, token, world.now)
    assert first.refresh_token == second.refresh_token
    assert _refused(lambda: world.sessions.rotate(new.refresh_token, shown, world.now), TokenReused)
    assert world.sessions.confirm(second.access_token, world.now) is None
    assert [row.id for row in world.rows(devices)] == ["d1"]


def test_a_repeat_with_a_device_where_there_was_none_ends_the_session(world: World) -> None:
    new = world.session(world.subscriber())
    world.sessions.rotate(new.refresh_token, None, world.now)
    act = partial(world.sessions.rotate, new.refresh_token, Secret("gwd_a"), world.now)
    assert _refused(act, TokenReused)


def test_an_unknown_or_idle_refresh_token_is_refused(world: World) -> None:
    new = world.session(world.subscriber())
    for unknown in (Secret("gwr_unknown"), Secret("not a token")):
        assert _refused(partial(world.sessions.rotate, unknown, None, world.now), InvalidToken)
        assert world.sessions.confirm(unknown, world.now) is None
    world.clock.advance(days=7)
    assert _refused(lambda: world.sessions.rotate(new.refresh_token, None, world.now), InvalidToken)


def test_no_refresh_outlives_the_session(world: World) -> None:
    new = world.session(world.subscriber())
    world.change(sessions, absolute_expires_at=world.now + timedelta(minutes=1))
    rotation = world.sessions.rotate(new.refresh_token, None, world.now)
    ends = world.now + timedelta(minutes=1)
    assert (rotation.refresh_expires_at, rotation.session.access_expires_at) == (ends, ends)


def test_a_revoked_session_is_gone_with_its_open_challenges_only(world: World) -> None:
    one = world.subscriber()
    new, kept = world.session(one), world.session(one)
    asked = world.challenge(Purpose.APPROVE_OPERATION, session_id=new.session.session_id)
    other = world.challenge(Purpose.APPROVE_OPERATION, session_id=kept.session.session_id)
    before = len(_kinds(world))
    for _ in range(2):
        world.sessions.revoke(new.session.session_id, world.now, EVENT)
    assert len(_kinds(world)) == before + 1
    assert world.sessions.confirm(new.access_token, world.now) is None
    assert world.sessions.confirm(kept.access_token, world.now)
    found = [world.challenges.find(challenge.challenge_id) for challenge in (asked, other)]
    assert [one.closed for one in found if one] == [True, False]


def test_a_session_is_revoked_by_its_refresh_token_and_the_audit_says_whose(world: World) -> None:
    new = world.session(world.subscriber())
    rotation = world.sessions.rotate(new.refresh_token, None, world.now)
    for unknown in (Secret("gwr_unknown"), Secret("not a token")):
        world.sessions.revoke_by_refresh(unknown, world.now, EVENT)
    assert world.sessions.confirm(rotation.access_token, world.now)
    for _ in range(2):
        world.sessions.revoke_by_refresh(rotation.refresh_token, world.now, EVENT)
    assert world.sessions.confirm(rotation.access_token, world.now) is None
    assert world.rows(audit_events)[-1].session_id == new.session.session_id


def test_refreshing_and_logging_out_at_once_leaves_nothing_alive(world: World) -> None:
    new = world.session(world.subscriber())

    def act(number: int) -> None:
        if number % 2:
            world.sessions.rotate(new.refresh_token, None, world.now)
        else:
            world.sessions.revoke(new.session.session_id, world.now, EVENT)

    _, errors = race(32, act)
    assert set(errors) <= {"InvalidToken", "TokenReused"}
    assert world.rows(sessions)[0].ended_at is not None


def test_a_spent_challenge_opens_nothing(world: World) -> None:
    one, challenge = world.subscriber(), world.challenge().challenge_id
    _open(world, world.new_session(one), challenge)
    assert _refused(lambda: _open(world, world.new_session(one), challenge), ChallengeGone)
