"""The session cache in front of the truth: sealed, at most 30 s old, and void once its session ends."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from service.model.authenticator import Proof
from service.model.errors import InvalidToken, TokenReused
from service.model.events import Event
from service.model.policy import SessionPolicy
from service.model.secret import Secret
from service.model.session import Issued, Scope, Session
from service.outbound.redis_link import Memory, RedisLink
from service.ports import NewSubscriber, Seal, SealBroken, SessionStore, TokenKey

_MOST_REMEMBERED = 1024
# An ending outlives every entry that it makes void, twice over.
_ENDINGS_KEPT = 60

# An entry carries the server's time from before the truth was read, and whose it is. An ending
# carries the server's time from after it was committed. So a reader that was overtaken by a
# revocation cannot bring the session back, whenever its write arrives, and all that by one
# clock. Looking up stays one round trip. The keys are not all declared: one server, no cluster.
_LOOK_UP = """
local t = redis.call('TIME')
local now = string.format('%.0f', t[1] * 1000000 + t[2])
local entry = redis.call('GET', KEYS[1])
if not entry then return {now, ''} end
local at, session, subscriber, sealed = string.match(entry, '^(%d+) (%S+) (%S+) (.*)$')
if not sealed then return {now, ''} end
for _, whose in ipairs({session, subscriber}) do
  local ended = redis.call('GET', 'session-ended:' .. whose)
  if ended and tonumber(ended) >= tonumber(at) then
    redis.call('DEL', KEYS[1])
    return {now, ''}
  end
end
return {now, sealed}
"""
_END = """
local t = redis.call('TIME')
local now = string.format('%.0f', t[1] * 1000000 + t[2])
for _, whose in ipairs(KEYS) do redis.call('SET', whose, now, 'EX', ARGV[1]) end
return #KEYS
"""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A session as it was at one instant."""

    session: Session
    cached_at: datetime

    def is_good(self, now: datetime, seconds: int) -> bool:
        """Say whether it is young enough and its token still lives; never from the future."""
        ends = min(self.session.access_expires_at, self.session.absolute_expires_at)
        return timedelta(0) <= now - self.cached_at < timedelta(seconds=seconds) and now < ends


@dataclass(frozen=True, slots=True)
class CachedSessions:
    """
    A SessionStore that answers `find` from Redis and asks `store` for everything else.

    Endings void what is cached, by session or by subscriber. While Redis is away each
    process remembers for at most 5 s, and the store is asked beyond that.
    """

    store: SessionStore
    link: RedisLink
    seal: Seal
    tokens: TokenKey
    policy: SessionPolicy
    _memory: Memory[_Entry] = field(default_factory=lambda: Memory(_MOST_REMEMBERED))
    _untold: Memory[str] = field(default_factory=lambda: Memory(_MOST_REMEMBERED))

    def find(self, access_token: Secret, now: datetime) -> Session | None:
        """Return the session of an access token; may be up to 30 s old: for catalogue reads only."""
        try:
            key = f"session:{self.tokens.fingerprint(access_token).hex()}"
        except InvalidToken:
            return None
        looked = self._look_up(key)
        if looked is None:
            return self._find_without_redis(key, access_token, now)
        asked_at, sealed = looked
        entry = self._open(sealed, key)
        if entry and entry.is_good(now, self.policy.cached):
            return entry.session
        session = self.store.find(access_token, now)
        if session:
            self._keep(key, asked_at, _Entry(session, now))
        return session

    def confirm(self, access_token: Secret, now: datetime) -> Session | None:
        """Return the session of an access token from the truth."""
        return self.store.confirm(access_token, now)

    def open(
        self,
        new: Issued,
        challenge_id: str,
        proof: Proof,
        now: datetime,
        event: Event,
        adds: NewSubscriber | None,
    ) -> None:
        """Open in the store; the oldest session may have ended by it, so the subscriber's go."""
        self.store.open(new, challenge_id, proof, now, event, adds)
        self.void_subscriber(new.session.subscriber_id)

    def reauthenticate(
        self, new: Issued, challenge_id: str, proof: Proof, now: datetime, event: Event
    ) -> None:
        """Renew in the store; what was cached under the old token goes."""
        self.store.reauthenticate(new, challenge_id, proof, now, event)
        self.void_session(new.session.session_id)

    def rotate(self, refresh_token: Secret, device_token: Secret | None, now: datetime) -> Issued:
        """Rotate in the store; what was cached under the old access token goes."""
        try:
            rotation = self.store.rotate(refresh_token, device_token, now)
        except TokenReused as error:
            self._void_told(error.session_id)
            raise
        self.void_session(rotation.session.session_id)
        return rotation

    def revoke(self, session_id: str, now: datetime, event: Event) -> None:
        """End in the store, then void what is cached."""
        self.store.revoke(session_id, now, event)
        self.void_session(session_id)

    def revoke_by_refresh(self, refresh_token: Secret, now: datetime, event: Event) -> str | None:
        """End in the store, then void what is cached."""
        ended = self.store.revoke_by_refresh(refresh_token, now, event)
        self._void_told(ended)
        return ended

    def forget_cached(self, subscriber_id: str) -> None:
        """Void what is cached of a subscriber whose sessions another store has ended."""
        self.void_subscriber(subscriber_id)

    def void_session(self, session_id: str) -> None:
        """Make every cached entry of a session void, at once while Redis is up."""
        self._memory.forget(lambda entry: entry.session.session_id == session_id)
        self._end(session_id)

    def void_subscriber(self, subscriber_id: str) -> None:
        """The same for all sessions of a subscriber; for verbs that end sessions elsewhere."""
        self._memory.forget(lambda entry: entry.session.subscriber_id == subscriber_id)
        self._end(subscriber_id)

    def _void_told(self, session_id: str | None) -> None:
        if session_id:
            self.void_session(session_id)

    def _end(self, *whose: str) -> None:
        keys = [f"session-ended:{one}" for one in whose]
        if self.link.run(_END, keys, [str(_ENDINGS_KEPT)]) is None:
            for one in whose:
                self._untold.put(one, one)

    def _look_up(self, key: str) -> list[bytes] | None:
        """Return the server's time and the sealed entry or nothing; None while Redis is away."""
        looked: list[bytes] | None = self.link.run(_LOOK_UP, [key])
        if looked is None or not self._untold:
            return looked
        # Redis was away when a session ended here, and kept an entry of it: it is told first.
        self._end(*self._untold.drain())
        again: list[bytes] | None = self.link.run(_LOOK_UP, [key])
        return again

    def _find_without_redis(self, key: str, access_token: Secret, now: datetime) -> Session | None:
        entry = self._memory.get(key)
        if entry and entry.is_good(now, self.policy.cached_without_redis):
            return entry.session
        session = self.store.find(access_token, now)
        if session:
            self._memory.put(key, _Entry(session, now))
        return session

    def _keep(self, key: str, asked_at: bytes, entry: _Entry) -> None:
        session = entry.session
        ends = min(session.access_expires_at, session.absolute_expires_at)
        left = min(float(self.policy.cached), (ends - entry.cached_at).total_seconds())
        if left > 0:
            whose = f" {session.session_id} {session.subscriber_id} ".encode()
            self.link.set(key, asked_at + whose + self.seal.seal(_write(entry), key), left)

    def _open(self, sealed: bytes, key: str) -> _Entry | None:
        try:
            return _read(self.seal.open(sealed, key).value) if sealed else None
        except (SealBroken, KeyError, ValueError):
            # An entry that we did not write, or that an older release wrote, is as good as none.
            return None


def _write(entry: _Entry) -> str:
    session = entry.session
    return json.dumps(
        {
            "session_id": session.session_id,
            "subscriber_id": session.subscriber_id,
            "second_factor_at": session.second_factor_at.isoformat(),
            "absolute_expires_at": session.absolute_expires_at.isoformat(),
            "access_expires_at": session.access_expires_at.isoformat(),
            "amr": session.amr,
            "scope": session.scope,
            "device_id": session.device_id,
            "cached_at": entry.cached_at.isoformat(),
        }
    )


def _read(text: str) -> _Entry:
    raw: dict[str, Any] = json.loads(text)
    session = Session(
        session_id=raw["session_id"],
        subscriber_id=raw["subscriber_id"],
        second_factor_at=datetime.fromisoformat(raw["second_factor_at"]),
        absolute_expires_at=datetime.fromisoformat(raw["absolute_expires_at"]),
        access_expires_at=datetime.fromisoformat(raw["access_expires_at"]),
        amr=tuple(raw["amr"]),
        scope=Scope(raw["scope"]),
        device_id=raw["device_id"],
    )
    return _Entry(session, datetime.fromisoformat(raw["cached_at"]))
