"""Argon2id in a bounded lane: a flood of log-ins must starve neither memory nor other requests."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from secrets import token_bytes
from threading import BoundedSemaphore, local
from typing import TypeVar

from argon2 import PasswordHasher as Argon2
from argon2 import Type
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError

from service.model.errors import Busy
from service.model.policy import PasswordPolicy
from service.model.secret import Secret

T = TypeVar("T")
PATIENCE = 2.0


class BoundedLane:
    """At most `slots` run at once, at most `queue` wait, and each of them `patience` seconds."""

    def __init__(self, slots: int, queue: int, patience: float = PATIENCE) -> None:
        self._slots = BoundedSemaphore(slots)
        self._places = BoundedSemaphore(slots + queue)
        self._patience = patience
        self._mine = local()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a slot; a thread that holds one needs no other. Raises Busy when the lane is full."""
        if getattr(self._mine, "held", False):
            yield
            return
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            with self._slot():
                yield
        finally:
            self._places.release()

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._slots.acquire(timeout=self._patience):
            raise Busy
        self._mine.held = True
        try:
            yield
        finally:
            self._mine.held = False
            self._slots.release()


def hashing_lane(policy: PasswordPolicy, *, processes: int) -> BoundedLane:
    """Return this process's share of the machine: one slot per core, over all its processes."""
    share = max(1, (os.cpu_count() or 1) // processes)
    return BoundedLane(policy.slots or share, policy.queue)


class Argon2Hasher:
    """
    Hash and verify by the policy's profile (RFC 9106 section 4).

    Every `verify` costs one computation, whether or not there is a usable hash.
    """

    def __init__(self, policy: PasswordPolicy, lane: BoundedLane) -> None:
        self._lane = lane
        self._argon2 = Argon2(
            time_cost=policy.time_cost,
            memory_cost=policy.memory_kib,
            parallelism=policy.parallelism,
            type=Type.ID,
        )
        self._decoy = self._argon2.hash(token_bytes(32))

    def place(self) -> AbstractContextManager[None]:
        """Hold a place in the lane. Raises Busy, before anything was done, when it is full."""
        return self._lane.place()

    def hash(self, password: Secret) -> Secret:
        """Return the encoded hash with a fresh salt. Raises Busy when the lane is full."""
        with self._lane.place():
            return Secret(self._hash(_bytes(password)))

    def verify(self, stored: Secret | None, password: Secret) -> bool:
        """Compare; with no usable hash a decoy costs the same and the answer is False. Raises Busy."""
        with self._lane.place():
            return self._verify(stored, _bytes(password))

    def needs_rehash(self, stored: Secret) -> bool:
        """Say whether a hash was made by another profile than today's."""
        try:
            return self._argon2.check_needs_rehash(stored.value)
        except InvalidHashError:
            return True

    def _hash(self, password: bytes) -> str:
        try:
            return self._argon2.hash(password)
        except HashingError as error:
            # Argon2 refuses for want of memory only, the rest being checked at the start.
            raise Busy from error

    def _verify(self, stored: Secret | None, password: bytes) -> bool:
        if stored is None:
            return self._verify_decoy(password)
        try:
            return self._argon2.verify(stored.value, password)
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError, UnicodeEncodeError):
            # What cannot be read fails before any work is done; the decoy does the work.
            return self._verify_decoy(password)

    def _verify_decoy(self, password: bytes) -> bool:
        try:
            self._argon2.verify(self._decoy, password)
        except VerifyMismatchError:
            return False
        except VerificationError as error:
            raise Busy from error
        return False


def _bytes(password: Secret) -> bytes:
    """Return the bytes to hash; JSON may carry lone surrogates, which strict UTF-8 refuses."""
    return password.value.encode("utf-8", "surrogatepass")
