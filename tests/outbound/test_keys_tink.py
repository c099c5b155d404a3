"""Keyset files: made once, kept private, and refused with a word on what to do."""

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Thread

import pytest

from service.outbound.keys_tink import (
    PURPOSES,
    PURPOSES_AEAD,
    PURPOSES_PRF,
    KeysUnusable,
    create_keysets,
    load_keysets,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_keysets(tmp_path / "keys", NOW, development=False)
    return tmp_path / "keys"


def rewrite(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change one envelope on disk, keeping its mode."""
    envelope = json.loads(path.read_text())
    change(envelope)
    path.chmod(0o600)
    path.write_text(json.dumps(envelope))
    path.chmod(0o400)


def refused(folder: Path) -> str:
    with pytest.raises(KeysUnusable) as error:
        load_keysets(folder, allow_development=False)
    return str(error.value)


def test_there_is_one_private_file_for_each_purpose(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {f"{purpose}.json" for purpose in PURPOSES}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o400}


def test_an_envelope_tells_its_purpose_and_its_age(folder: Path) -> None:
    envelope = json.loads((folder / "seeds.json").read_text())
    assert envelope["purpose"] == "seeds"
    assert envelope["development"] is False
    assert datetime.fromisoformat(envelope["created_at"]) == NOW


def test_what_was_created_can_be_loaded(folder: Path) -> None:
    keys = load_keysets(folder, allow_development=False)
    assert set(keys.aeads) == set(PURPOSES_AEAD)
    assert set(keys.prfs) == set(PURPOSES_PRF)
    assert keys.development is False


def test_existing_keysets_are_never_overwritten(folder: Path) -> None:
    before = (folder / "seeds.json").read_bytes()
    with pytest.raises(KeysUnusable, match="exists already"):
        create_keysets(folder, NOW, development=False)
    assert (folder / "seeds.json").read_bytes() == before
    assert len(list(folder.iterdir())) == len(PURPOSES)


def test_of_many_creators_exactly_one_succeeds(tmp_path: Path) -> None:
    barrier, outcomes = Barrier(32), list[str]()

    def create() -> None:
        barrier.wait()
        try:
            create_keysets(tmp_path / "keys", NOW, development=False)
            outcomes.append("created")
        except KeysUnusable:
            outcomes.append("refused")

    threads = [Thread(target=create) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("created") == 1
    assert outcomes.count("refused") == 31
    load_keysets(tmp_path / "keys", allow_development=False)


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(KeysUnusable, match="chmod 700"):
        create_keysets(tmp_path / "open", NOW, development=False)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "goods.json").unlink()
    assert "goods.json is missing" in refused(folder)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o420, 0o500])
def test_a_file_that_others_may_read_is_refused(folder: Path, mode: int) -> None:
    (folder / "pepper.json").chmod(mode)
    assert "chmod 400" in refused(folder)


def test_development_keys_load_only_where_they_are_allowed(tmp_path: Path) -> None:
    create_keysets(tmp_path / "keys", NOW, development=True)
    assert "development" in refused(tmp_path / "keys")
    assert load_keysets(tmp_path / "keys", allow_development=True).development is True


def test_a_keyset_that_does_not_say_what_it_is_for_counts_as_development(folder: Path) -> None:
    rewrite(folder / "seeds.json", lambda envelope: envelope.pop("development"))
    assert "development" in refused(folder)


def test_a_file_in_another_ones_place_is_refused(folder: Path) -> None:
    seeds = (folder / "seeds.json").read_text()
    (folder / "personal.json").unlink()
    (folder / "personal.json").write_text(seeds)
    (folder / "personal.json").chmod(0o400)
    assert "'seeds'" in refused(folder)
    assert "'personal'" in refused(folder)


def test_two_purposes_may_not_share_a_key(folder: Path) -> None:
    seeds = json.loads((folder / "seeds.json").read_text())["keyset"]
    rewrite(folder / "personal.json", lambda envelope: envelope.update(keyset=seeds))
    assert "share a key" in refused(folder)


def test_a_keyset_of_the_wrong_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    create_keysets(tmp_path / "others", NOW, development=False)
    phones = json.loads((tmp_path / "others" / "phones.json").read_text())["keyset"]
    rewrite(folder / "seeds.json", lambda envelope: envelope.update(keyset=phones))
    assert "no usable keyset" in refused(folder)


@pytest.mark.parametrize("keyset", [None, {}, [], "x", {"key": []}, {"key": [{"keyData": {"typeUrl": "x"}}]}])
def test_a_damaged_keyset_is_refused(folder: Path, keyset: object) -> None:
    rewrite(folder / "tokens.json", lambda envelope: envelope.update(keyset=keyset))
    assert "tokens.json holds no usable keyset" in refused(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_file_that_is_no_keyset_is_refused_without_its_content(folder: Path, text: str) -> None:
    path = folder / "tokens.json"
    path.chmod(0o600)
    path.write_text(text)
    assert "is not a keyset file" in refused(folder)


def test_no_refusal_prints_a_key(folder: Path) -> None:
    keyset = json.loads((folder / "seeds.json").read_text())["keyset"]
    value = keyset["key"][0]["keyData"]["value"]
    rewrite(folder / "personal.json", lambda envelope: envelope.update(keyset=keyset))
    assert value not in refused(folder)


def test_loaded_keys_do_not_print(folder: Path) -> None:
    value = json.loads((folder / "seeds.json").read_text())["keyset"]["key"][0]["keyData"]["value"]
    assert value not in repr(load_keysets(folder, allow_development=False))
