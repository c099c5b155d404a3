"""Keyset files: one Tink keyset per purpose, so that no key ever serves two."""

import json
import os
import stat
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from tink import TinkError, aead, json_proto_keyset_format, new_keyset_handle, prf, secret_key_access
from tink.proto import aes_gcm_pb2, hmac_prf_pb2

PURPOSES_AEAD = ("seeds", "personal", "goods", "pepper", "caches")
PURPOSES_PRF = ("passcodes", "phones", "pseudonyms", "tokens")
PURPOSES = PURPOSES_AEAD + PURPOSES_PRF

# Tink keeps its registry per process; filling it twice, or from two threads, is left to the import.
aead.register()
prf.register()

_MATERIAL: dict[str, Callable[[bytes], Any]] = {
    "type.googleapis.com/google.crypto.tink.AesGcmKey": aes_gcm_pb2.AesGcmKey.FromString,
    "type.googleapis.com/google.crypto.tink.HmacPrfKey": hmac_prf_pb2.HmacPrfKey.FromString,
}


class KeysUnusable(Exception):
    """The keyset files cannot be used; the message says what to do next."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """
    The primitives by purpose: `aead.Aead` for sealing, `prf.PrfSet` for deriving.

    They hold no connection and no lock of ours: threads and forked workers may share them.
    """

    aeads: Mapping[str, Any]
    prfs: Mapping[str, Any]
    development: bool


@dataclass(frozen=True, slots=True, repr=False)
class _Keyset:
    path: Path
    development: bool
    text: str


def create_keysets(folder: Path, now: datetime, *, development: bool) -> None:
    """
    Write one fresh keyset per purpose, mode 0400 in a folder 0700.

    Of several callers at once exactly one succeeds. Raises KeysUnusable when a keyset is
    there already, for overwriting one would make everything sealed under it unreadable.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) & ~0o700:
        raise KeysUnusable(f"Others may enter {folder}: run `chmod 700 {folder}` first.")
    for purpose in PURPOSES:
        envelope = {
            "purpose": purpose,
            "development": development,
            "created_at": now.isoformat(),
            "keyset": json.loads(_fresh_keyset(purpose)),
        }
        _write_once(folder / f"{purpose}.json", json.dumps(envelope, indent=2) + "\n")
    _flush_folder(folder)


def load_keysets(folder: Path, *, allow_development: bool) -> Keys:
    """
    Read the keysets of all purposes.

    Raises KeysUnusable for a missing, unreadable or misplaced file, a file that others
    may read, a development keyset where none is allowed, and two purposes with one key.
    """
    keysets = {purpose: _read(folder / f"{purpose}.json", purpose) for purpose in PURPOSES}
    development = [keyset.path for keyset in keysets.values() if keyset.development]
    if development and not allow_development:
        raise KeysUnusable(
            f"{development[0]} is a development keyset: create keysets for production in another folder."
        )
    _refuse_shared_keys(keysets)
    return Keys(
        aeads={purpose: _primitive(keysets[purpose], aead.Aead) for purpose in PURPOSES_AEAD},
        prfs={purpose: _primitive(keysets[purpose], prf.PrfSet) for purpose in PURPOSES_PRF},
        development=bool(development),
    )


def _fresh_keyset(purpose: str) -> str:
    template = (
        aead.aead_key_templates.AES256_GCM if purpose in PURPOSES_AEAD else prf.prf_key_templates.HMAC_SHA256
    )
    return str(json_proto_keyset_format.serialize(new_keyset_handle(template), secret_key_access.TOKEN))


def _write_once(path: Path, text: str) -> None:
    """Make a file appear whole or not at all, and only where there was none: link never overwrites."""
    draft = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError as error:
        raise KeysUnusable(
            f"{path} exists already: load it, or choose an empty folder for new keys."
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path, purpose: str) -> _Keyset:
    envelope = _parse(path, _private_text(path))
    found = envelope.get("purpose")
    if found != purpose:
        raise KeysUnusable(f"{path} holds the keyset for {found!r}: put the one for {purpose!r} there.")
    # What does not say plainly that it is for production counts as development.
    return _Keyset(path, envelope.get("development") is not False, json.dumps(envelope.get("keyset")))


def _private_text(path: Path) -> str:
    """Read a file after looking at the mode of the very file that was opened."""
    try:
        with path.open(encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & ~0o600:
                raise KeysUnusable(f"Others may read {path}: run `chmod 400 {path}`, then rotate its key.")
            return file.read()
    except FileNotFoundError as error:
        raise KeysUnusable(f"{path} is missing: restore it from your backup, or create keysets.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise KeysUnusable(f"{path} cannot be read: check its owner, or restore it.") from error


def _parse(path: Path, text: str) -> Mapping[str, Any]:
    try:
        envelope = json.loads(text)
    except ValueError:
        # The parser's own error quotes the document, and the document is a key.
        envelope = None
    if not isinstance(envelope, dict):
        raise KeysUnusable(f"{path} is not a keyset file: restore it from your backup.")
    return envelope


def _refuse_shared_keys(keysets: Mapping[str, _Keyset]) -> None:
    owners: dict[bytes, Path] = {}
    for keyset in keysets.values():
        for material in set(_materials(keyset)):
            other = owners.setdefault(material, keyset.path)
            if other is not keyset.path:
                raise KeysUnusable(
                    f"{other} and {keyset.path} share a key: create keysets anew, "
                    "or rotate one of the two before use."
                )


def _materials(keyset: _Keyset) -> list[bytes]:
    """Return the bare key bytes, so that one key under two algorithms is seen as shared too."""
    try:
        entries = [entry["keyData"] for entry in json.loads(keyset.text)["key"]]
        return [_MATERIAL[data["typeUrl"]](b64decode(data["value"])).key_value for data in entries]
    except (KeyError, TypeError, ValueError, NotBase64):
        raise _damaged(keyset) from None


def _primitive(keyset: _Keyset, kind: type) -> Any:
    try:
        handle = json_proto_keyset_format.parse(keyset.text, secret_key_access.TOKEN)
        return handle.primitive(kind)
    except TinkError:
        raise _damaged(keyset) from None


def _damaged(keyset: _Keyset) -> KeysUnusable:
    return KeysUnusable(f"{keyset.path} holds no usable keyset: restore it from your backup.")
