"""Bodies that never come hold no more than their share of a process."""

import socket
from pathlib import Path

from tests.phone import Phone
from tests.street import open_street, until

HALF = b"Host: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n%s\r\n{"


def half_sent(port: int, path: str, token: str = "") -> socket.socket:
    """Begin a request and send one byte of its body."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    bearer = f"Authorization: Bearer {token}\r\n".encode() if token else b""
    connection.sendall(f"POST {path} HTTP/1.1\r\n".encode() + HALF % bearer)
    return connection


def test_half_sent_bodies_leave_the_process_serving(tmp_path: Path) -> None:
    with open_street(tmp_path, f"sqlite:///{tmp_path}/gateway.db", THREADS="8") as street:
        phone = street.phone()
        phone.sign_up()
        port, token = street.ports[0], phone.tokens["access_token"]
        for path, bearer in (("/v1/operations/top-ups", token), ("/v1/reloadly/airtime/topups", token)):
            held = [half_sent(port, path, bearer) for _ in range(10)]
            until(lambda: answers(phone), seconds=20)
            for one in held:
                one.close()
        held = [half_sent(port, "/v1/login") for _ in range(10)]
        until(lambda: answers(phone), seconds=20)
        for one in held:
            one.close()
        until(lambda: phone.start_log_in().status == 200, seconds=20)


def answers(phone: Phone) -> bool:
    """Say whether the probe and a signed-in read are answered."""
    return phone.call("GET", "/healthz", token="").status == 200 and phone.get("/v1/me").status == 200
