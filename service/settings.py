"""Every setting, its default and its check; secrets come from files and never print."""

import ipaddress
import os
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.model.policy import (
    CodePolicy,
    LimitPolicy,
    MoneyPolicy,
    PasswordPolicy,
    SessionPolicy,
    SmsPolicy,
)
from service.model.secret import Secret


class SettingsUnusable(Exception):
    """The settings are wrong; the message names each and says what is wanted."""


class Settings(BaseSettings):
    """
    Read from the environment, and from the file that `GATEWAY_ENV_FILE` names.

    Policies are groups: `CODES__LIFE=240`, `MONEY__READ_TIMEOUT=60`. A secret is never a
    value here but the path of a file, `RELOADLY_CLIENT_SECRET_FILE=/run/secrets/reloadly`.
    """

    model_config = SettingsConfigDict(
        env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    environment: Literal["production", "development"] = "production"
    insecure_dev: bool = False
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=0, ge=0, le=64)
    threads: int = Field(default=32, ge=4, le=256)
    fleet_processes: int = Field(default=1, ge=1, le=10_000)
    public_url: str

    database_url: str
    redis_url: str
    keys_dir: Path

    reloadly_environment: Literal["sandbox", "live"] = "sandbox"
    reloadly_client_id_file: Path
    reloadly_client_secret_file: Path
    reloadly_auth_url: str | None = None
    reloadly_airtime_url: str | None = None
    egress_proxy: str | None = None

    twilio_account_sid: str | None = None
    twilio_api_key_sid: str | None = None
    twilio_api_key_secret_file: Path | None = None
    twilio_from: str | None = None
    twilio_url: str | None = None

    service_name: str = Field(default="Gateway", min_length=2, max_length=20, pattern=r"^[A-Za-z0-9 .]+$")
    sms_countries: frozenset[str] = frozenset()
    sms_domain: str | None = Field(default=None, pattern=r"^[a-z0-9.-]{4,60}$")

    codes: CodePolicy = CodePolicy()
    passwords: PasswordPolicy = PasswordPolicy()
    sessions: SessionPolicy = SessionPolicy()
    money: MoneyPolicy = MoneyPolicy()
    limits: LimitPolicy = LimitPolicy()

    @field_validator("sms_countries")
    @classmethod
    def _two_letters(cls, countries: frozenset[str]) -> frozenset[str]:
        wrong = sorted(one for one in countries if not (len(one) == 2 and one.isascii() and one.isupper()))
        if wrong:
            raise ValueError(f"countries are ISO 3166 codes such as HT, not {', '.join(wrong)}")
        return countries

    @model_validator(mode="after")
    def _agree(self) -> Self:
        complaints = [*self._about_texts(), *self._about_environment()]
        if complaints:
            raise ValueError("; ".join(complaints))
        return self

    def _about_texts(self) -> list[str]:
        account = (
            self.twilio_account_sid,
            self.twilio_api_key_sid,
            self.twilio_api_key_secret_file,
            self.twilio_from,
        )
        if self.sms_countries and not all(account):
            return ["SMS_COUNTRIES needs TWILIO_ACCOUNT_SID, _API_KEY_SID, _API_KEY_SECRET_FILE and _FROM"]
        return []

    def _about_environment(self) -> list[str]:
        stand_ins = [
            url for url in (self.reloadly_auth_url, self.reloadly_airtime_url, self.twilio_url) if url
        ]
        if self.environment == "development":
            strangers = [url for url in stand_ins if not _is_loopback(urlsplit(url).hostname or "")]
            return [f"development speaks to stand-ins on loopback only, not to {url}" for url in strangers]
        if stand_ins or self.insecure_dev:
            return ["RELOADLY_*_URL, TWILIO_URL and --insecure-dev are for ENVIRONMENT=development"]
        if not self.public_url.startswith("https://"):
            return ["PUBLIC_URL must start with https:// in production"]
        return []

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def processes(self) -> int:
        """Server processes on this host: as many as cores, but one on SQLite."""
        return 1 if self.is_sqlite else self.workers or os.cpu_count() or 1

    @property
    def sms(self) -> SmsPolicy:
        return SmsPolicy(self.sms_countries, self.service_name, self.sms_domain)

    def check_serving(self) -> None:
        """Refuse to listen where development could be mistaken for production. Raises SettingsUnusable."""
        if self.environment == "development" and not self.insecure_dev:
            raise SettingsUnusable("ENVIRONMENT=development serves only with: gateway serve --insecure-dev")
        if self.insecure_dev and not _is_loopback(self.host):
            raise SettingsUnusable("--insecure-dev listens on loopback only; set HOST=127.0.0.1")
        if self.environment == "production" and self.is_sqlite:
            raise SettingsUnusable("SQLite is for development; set DATABASE_URL to a PostgreSQL database")


def load_settings() -> Settings:
    """Read the settings. Raises SettingsUnusable with one line per thing that is wrong."""
    file = os.environ.get("GATEWAY_ENV_FILE")
    if file and not Path(file).is_file():
        raise SettingsUnusable(f"GATEWAY_ENV_FILE names {file}, which is not there.")
    try:
        return Settings(_env_file=file)
    except ValidationError as error:
        lines = [f"  {_name(one['loc'])}: {_words(one['msg'])}" for one in error.errors()]
        told = ["The settings cannot be used (they come from the environment and GATEWAY_ENV_FILE):"]
        raise SettingsUnusable("\n".join(told + lines)) from None


def _name(location: tuple[int | str, ...]) -> str:
    return "__".join(map(str, location)).upper() or "together"


def _words(message: str) -> str:
    return "is missing" if message == "Field required" else message.removeprefix("Value error, ")


def read_secret(path: Path) -> Secret:
    """Return the secret in a file, without the line break at its end. Raises SettingsUnusable."""
    try:
        text = path.read_text("utf-8").strip()
    except OSError as error:
        raise SettingsUnusable(f"{path} cannot be read: {error.strerror}") from error
    if not text:
        raise SettingsUnusable(f"{path} is empty; it must hold a secret")
    return Secret(text)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
