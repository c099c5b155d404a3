"""The parts of a development installation: the Redis-compatible server, its files, its children."""

import os
import stat
import sys
from pathlib import Path
from threading import Event

import pytest
import redis

from sandbox import embedded
from sandbox.children import Child, ChildError, run
from sandbox.embedded import RedisServer
from sandbox.launch import LaunchError, launched
from sandbox.layout import Layout, gateway_settings, make_folders, write_settings
from sandbox.settings import Credentials


@pytest.fixture(params=["valkey", "fakeredis"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "fakeredis":
        monkeypatch.setattr(embedded, "ValkeyServer", None)
    return str(request.param)


@pytest.mark.usefixtures("engine")
def test_a_redis_client_can_write_and_read() -> None:
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
        assert client.get("key") == b"value"
        assert server.alive()


@pytest.mark.usefixtures("engine")
def test_an_outage_keeps_the_port() -> None:
    with RedisServer() as server:
        port = server.port
        server.stop()
        assert not server.alive()
        with redis.Redis.from_url(server.url) as client, pytest.raises(redis.ConnectionError):
            client.ping()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
        assert server.port == port


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_settings_and_secrets_are_for_the_owner_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "dev", 8000, 8100, "redis://127.0.0.1:6379/0")
    for _ in range(2):  # The second start writes the same files again.
        make_folders(layout)
        write_settings(layout, Credentials())
    assert mode(layout.env_file) == 0o600
    assert mode(layout.secrets) == 0o700
    assert {mode(path) for path in layout.secrets.iterdir()} == {0o400}
    secret = Path(gateway_settings(layout)["RELOADLY_CLIENT_SECRET_FILE"])
    assert secret.read_text() == "sandbox-client-secret"


def test_the_settings_lead_to_the_sandbox(tmp_path: Path) -> None:
    settings = gateway_settings(Layout(tmp_path, 8000, 8100, "redis://127.0.0.1:6379/0"))
    assert settings["DATABASE_URL"] == f"sqlite:///{tmp_path}/gateway.db"
    assert settings["DATABASE_URL"].startswith("sqlite:////")
    assert settings["RELOADLY_AIRTIME_URL"] == "http://127.0.0.1:8100/reloadly/airtime"
    assert settings["SMS_COUNTRIES"].startswith('["US","CA"')
    assert (len(settings["TWILIO_ACCOUNT_SID"]), len(settings["TWILIO_API_KEY_SID"])) == (34, 34)


def test_a_child_that_dies_names_itself_and_its_log(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    child = Child.start("part", [sys.executable, "-c", "print('so long')"], os.environ, log)
    child.process.wait()
    with pytest.raises(ChildError, match=r"part stopped by itself with exit code 0; its log is .*part\.log"):
        child.check()
    assert log.read_text() == "so long\n"


def test_a_command_that_fails_names_itself_and_its_log(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match=r"`make tea` failed with exit code 3"):
        run("`make tea`", [sys.executable, "-c", "raise SystemExit(3)"], os.environ, tmp_path / "tea.log")


def test_a_port_in_use_is_said_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.launch.GATEWAY", Path(sys.executable))
    with RedisServer() as taken:
        layout = Layout(tmp_path / "dev", taken.port, taken.port)
        with (
            pytest.raises(LaunchError, match=rf"Port {taken.port} is in use.*make run PORT={taken.port + 1}"),
            launched(layout, Event()),
        ):
            pytest.fail("it started all the same")
    assert not layout.data.exists()
