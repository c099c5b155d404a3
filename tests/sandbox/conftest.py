"""One sandbox server per test module, forgetful between tests."""

from collections.abc import Iterator

import pytest

from tests.stand_in import StandIn, serving


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with serving() as started:
        yield started


@pytest.fixture
def sandbox(server: StandIn) -> StandIn:
    server.reset()
    return server
