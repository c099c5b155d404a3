"""Sessions: who is calling, new tokens for old, and the end."""

from dataclasses import dataclass

from service.model.errors import InvalidToken
from service.model.events import Event, Kind, about_session
from service.model.secret import Secret
from service.model.session import Session, Tokens
from service.ports import Clock, SessionStore


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

    def __call__(self, refresh_token: Secret, device_token: Secret | None) -> Tokens:
        """Raises InvalidToken, and TokenReused after the whole session was ended."""
        now = self.clock.now()
        return self.sessions.rotate(refresh_token, device_token, now).told(now)


@dataclass(frozen=True, slots=True)
class LogOut:
    """End a session, by itself or by its refresh token; ending one that is over is no error."""

    sessions: SessionStore
    clock: Clock

    def __call__(self, session: Session | None, refresh_token: Secret | None) -> None:
        now = self.clock.now()
        if session:
            event = about_session(Kind.SESSION_ENDED, session, "log_out")
            self.sessions.revoke(session.session_id, now, event)
        if refresh_token:
            self.sessions.revoke_by_refresh(refresh_token, now, Event(Kind.SESSION_ENDED, reason="log_out"))
