"""Argon2id in a bounded lane: a flood of log-ins must starve neither memory nor other requests."""

import os
from collections.abc import Callable
from secrets import token_bytes
from threading import BoundedSemaphore
from typing import Protocol, TypeVar

from argon2 import PasswordHasher as Argon2
from argon2 import Type
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError

from service.model.errors import Busy
from service.model.policy import PasswordPolicy
from service.model.secret import Secret

T = TypeVar("T")
PATIENCE = 2.0


class Lane(Protocol):
    """Where hashing runs."""

    def run(self, work: Callable[[], T]) -> T:
        """Run `work` on the caller's thread. Raises Busy, before it began, when the lane is full."""
        ...


class BoundedLane:
    """At most `slots` run at once, at most `queue` wait, and each of them `patience` seconds."""

    def __init__(self, slots: int, queue: int, patience: float = PATIENCE) -> None:
        self._slots = BoundedSemaphore(slots)
        self._places = BoundedSemaphore(slots + queue)
        self._patience = patience

    def run(self, work: Callable[[], T]) -> T:
        """Run `work` on the caller's thread. Raises Busy, before it began, when the lane is full."""
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            return self._in_slot(work)
        finally:
            self._places.release()

    def _in_slot(self, work: Callable[[], T]) -> T:
        if not self._slots.acquire(timeout=self._patience):
            raise Busy
        try:
            return work()
        finally:
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

    def __init__(self, policy: PasswordPolicy, lane: Lane) -> None:
        self._lane = lane
        self._argon2 = Argon2(
            time_cost=policy.time_cost,
            memory_cost=policy.memory_kib,
            parallelism=policy.parallelism,
            type=Type.ID,
        )
        self._decoy = self._argon2.hash(token_bytes(32))

    def hash(self, password: Secret) -> Secret:
        """Return the encoded hash with a fresh salt. Raises Busy when the lane is full."""
        return Secret(self._lane.run(lambda: self._hash(_bytes(password))))

    def verify(self, stored: Secret | None, password: Secret) -> bool:
        """Compare; with no usable hash a decoy costs the same and the answer is False. Raises Busy."""
        return self._lane.run(lambda: self._verify(stored, _bytes(password)))

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
