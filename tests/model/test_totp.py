"""TOTP: the standard's own vectors, and which step a code belongs to."""

from base64 import b32encode
from datetime import UTC, datetime, timedelta

import pytest

from service.model.secret import Secret
from service.model.totp import Algorithm, Totp

# RFC 6238 appendix B with its errata: each algorithm has a seed of its own hash's length.
SEEDS: dict[Algorithm, bytes] = {
    "SHA1": b"12345678901234567890",
    "SHA256": b"12345678901234567890123456789012",
    "SHA512": b"1234567890123456789012345678901234567890123456789012345678901234",
}
VECTORS: list[tuple[int, int, Algorithm, str]] = [
    (59, 0x1, "SHA1", "94287082"),
    (59, 0x1, "SHA256", "46119246"),
    (59, 0x1, "SHA512", "90693936"),
    (1111111109, 0x23523EC, "SHA1", "07081804"),
    (1111111109, 0x23523EC, "SHA256", "68084774"),
    (1111111109, 0x23523EC, "SHA512", "25091201"),
    (1111111111, 0x23523ED, "SHA1", "14050471"),
    (1111111111, 0x23523ED, "SHA256", "67062674"),
    (1111111111, 0x23523ED, "SHA512", "99943326"),
    (1234567890, 0x273EF07, "SHA1", "89005924"),
    (1234567890, 0x273EF07, "SHA256", "91819424"),
    (1234567890, 0x273EF07, "SHA512", "93441116"),
    (2000000000, 0x3F940AA, "SHA1", "69279037"),
    (2000000000, 0x3F940AA, "SHA256", "90698825"),
    (2000000000, 0x3F940AA, "SHA512", "38618901"),
    (20000000000, 0x27BC86AA, "SHA1", "65353130"),
    (20000000000, 0x27BC86AA, "SHA256", "77737706"),
    (20000000000, 0x27BC86AA, "SHA512", "47863826"),
]
NOW = datetime(2026, 11, 23, 12, 0, 10, tzinfo=UTC)


def totp(algorithm: Algorithm = "SHA1", digits: int = 6) -> Totp:
    return Totp(Secret(b32encode(SEEDS[algorithm]).decode()), digits=digits, algorithm=algorithm)


@pytest.mark.parametrize(("seconds", "step", "algorithm", "code"), VECTORS)
def test_the_vectors_of_the_standard(seconds: int, step: int, algorithm: Algorithm, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    app = totp(algorithm, digits=8)
    assert app.step_at(now) == step
    assert app.code_at(step).value == code
    assert app.matching_step(Secret(code), now) == step


def test_all_eighteen_vectors_are_here() -> None:
    assert len(VECTORS) == 18
    assert len({code for *_, code in VECTORS}) == 18


@pytest.mark.parametrize(("late", "found"), [(0, True), (29, True), (49, True), (50, False), (-11, False)])
def test_a_code_lives_through_its_own_step_and_the_next(late: int, found: bool) -> None:
    app = totp()
    step = app.step_at(NOW)
    expected = step if found else None
    assert app.matching_step(app.code_at(step), NOW + timedelta(seconds=late)) == expected


@pytest.mark.parametrize("text", ["", "000000", "94287082", "\uff19\uff14\uff12\uff18\uff17\uff10", "28708"])
def test_any_other_text_belongs_to_no_step(text: str) -> None:
    app = totp()
    taken = {app.code_at(app.step_at(NOW) + back).value for back in (-1, 0)}
    assert text not in taken
    assert app.matching_step(Secret(text), NOW) is None


def test_a_code_of_another_period_is_counted_in_that_period() -> None:
    app = Totp(totp().seed, period=60)
    assert app.step_at(NOW) == totp().step_at(NOW) // 2


def test_the_address_for_the_app_names_everything_it_needs() -> None:
    uri = Totp(totp("SHA256").seed, digits=8, algorithm="SHA256").provisioning_uri("•••• 11", "Gateway")
    assert uri.startswith("otpauth://totp/Gateway:")
    for part in ("secret=", "issuer=Gateway", "algorithm=SHA256", "digits=8"):
        assert part in uri
