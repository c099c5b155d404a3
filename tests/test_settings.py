"""Settings: what is missing or dangerous refuses to start, in a sentence, and no secret prints."""

from pathlib import Path
from typing import Any

import pytest

from service.settings import Settings, SettingsUnusable, load_settings, read_secret

GOOD: dict[str, Any] = {
    "public_url": "https://pay.example.com",
    "database_url": "postgresql://localhost/gateway",
    "redis_url": "redis://localhost",
    "keys_dir": "/run/keys",
    "reloadly_client_id_file": "/run/id",
    "reloadly_client_secret_file": "/run/secret",
}


def test_production_is_the_default_and_texts_are_off() -> None:
    settings = Settings(**GOOD)
    assert settings.environment == "production"
    assert not settings.sms.countries


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"public_url": "http://pay.example.com"}, "https"),
        ({"twilio_url": "http://127.0.0.1:1"}, "development"),
        ({"insecure_dev": True}, "development"),
        ({"reloadly_auth_url": "http://127.0.0.1:1"}, "development"),
        ({"sms_countries": frozenset({"HT"})}, "TWILIO"),
        ({"sms_countries": frozenset({"haiti"})}, "ISO 3166"),
        ({"codes": {"digits": 4}}, "between"),
        ({"unknown": 1}, "Extra"),
        ({"environment": "development", "reloadly_auth_url": "https://auth.example.com"}, "loopback"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Settings(**GOOD | change)


@pytest.mark.parametrize(
    "change",
    [
        {"environment": "development"},
        {"environment": "development", "insecure_dev": True, "host": "0.0.0.0"},
        {"database_url": "sqlite:///x"},
    ],
)
def test_development_never_listens_by_accident(change: dict[str, Any]) -> None:
    with pytest.raises(SettingsUnusable):
        Settings(**GOOD | change).check_serving()


def test_a_missing_setting_is_named_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GOOD:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("GATEWAY_ENV_FILE", raising=False)
    with pytest.raises(SettingsUnusable, match="PUBLIC_URL: is missing"):
        load_settings()
    monkeypatch.setenv("GATEWAY_ENV_FILE", "/nowhere/gateway.env")
    with pytest.raises(SettingsUnusable, match="not there"):
        load_settings()


def test_a_secret_is_read_from_its_file_and_does_not_print(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("hunter2\n")
    secret = read_secret(path)
    assert secret.value == "hunter2"
    assert "hunter2" not in f"{secret!r} {secret}"
    path.write_text("\n")
    for unusable in (path, tmp_path / "none"):
        with pytest.raises(SettingsUnusable):
            read_secret(unusable)
