"""Is this the right code? Counted first, compared after."""

from dataclasses import dataclass

from service.flows.texting import code_of
from service.model.authenticator import Authenticator, Proof
from service.model.challenge import Challenge, Method
from service.model.errors import ChallengeGone, InvalidCode
from service.model.events import Kind, about_challenge
from service.model.passcode import canonical_code
from service.model.secret import Secret
from service.ports import AccountStore, ChallengeStore, Clock, PasscodeKey


@dataclass(frozen=True, slots=True)
class Judge:
    """Weigh one code against one challenge."""

    accounts: AccountStore
    challenges: ChallengeStore
    passcodes: PasscodeKey
    clock: Clock

    def __call__(self, challenge: Challenge, method: Method, text: str) -> Proof:
        """
        Return the proof; whoever uses it burns the step and spends the challenge with its effect.

        Raises BadRequest for a wrong form, uncounted; ChallengeGone; TooManyAttempts while
        the authenticator waits; InvalidCode with the attempts left.
        """
        if not challenge.is_open(self.clock.now()):
            raise ChallengeGone
        authenticator = self._authenticator(challenge, method)
        digits = authenticator.totp.digits if authenticator and authenticator.totp else challenge.code_digits
        code = canonical_code(method, text, digits)
        attempts_left = self._count(challenge, authenticator)
        proof = self._compare(challenge, method, authenticator, code)
        if proof is None:
            raise InvalidCode(attempts_left)
        return proof

    def _authenticator(self, challenge: Challenge, method: Method) -> Authenticator | None:
        """Return whose failures count; none for a sign-up, or for a method this subscriber lacks."""
        if challenge.subscriber_id is None or method not in challenge.methods:
            return None
        subscriber = self.accounts.by_id(challenge.subscriber_id)
        return subscriber.by_method(method) if subscriber else None

    def _count(self, challenge: Challenge, authenticator: Authenticator | None) -> int:
        event = about_challenge(Kind.CODE_TRIED, challenge)
        counted = authenticator.authenticator_id if authenticator else None
        return self.challenges.attempt(challenge, counted, self.clock.now(), event)

    def _compare(
        self, challenge: Challenge, method: Method, authenticator: Authenticator | None, code: Secret
    ) -> Proof | None:
        if method is Method.TOTP:
            return self._compare_totp(challenge, authenticator, code)
        return self._compare_passcode(challenge, method, authenticator, code)

    def _compare_totp(
        self, challenge: Challenge, authenticator: Authenticator | None, code: Secret
    ) -> Proof | None:
        if authenticator is None or authenticator.totp is None:
            return None
        step = authenticator.totp.matching_step(code, self.clock.now())
        if step is None:
            return None
        if step == authenticator.last_step and challenge.session_id == authenticator.last_step_session:
            # Logging in and approving within one step is honest: refused, but no failure of the app.
            self.challenges.uncount_streak(authenticator.authenticator_id)
        if step <= authenticator.last_step:
            return None
        return Proof(method=Method.TOTP, authenticator_id=authenticator.authenticator_id, step=step)

    def _compare_passcode(
        self, challenge: Challenge, method: Method, authenticator: Authenticator | None, code: Secret
    ) -> Proof | None:
        try:
            expected = code_of(challenge, self.passcodes)
        except KeyError:
            return None
        offered = method in challenge.methods and (
            authenticator is not None or challenge.subscriber_id is None
        )
        # Compared whatever the rest says, so that every refusal takes the same time.
        right = expected == code
        if not (right and offered and challenge.text_queued and not challenge.mute):
            return None
        return Proof(
            method=method, authenticator_id=authenticator.authenticator_id if authenticator else None
        )
