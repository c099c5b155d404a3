"""The outbox of texts: each is claimed once, in order, and never again."""

import pytest

from service.model.challenge import Challenge, Channel, Delivery, DeliveryStatus
from service.outbound.challenges_sql import close, spend
from service.outbound.database_sql import Database
from service.outbound.schema_sql import texts
from service.outbound.texts_sql import queue_text
from tests.fakes import FixedClock
from tests.outbound.world import CODES, EVENT, World, build_world, race


@pytest.fixture
def world(database: Database, clock: FixedClock) -> World:
    return build_world(database, clock)


def _queued(world: World, channel: Channel = Channel.SMS) -> Challenge:
    challenge = world.challenge()
    with world.database.write() as connection:
        queue_text(connection, challenge.challenge_id, channel, world.now)
    world.clock.advance(seconds=1)
    return challenge


def test_the_oldest_text_is_claimed_first(world: World) -> None:
    first, second = _queued(world, Channel.CALL), _queued(world)
    claimed = [world.texts.claim(world.now) for _ in range(3)]
    assert [one.challenge_id for one in claimed if one] == [first.challenge_id, second.challenge_id]
    assert claimed[0]
    assert claimed[0].channel is Channel.CALL
    assert claimed[2] is None


def test_a_text_has_one_claimer_among_many(world: World) -> None:
    _queued(world)
    claimed, errors = race(32, lambda _: world.texts.claim(world.now))
    assert sum(one is not None for one in claimed) == 1
    assert (len(claimed), errors) == (32, {})


def test_many_claimers_share_many_texts_without_overlap(world: World) -> None:
    for _ in range(10):
        _queued(world)
    claimed, errors = race(32, lambda _: world.texts.claim(world.now))
    taken = [one.text_id for one in claimed if one]
    assert (len(set(taken)), len(taken), errors) == (10, 10, {})


def test_a_leftover_claim_is_never_sent_again(world: World) -> None:
    _queued(world)
    assert world.texts.claim(world.now)
    world.clock.advance(seconds=200)
    assert world.texts.claim(world.now) is None


def test_a_text_without_a_question_is_dropped(world: World) -> None:
    spent, closed = _queued(world), _queued(world)
    with world.database.write() as connection:
        assert spend(connection, spent.challenge_id, world.now)
        assert close(connection, closed.challenge_id, world.now)
    assert world.texts.claim(world.now) is None
    _queued(world)
    world.clock.advance(seconds=CODES.life)
    assert world.texts.claim(world.now) is None
    assert {row.status for row in world.rows(texts)} == {"dropped"}


@pytest.mark.parametrize(
    ("delivery", "sid"),
    [
        (Delivery(Channel.SMS, DeliveryStatus.SENT), "SM1"),
        (Delivery(Channel.SMS, DeliveryStatus.FAILED, "unreachable"), None),
    ],
)
def test_what_the_carrier_said_is_on_the_text_and_its_challenge(
    world: World, delivery: Delivery, sid: str | None
) -> None:
    challenge = _queued(world)
    claimed = world.texts.claim(world.now)
    assert claimed
    world.texts.settle(claimed.text_id, delivery, sid, world.now, EVENT)
    row = world.rows(texts)[0]
    assert (row.status, row.sid) == (delivery.status, sid)
    found = world.challenges.find(challenge.challenge_id)
    assert found
    assert found.delivery == delivery


def test_a_text_is_settled_once(world: World) -> None:
    _queued(world)
    claimed = world.texts.claim(world.now)
    assert claimed
    sent, failed = Delivery(status=DeliveryStatus.SENT), Delivery(status=DeliveryStatus.FAILED)
    for delivery in (sent, failed):
        world.texts.settle(claimed.text_id, delivery, "SM1", world.now, EVENT)
    assert world.rows(texts)[0].status == "sent"


def test_a_text_that_nobody_claimed_cannot_be_settled(world: World) -> None:
    challenge = _queued(world)
    text_id = world.rows(texts)[0].id
    world.texts.settle(text_id, Delivery(status=DeliveryStatus.SENT), "SM1", world.now, EVENT)
    assert world.rows(texts)[0].status == "queued"
    found = world.challenges.find(challenge.challenge_id)
    assert found
    assert found.delivery.status is DeliveryStatus.NOT_REQUESTED
