"""Use cases: every verb of the product on one page."""

from dataclasses import dataclass

from service.flows.authenticator import BindTotp, ConfirmAuthenticator, ListAuthenticators, ShowSubscriber
from service.flows.catalogue import ReadCatalogue
from service.flows.challenge import Reauthenticate, SendCode, ShowChallenge, VerifyCode
from service.flows.login import LogIn
from service.flows.operation import CancelOperation, DraftTopUp, ListOperations, ShowOperation
from service.flows.purchase import ApproveOperation
from service.flows.reconcile import Expire, Reconcile
from service.flows.session import LogOut, RefreshTokens, WhoIsCalling
from service.flows.signup import SignUp
from service.flows.texting import SendTexts
from service.ports import Clock, Health


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the product can do; views take it as their first argument."""

    sign_up: SignUp
    log_in: LogIn
    show_challenge: ShowChallenge
    send_code: SendCode
    verify_code: VerifyCode
    reauthenticate: Reauthenticate
    who_is_calling: WhoIsCalling
    refresh_tokens: RefreshTokens
    log_out: LogOut
    show_subscriber: ShowSubscriber
    list_authenticators: ListAuthenticators
    bind_totp: BindTotp
    confirm_authenticator: ConfirmAuthenticator
    read_catalogue: ReadCatalogue
    draft_top_up: DraftTopUp
    show_operation: ShowOperation
    list_operations: ListOperations
    cancel_operation: CancelOperation
    approve_operation: ApproveOperation
    send_texts: SendTexts
    reconcile: Reconcile
    expire: Expire
    health: Health
    clock: Clock
