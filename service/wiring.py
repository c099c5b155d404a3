"""The composition root: the only file that knows who answers which port."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

from service.flows import Gateway
from service.flows.asking import Ask
from service.flows.authenticator import BindTotp, ConfirmAuthenticator, ListAuthenticators, ShowSubscriber
from service.flows.catalogue import ReadCatalogue
from service.flows.challenge import Reauthenticate, SendCode, ShowChallenge, VerifyCode
from service.flows.judge import Judge
from service.flows.login import LogIn
from service.flows.operation import CancelOperation, DraftTopUp, ListOperations, ShowOperation
from service.flows.purchase import ApproveOperation, SendOnce
from service.flows.quote import QuoteTopUp
from service.flows.reconcile import Expire, Reconcile
from service.flows.session import LogOut, RefreshTokens, WhoIsCalling
from service.flows.signup import SignUp
from service.flows.texting import SendTexts, Texting
from service.model.catalogue import Catalogue, read_catalogue
from service.model.errors import UpstreamUnavailable
from service.outbound.accounts_sql import SqlAccounts
from service.outbound.audit_sql import SqlAudit
from service.outbound.bell_threading import ThreadBell
from service.outbound.catalogue_redis import CachedReader
from service.outbound.challenges_sql import SqlChallenges
from service.outbound.clock_system import SystemClock
from service.outbound.database_sql import Database
from service.outbound.hasher_argon2 import Argon2Hasher, hashing_lane
from service.outbound.health_probe import Probe
from service.outbound.hosts_reloadly import AUTH, Hosts
from service.outbound.http_reloadly import JsonHttp
from service.outbound.keys_tink import Keys, load_keysets
from service.outbound.lane_threads import ThreadLane
from service.outbound.leases_sql import SqlLeases
from service.outbound.operations_sql import SqlOperations
from service.outbound.reader_upstream import UpstreamReader
from service.outbound.reconcile_sql import SqlReconciliation
from service.outbound.redis_link import RedisLink
from service.outbound.seal_tink import TinkIndex, TinkPasscodes, TinkSeal, TinkTokens
from service.outbound.sessions_redis import CachedSessions
from service.outbound.sessions_sql import SqlSessions
from service.outbound.sms_off import NoSender
from service.outbound.sms_twilio import API, TwilioAccount, TwilioSender
from service.outbound.texts_sql import SqlTexts
from service.outbound.token_reloadly import Credentials, ReloadlyTokens
from service.outbound.token_rows_sql import TokenRows
from service.outbound.upstream_reloadly import ReloadlyUpstream
from service.ports import (
    AccountStore,
    AuditLog,
    CatalogueReader,
    ChallengeStore,
    Clock,
    Health,
    OperationStore,
    PasscodeKey,
    PasswordHasher,
    Reconciliation,
    SendLane,
    SessionStore,
    SmsSender,
    TextQueue,
    TokenKey,
    Upstream,
)
from service.settings import Settings, SettingsUnusable, read_secret


@dataclass(frozen=True, slots=True)
class Parts:
    """Whoever answers each port, in one process."""

    accounts: AccountStore
    challenges: ChallengeStore
    queue: TextQueue
    sessions: SessionStore
    operations: OperationStore
    due: Reconciliation
    audit: AuditLog
    hasher: PasswordHasher
    passcodes: PasscodeKey
    tokens: TokenKey
    sms: SmsSender
    upstream: Upstream
    reader: CatalogueReader
    lane: SendLane
    health: Health
    clock: Clock
    bell: ThreadBell
    catalogue: Catalogue
    database: Database


def load_catalogue() -> Catalogue:
    """Read the shipped catalogue."""
    return read_catalogue(files("service").joinpath("catalogue.toml").read_text("utf-8"))


def make_parts(
    settings: Settings,
    *,
    clock: Clock | None = None,
    sms: SmsSender | None = None,
    upstream: Upstream | None = None,
) -> Parts:
    """Build the real parts; a keyword replaces one."""
    keys = load_keysets(settings.keys_dir, allow_development=settings.environment == "development")
    vault = _Vault(keys)
    clock = clock or SystemClock()
    database, link, catalogue = (
        Database(settings.database_url),
        RedisLink(settings.redis_url),
        load_catalogue(),
    )
    upstream = upstream or _reloadly(settings, database, vault.seal("caches"), clock)
    return Parts(
        accounts=vault.accounts(database, settings),
        challenges=vault.challenges(database, settings),
        queue=SqlTexts(database),
        sessions=vault.sessions(database, link, settings),
        operations=SqlOperations(database, vault.seal("personal"), settings.money),
        due=SqlReconciliation(database, vault.seal("personal"), settings.money),
        audit=SqlAudit(database, clock),
        hasher=Argon2Hasher(
            settings.passwords, hashing_lane(settings.passwords, processes=settings.processes)
        ),
        passcodes=TinkPasscodes(keys.prfs["passcodes"]),
        tokens=vault.tokens,
        sms=sms or _texts(settings),
        upstream=upstream,
        reader=_reader(settings.reloadly_environment, upstream, catalogue, link, vault.seal("caches"), clock),
        lane=ThreadLane(settings.money),
        health=Probe(database, link),
        clock=clock,
        bell=ThreadBell(),
        catalogue=catalogue,
        database=database,
    )


@dataclass(frozen=True, slots=True)
class _Vault:
    """The stores that seal and index, each with the keys of its purposes."""

    keys: Keys

    def seal(self, purpose: str) -> TinkSeal:
        return TinkSeal(self.keys.aeads[purpose])

    def index(self, purpose: str) -> TinkIndex:
        return TinkIndex(self.keys.prfs[purpose], purpose)

    @property
    def tokens(self) -> TinkTokens:
        return TinkTokens(self.keys.prfs["tokens"])

    def accounts(self, database: Database, settings: Settings) -> SqlAccounts:
        return SqlAccounts(
            database,
            personal=self.seal("personal"),
            seeds=self.seal("seeds"),
            pepper=self.seal("pepper"),
            phones=self.index("phones"),
            pseudonyms=self.index("pseudonyms"),
            tokens=self.tokens,
            policy=settings.codes,
        )

    def challenges(self, database: Database, settings: Settings) -> SqlChallenges:
        return SqlChallenges(
            database, self.seal("personal"), self.seal("pepper"), self.index("pseudonyms"), settings.codes
        )

    def sessions(self, database: Database, link: RedisLink, settings: Settings) -> CachedSessions:
        phones, policy = self.index("phones"), settings.sessions
        store = SqlSessions(database, self.seal("personal"), self.seal("pepper"), phones, self.tokens, policy)
        return CachedSessions(store, link, self.seal("caches"), self.tokens, policy)


def _reader(
    scope: str, upstream: Upstream, catalogue: Catalogue, link: RedisLink, seal: TinkSeal, clock: Clock
) -> CatalogueReader:
    return CachedReader(UpstreamReader(upstream, catalogue), link, seal, clock, scope)


def _credentials(settings: Settings) -> Callable[[], Credentials]:
    """Return what reads the credentials anew each time: the files may have been replaced."""
    files = settings.reloadly_client_id_file, settings.reloadly_client_secret_file

    def read() -> Credentials:
        try:
            return Credentials(*map(read_secret, files))
        except SettingsUnusable as error:
            # A file in the middle of being replaced: nothing was sent.
            raise UpstreamUnavailable from error

    return read


def _reloadly(settings: Settings, database: Database, seal: TinkSeal, clock: Clock) -> ReloadlyUpstream:
    products = {"airtime": settings.reloadly_airtime_url} if settings.reloadly_airtime_url else {}
    hosts = Hosts(settings.reloadly_environment, settings.reloadly_auth_url or AUTH, products)
    http, leases = JsonHttp(settings.egress_proxy), SqlLeases(database)
    source = ReloadlyTokens(hosts, _credentials(settings), http, TokenRows(database, seal), leases, clock)
    return ReloadlyUpstream(hosts, source, http, settings.money)


def _texts(settings: Settings) -> SmsSender:
    if not settings.sms_countries:
        return NoSender()
    given = (settings.twilio_account_sid, settings.twilio_api_key_sid, settings.twilio_from)
    account_sid, key_sid, sender = (value or "" for value in given)
    if settings.twilio_api_key_secret_file is None:
        raise SettingsUnusable("TWILIO_API_KEY_SECRET_FILE is not set")
    return TwilioSender(
        TwilioAccount(
            account_sid,
            key_sid,
            read_secret(settings.twilio_api_key_secret_file),
            sender,
            base_url=settings.twilio_url or API,
            proxy=settings.egress_proxy,
            validity=settings.codes.life,
        )
    )


def wire(settings: Settings, parts: Parts) -> Gateway:
    """Compose every verb of the product from its parts."""
    p, s = parts, settings
    texting = Texting(p.challenges, p.clock, p.bell.ring)
    ask = Ask(p.challenges, p.passcodes, texting, p.clock, s.codes)
    judge = Judge(p.accounts, p.challenges, p.passcodes, p.clock)
    show_challenge, show_subscriber = ShowChallenge(p.challenges, p.clock), ShowSubscriber(p.accounts)
    show_operation, quote = ShowOperation(p.operations), QuoteTopUp(p.catalogue, p.reader, s.money)
    return Gateway(
        sign_up=SignUp(p.accounts, p.hasher, ask, s.passwords, s.sms),
        log_in=LogIn(p.accounts, p.hasher, ask, p.audit, p.clock, s.passwords),
        show_challenge=show_challenge,
        send_code=SendCode(show_challenge, texting),
        verify_code=_verify(p, s, show_challenge, judge),
        reauthenticate=Reauthenticate(show_subscriber, ask),
        who_is_calling=WhoIsCalling(p.sessions, p.clock),
        refresh_tokens=RefreshTokens(p.sessions, p.clock),
        log_out=LogOut(p.sessions, p.clock),
        show_subscriber=show_subscriber,
        list_authenticators=ListAuthenticators(show_subscriber),
        bind_totp=BindTotp(p.accounts, show_subscriber, p.clock, s.codes, s.service_name),
        confirm_authenticator=ConfirmAuthenticator(p.accounts, p.sessions, show_subscriber, p.clock),
        read_catalogue=ReadCatalogue(p.catalogue, p.reader),
        draft_top_up=_draft_top_up(p, s, show_subscriber, quote, ask),
        show_operation=show_operation,
        list_operations=ListOperations(p.operations),
        cancel_operation=CancelOperation(p.operations, show_operation, p.clock),
        approve_operation=_approve(p, s, show_operation, judge, quote),
        send_texts=SendTexts(p.queue, p.challenges, p.operations, p.passcodes, p.sms, p.clock, s.sms),
        reconcile=_reconcile(p, s),
        expire=Expire(p.due, p.clock),
        health=p.health,
        clock=p.clock,
    )


def _verify(p: Parts, s: Settings, show: ShowChallenge, judge: Judge) -> VerifyCode:
    return VerifyCode(show, judge, p.challenges, p.sessions, p.tokens, p.clock, s.sessions)


def _draft_top_up(p: Parts, s: Settings, show: ShowSubscriber, quote: QuoteTopUp, ask: Ask) -> DraftTopUp:
    return DraftTopUp(p.operations, show, quote, ask, p.clock, s.money, s.sms, s.reloadly_environment)


def _approve(p: Parts, s: Settings, show: ShowOperation, judge: Judge, quote: QuoteTopUp) -> ApproveOperation:
    send = SendOnce(p.operations, p.upstream, p.catalogue, p.audit, p.clock)
    environment = s.reloadly_environment
    return ApproveOperation(p.operations, show, judge, quote, send, p.lane, p.clock, s.money, environment)


def _reconcile(p: Parts, s: Settings) -> Reconcile:
    environment = s.reloadly_environment
    return Reconcile(p.operations, p.due, p.upstream, p.catalogue, p.audit, p.clock, s.money, environment)
