"""Where a development installation keeps its things, and the settings that the gateway reads there."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from sandbox.settings import Credentials

ACCOUNT_SID = "AC" + "5a" * 16
API_KEY_SID = "SK" + "5b" * 16
SENDER = "+15005550006"
COUNTRIES = ["US", "CA", "HT", "NE", "NG", "IN", "GH", "KE", "MX", "BR", "DO", "PH", "GB", "DE", "FR"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Hold the folder and the ports of one development installation."""

    data: Path
    port: int
    sandbox_port: int
    redis_url: str = ""

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def env_file(self) -> Path:
        return self.data / "gateway.env"

    @property
    def keys(self) -> Path:
        return self.data / "keys"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def ledger(self) -> Path:
        return self.data / "ledger.jsonl"

    @property
    def secrets(self) -> Path:
        return self.data / "secrets"


def make_folders(layout: Layout) -> None:
    """Make the folders; secrets are for the owner alone."""
    for folder in (layout.data, layout.logs):
        folder.mkdir(parents=True, exist_ok=True)
    layout.secrets.mkdir(mode=0o700, exist_ok=True)
    layout.secrets.chmod(0o700)


def write_settings(layout: Layout, credentials: Credentials) -> None:
    """Write the secret files and gateway.env, anew each time."""
    for name, value in _secrets(credentials).items():
        _write(layout.secrets / name, value, 0o400)
    lines = [f"{name}={value}\n" for name, value in gateway_settings(layout).items()]
    _write(layout.env_file, "".join(lines), 0o600)


def gateway_settings(layout: Layout) -> dict[str, str]:
    """Answer what the gateway reads: every address leads to the sandbox."""
    return {
        "ENVIRONMENT": "development",
        "SERVICE_NAME": "Airtime",
        "HOST": "127.0.0.1",
        "PORT": str(layout.port),
        "PUBLIC_URL": layout.gateway_url,
        "DATABASE_URL": f"sqlite:///{layout.data / 'gateway.db'}",
        "REDIS_URL": layout.redis_url,
        "KEYS_DIR": str(layout.keys),
        **_reloadly(layout),
        **_twilio(layout),
    }


def _reloadly(layout: Layout) -> dict[str, str]:
    return {
        "RELOADLY_ENVIRONMENT": "sandbox",
        "RELOADLY_AUTH_URL": f"{layout.sandbox_url}/reloadly/auth",
        "RELOADLY_AIRTIME_URL": f"{layout.sandbox_url}/reloadly/airtime",
        "RELOADLY_CLIENT_ID_FILE": str(layout.secrets / "reloadly_client_id"),
        "RELOADLY_CLIENT_SECRET_FILE": str(layout.secrets / "reloadly_client_secret"),
    }


def _twilio(layout: Layout) -> dict[str, str]:
    return {
        "TWILIO_URL": f"{layout.sandbox_url}/twilio",
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_API_KEY_SID": API_KEY_SID,
        "TWILIO_API_KEY_SECRET_FILE": str(layout.secrets / "twilio_api_key_secret"),
        "TWILIO_FROM": SENDER,
        "SMS_COUNTRIES": json.dumps(COUNTRIES, separators=(",", ":")),
    }


def _secrets(credentials: Credentials) -> dict[str, str]:
    return {
        "reloadly_client_id": credentials.client_id,
        "reloadly_client_secret": credentials.client_secret,
        "twilio_api_key_secret": credentials.twilio_secret,
    }


def _write(path: Path, text: str, mode: int) -> None:
    """Replace a file by one that never, not even for a moment, has a wider mode."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
