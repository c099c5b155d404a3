"""Sessions: who is calling, new tokens for old, and the end."""

from dataclasses import dataclass
from datetime import timedelta

from service.model.errors import InvalidToken
from service.model.events import Event, Kind
from service.model.policy import SessionPolicy
from service.model.secret import Secret
from service.model.session import Session, Tokens
from service.ports import Clock, NewSession, SessionStore


@dataclass(frozen=True, slots=True)
class WhoIsCalling:
    """Turn an access token into its session."""

    sessions: SessionStore
    clock: Clock

    def __call__(self, token: Secret) -> Session:
        """Ask the truth. Raises InvalidToken."""
        session = self.sessions.confirm(token, self.clock.now())
        if session is None:
            raise InvalidToken
        return session

    def for_reading(self, token: Secret) -> Session:
        """Ask the cache first: for catalogue reads only. Raises InvalidToken."""
        session = self.sessions.find(token, self.clock.now())
        if session is None:
            raise InvalidToken
        return session


@dataclass(frozen=True, slots=True)
class RefreshTokens:
    """Exchange a refresh token for its successor."""

    sessions: SessionStore
    clock: Clock
    policy: SessionPolicy

    def __call__(self, refresh_token: Secret, device_token: Secret | None) -> Tokens:
        """Raises InvalidToken, and TokenReused after the whole session was ended."""
        now = self.clock.now()
        rotated = self.sessions.rotate(refresh_token, device_token, now)
        return Tokens(
            session_id=rotated.session.session_id,
            access_token=rotated.access_token,
            expires_in=int((rotated.session.access_expires_at - now) / timedelta(seconds=1)),
            refresh_token=rotated.refresh_token,
            refresh_expires_in=int((rotated.refresh_expires_at - now) / timedelta(seconds=1)),
            scope=rotated.session.scope,
            server_time=now,
        )


@dataclass(frozen=True, slots=True)
class LogOut:
    """End a session, by itself or by its refresh token; ending one that is over is no error."""

    sessions: SessionStore
    clock: Clock

    def __call__(self, session: Session | None, refresh_token: Secret | None) -> None:
        now = self.clock.now()
        if session:
            event = Event(
                Kind.SESSION_ENDED,
                reason="log_out",
                subscriber_id=session.subscriber_id,
                session_id=session.session_id,
            )
            self.sessions.revoke(session.session_id, now, event)
        if refresh_token:
            self.sessions.revoke_by_refresh(refresh_token, now, Event(Kind.SESSION_ENDED, reason="log_out"))


def told(new: NewSession, clock: Clock) -> Tokens:
    """Return what the client is told of a session just opened or renewed."""
    now = clock.now()
    return Tokens(
        session_id=new.session.session_id,
        access_token=new.access_token,
        expires_in=int((new.session.access_expires_at - now) / timedelta(seconds=1)),
        refresh_token=new.refresh_token,
        refresh_expires_in=int((new.refresh_expires_at - now) / timedelta(seconds=1)),
        scope=new.session.scope,
        server_time=now,
        device_token=new.device_token,
    )
