"""A process killed at the worst moment: one charge, and the truth in the end."""

import threading
from pathlib import Path
from typing import Any

from tests.phone import Answer, Phone
from tests.street import Street, open_street, until


def waiting_operation(street: Street, phone: Phone) -> tuple[dict[str, Any], str]:
    """Sign up, bind an app and draft a top-up; return it and the code that approves it."""
    phone.sign_up()
    phone.bind_app()
    operation: dict[str, Any] = phone.draft("crash").json
    return operation, phone.app_code()


def test_killed_between_sending_and_the_answer_it_is_one_charge_and_settled_after_the_restart(
    tmp_path: Path, database_url: str
) -> None:
    with open_street(tmp_path, database_url) as street:
        phone = street.phone()
        operation, code = waiting_operation(street, phone)
        street.sandbox.control(
            "faults", host="airtime", match="POST /topups", kind="delay", when="after", seconds=30
        )
        lost = threading.Thread(target=lambda: _swallowed(phone, operation, code))
        lost.start()
        until(lambda: len(street.charges) == 1)
        street.kill()
        lost.join()

        street.start()
        path = f"/v1/operations/{operation['operation_id']}"
        assert phone.get(path).json["status"] in ("sending", "unclear")
        until(lambda: phone.get(path).json["settled"])
        assert phone.get(path).json["status"] == "succeeded"
        assert [charge["identifier"] for charge in street.charges] == [operation["operation_id"]]
        assert street.asked("airtime", "POST", "/topups") == 1


def _swallowed(phone: Phone, operation: dict[str, Any], code: str) -> Answer | None:
    """Approve; the connection may die under it."""
    try:
        return phone.approve(operation, "totp", code)
    except Exception:  # noqa: BLE001  whatever the client sees when its server is killed
        return None
