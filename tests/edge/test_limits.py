"""Request limits: one bucket per caller, kept while Redis is away."""

from pathlib import Path

import pytest

from sandbox.embedded import RedisServer
from tests.house import House, open_house
from tests.phone import Answer
from tests.stand_in import StandIn

TIGHT = {
    "account": "5/minute",
    "session": "5/minute",
    "catalogue": "5/minute",
    "detect": "2/hour",
    "money": "5/minute",
}


def knock(house: House, address: str = "192.0.2.1", **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = house.app.test_client().post(
        "/v1/tokens/refresh",
        json={"refresh_token": "gwr_x"},
        headers=sent,
        environ_base={"REMOTE_ADDR": address},
    )
    return Answer(reply.status_code, dict(reply.headers), reply.get_data())


@pytest.fixture
def redis() -> RedisServer:
    return RedisServer()


@pytest.mark.parametrize("away", [False, True])
def test_the_sixth_request_waits_with_redis_and_without(
    tmp_path: Path, sandbox_server: StandIn, redis: RedisServer, away: bool
) -> None:
    with redis:
        url = f"sqlite:///{tmp_path}/gateway.db"
        with open_house(tmp_path, url, redis.url, sandbox_server, limits=TIGHT) as house:
            if away:
                redis.stop()
            answers = [knock(house) for _ in range(6)]
            assert [answer.status for answer in answers] == [401] * 5 + [429]
            last = answers[-1]
            assert last.code == "RATE_LIMIT_REACHED"
            assert 0 < int(last.headers["Retry-After"]) == last.json["retry_after"] <= 61
            assert last.headers["RateLimit-Policy"] == '"account";q=5;w=60'
            assert last.headers["RateLimit"].startswith('"account";r=0;t=')
            assert knock(house, "192.0.2.2").status == 401


def test_a_bucket_is_a_network_whatever_the_headers_say(
    tmp_path: Path, sandbox_server: StandIn, redis_url: str
) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    with open_house(tmp_path, url, redis_url, sandbox_server, limits=TIGHT) as house:
        block = [f"2001:db8:77:{number:x}::1" for number in range(6)]
        assert [knock(house, address).status for address in block] == [401] * 5 + [429]
        spellings = ["198.51.100.7", "::ffff:198.51.100.7"] * 3
        forged = [
            knock(house, one, X_Forwarded_For=f"203.0.113.{n}").status for n, one in enumerate(spellings)
        ]
        assert forged == [401] * 5 + [429]
