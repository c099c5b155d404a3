"""Sealing, indexing, codes and tokens under real keysets."""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from tink import json_proto_keyset_format, prf, secret_key_access

from service.model.errors import InvalidToken
from service.model.secret import Secret
from service.outbound.keys_tink import Keys, create_keysets, load_keysets
from service.outbound.seal_tink import TinkIndex, TinkPasscodes, TinkSeal, TinkTokens
from service.ports import SealBroken


def make_keys(folder: Path) -> Keys:
    create_keysets(folder, datetime(2026, 11, 23, tzinfo=UTC), development=True)
    return load_keysets(folder, allow_development=True)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path / "keys")


@pytest.fixture
def tokens(keys: Keys) -> TinkTokens:
    return TinkTokens(keys.prfs["tokens"])


def rotated(folder: Path, purpose: str, other: Path) -> Any:
    """Return a PrfSet in which the other folder's key is primary and the folder's own stays."""
    older, newer = (json.loads((one / f"{purpose}.json").read_text())["keyset"] for one in (folder, other))
    both = {"primaryKeyId": newer["primaryKeyId"], "key": [*older["key"], *newer["key"]]}
    return json_proto_keyset_format.parse(json.dumps(both), secret_key_access.TOKEN).primitive(prf.PrfSet)


# ── sealing ──


def test_what_was_sealed_opens_in_its_place_only(keys: Keys) -> None:
    seal = TinkSeal(keys.aeads["personal"])
    sealed = seal.seal("+50936377111", "challenges.phone_sealed/42")
    assert seal.open(sealed, "challenges.phone_sealed/42").value == "+50936377111"
    with pytest.raises(SealBroken):
        seal.open(sealed, "challenges.phone_sealed/43")


def test_any_changed_bit_breaks_the_seal(keys: Keys) -> None:
    seal = TinkSeal(keys.aeads["personal"])
    sealed = seal.seal("text", "a.b/1")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(SealBroken):
            seal.open(bytes(changed), "a.b/1")


def test_one_purposes_key_does_not_open_anothers(keys: Keys) -> None:
    sealed = TinkSeal(keys.aeads["seeds"]).seal("text", "a.b/1")
    with pytest.raises(SealBroken):
        TinkSeal(keys.aeads["personal"]).open(sealed, "a.b/1")


def test_a_broken_seal_does_not_tell_the_row(keys: Keys) -> None:
    with pytest.raises(SealBroken) as error:
        TinkSeal(keys.aeads["seeds"]).open(b"", "table.column/secret-row")
    assert "secret-row" not in str(error.value)


# ── indexes and codes ──


def test_an_index_finds_the_same_text_and_tells_uses_apart(keys: Keys) -> None:
    phones = TinkIndex(keys.prfs["phones"], "phone")
    assert phones.of("+50936377111") == phones.of("+50936377111")
    assert len(phones.of("+50936377111")) == 32
    assert phones.of("+50936377111") != phones.of("+50936377112")
    assert phones.of("+50936377111") != TinkIndex(keys.prfs["phones"], "lane").of("+50936377111")
    assert phones.of("+50936377111") != TinkIndex(keys.prfs["pseudonyms"], "phone").of("+50936377111")


def test_a_label_and_a_text_cannot_trade_letters(keys: Keys) -> None:
    assert TinkIndex(keys.prfs["phones"], "ab").of("c") != TinkIndex(keys.prfs["phones"], "a").of("bc")


def test_a_code_is_derived_from_exactly_the_key_that_was_named(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    before = TinkPasscodes(make_keys(old).prfs["passcodes"])
    make_keys(new)
    after = TinkPasscodes(rotated(old, "passcodes", new))
    assert after.current != before.current
    assert after.derive(before.current, b"meaning") == before.derive(before.current, b"meaning")
    assert after.derive(after.current, b"meaning") != before.derive(before.current, b"meaning")
    with pytest.raises(KeyError):
        before.derive(after.current, b"meaning")


# ── tokens ──


def test_a_token_carries_its_key_and_256_random_bits(keys: Keys, tokens: TinkTokens) -> None:
    token = tokens.mint("gws_").value
    raw = urlsafe_b64decode(token.removeprefix("gws_"))
    assert token.startswith("gws_")
    assert len(raw) == 36
    assert int.from_bytes(raw[:4]) == keys.prfs["tokens"].primary_id()
    assert tokens.mint("gws_").value != token


def test_the_successor_is_always_the_same_and_bound_to_all_it_follows(tokens: TinkTokens) -> None:
    first, other = tokens.mint("gwr_"), tokens.mint("gwr_")
    successor = tokens.successor("s1", 1, first)
    assert successor.value == tokens.successor("s1", 1, first).value
    assert successor.value.startswith("gwr_")
    different = [("s2", 1, first), ("s1", 2, first), ("s1", 1, other)]
    assert len({successor.value, *(tokens.successor(*parts).value for parts in different)}) == 4
    assert len(tokens.fingerprint(successor)) == 32


def test_a_fingerprint_belongs_to_the_whole_text_of_a_token(tokens: TinkTokens) -> None:
    token = tokens.mint("gws_")
    assert tokens.fingerprint(token) == tokens.fingerprint(Secret(token.value))
    renamed = Secret(token.value.replace("gws_", "gwr_", 1))
    assert tokens.fingerprint(renamed) != tokens.fingerprint(token)


def test_a_fingerprint_is_not_the_tail_of_a_successor(tokens: TinkTokens) -> None:
    token = tokens.mint("gwr_")
    tail = urlsafe_b64decode(tokens.successor("", 0, token).value[4:])[4:]
    assert tail != tokens.fingerprint(token)


def test_tokens_survive_a_rotation_of_their_key(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    before = TinkTokens(make_keys(old).prfs["tokens"])
    make_keys(new)
    after = TinkTokens(rotated(old, "tokens", new))
    token = before.mint("gwr_")
    assert after.fingerprint(token) == before.fingerprint(token)
    assert after.successor("s", 1, token).value == before.successor("s", 1, token).value
    with pytest.raises(InvalidToken):
        before.fingerprint(after.mint("gwr_"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gws_",
        "gws_" + "A" * 47,
        "gws_" + "A" * 49,
        "gws_" + "A" * 47 + "=",
        "gws_" + "A" * 47 + "+",
        "gws_" + "A" * 48 + "\n",
        "A" * 48,
        "GWS_" + "A" * 48,
        "gws_" + "\uff21" * 48,
        "gws_" + urlsafe_b64encode(bytes(36)).decode(),
    ],
)
def test_a_malformed_token_or_an_unknown_key_is_refused(tokens: TinkTokens, text: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.fingerprint(Secret(text))
    with pytest.raises(InvalidToken):
        tokens.successor("s", 1, Secret(text))


# ── threads and processes ──


def test_primitives_may_be_shared_by_threads(keys: Keys, tokens: TinkTokens) -> None:
    seal, token = TinkSeal(keys.aeads["caches"]), tokens.mint("gws_")
    expected, barrier, wrong = tokens.fingerprint(token), Barrier(32), list[str]()

    def work() -> None:
        barrier.wait()
        for count in range(100):
            if seal.open(seal.seal(f"text {count}", "a.b/1"), "a.b/1").value != f"text {count}":
                wrong.append("seal")
            if tokens.fingerprint(token) != expected:
                wrong.append("fingerprint")

    threads = [Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_forked_workers_share_keys_but_no_randomness(keys: Keys, tokens: TinkTokens) -> None:
    seal, token = TinkSeal(keys.aeads["caches"]), tokens.mint("gws_")
    expected = tokens.fingerprint(token)
    answers = [_in_child(lambda: _work_of_a_child(seal, tokens, token, expected)) for _ in range(8)]
    nonces = [nonce for answer in answers for nonce in answer.split()]
    assert len(nonces) == 8 * 50
    assert len(set(nonces)) == len(nonces)


def _work_of_a_child(seal: TinkSeal, tokens: TinkTokens, token: Secret, expected: bytes) -> bytes:
    if tokens.fingerprint(token) != expected:
        return b""
    # Tink's ciphertext is a prefix of 5 bytes, then the nonce of 12.
    return b" ".join(seal.seal("text", "a.b/1")[5:17].hex().encode() for _ in range(50))


def _in_child(work: Any) -> bytes:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, work())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said
