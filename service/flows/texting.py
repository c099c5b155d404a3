"""Texts: asked for in the request, sent after its commit by a job."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from service.model.challenge import Challenge, Channel, Delivery, DeliveryStatus, Purpose
from service.model.errors import ChallengeGone, TooSoon
from service.model.events import Kind, Outcome, about_challenge
from service.model.passcode import passcode, passcode_input
from service.model.policy import SmsPolicy
from service.model.secret import Secret
from service.model.texts import text_body
from service.ports import ChallengeStore, Clock, OperationStore, PasscodeKey, QueuedText, SmsSender, TextQueue


@dataclass(frozen=True, slots=True)
class Texting:
    """Queue the text of a challenge."""

    challenges: ChallengeStore
    clock: Clock
    wake_sender: Callable[[], None]

    def text(self, challenge: Challenge, channel: Channel = Channel.SMS) -> Challenge:
        """Queue it. Raises TooSoon, then nothing is sent, and ChallengeGone."""
        event = about_challenge(Kind.TEXT_REQUESTED, challenge)
        texted = self.challenges.request_text(challenge, channel, self.clock.now(), event)
        self.wake_sender()
        return texted

    def text_if_due(self, challenge: Challenge) -> Challenge:
        """Queue it, or leave it to the client to ask again once the number's wait is over."""
        try:
            return self.text(challenge)
        except TooSoon as wait:
            return replace(challenge, resend_at=self.clock.now() + timedelta(seconds=wait.retry_after))


@dataclass(frozen=True, slots=True)
class SendTexts:
    """Send what is queued: code and text exist in memory only, for as long as the call to the carrier."""

    queue: TextQueue
    challenges: ChallengeStore
    operations: OperationStore
    passcodes: PasscodeKey
    sender: SmsSender
    clock: Clock
    policy: SmsPolicy

    def __call__(self) -> bool:
        """Send one text; say whether there was one."""
        queued = self.queue.claim(self.clock.now())
        if queued:
            self._send(queued)
        return queued is not None

    def _send(self, queued: QueuedText) -> None:
        challenge = self.challenges.find(queued.challenge_id)
        if challenge is None:
            raise ChallengeGone
        delivery, sid = self._handed_over(challenge, queued.channel)
        outcome = Outcome.FAILED if delivery.status is DeliveryStatus.FAILED else Outcome.DONE
        event = replace(about_challenge(Kind.TEXT_SENT, challenge), outcome=outcome, reason=delivery.reason)
        self.queue.settle(queued.text_id, delivery, sid, self.clock.now(), event)

    def _handed_over(self, challenge: Challenge, channel: Channel) -> tuple[Delivery, str | None]:
        try:
            code = code_of(challenge, self.passcodes)
        except KeyError:
            return Delivery(channel, DeliveryStatus.FAILED, "key_retired"), None
        body = text_body(challenge, code, self._summary(challenge), self.policy)
        return self.sender.send(challenge.phone, body, channel)

    def _summary(self, challenge: Challenge) -> str | None:
        if challenge.purpose is not Purpose.APPROVE_OPERATION or challenge.operation_id is None:
            return None
        operation = self.operations.find(challenge.operation_id)
        return operation.summary if operation else None


def code_of(challenge: Challenge, passcodes: PasscodeKey) -> Secret:
    """Return the passcode of a challenge. Raises KeyError when its key is retired."""
    output = passcodes.derive(challenge.key_id, passcode_input(challenge))
    return passcode(output, challenge.code_digits)
