"""The map: verb, path, view, assurance asked for, limit."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Flask, Response, request

from service.edge import authenticator, challenge, docs, health, login, operation, reloadly, session, signup
from service.edge.bodies import (
    ApproveOperation,
    Body,
    ConfirmAuthenticator,
    DraftTopUp,
    Empty,
    LogIn,
    RefreshTokens,
    RevokeTokens,
    SendCode,
    SignUp,
    VerifyCode,
    parse,
)
from service.edge.bounds import Intake
from service.edge.guard import Assurance, Guard
from service.edge.jsons import read_object
from service.edge.limits import Limits, address_bucket
from service.flows import Gateway
from service.model.errors import BadRequest
from service.model.session import Session

_ANYONE, _HOLDER, _READER = Assurance.ANYONE, Assurance.HOLDER, Assurance.READER
_SESSION, _FRESH = Assurance.SESSION, Assurance.FRESH
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Route:
    """
    One line of the map.

    `limit` names a class of LimitPolicy; None is for the probes alone. `query` lists the
    parameters it takes. In the compatible lane paths, queries, bodies and narrower limits
    are the catalogue's: there the view gets the limits, and reads the request itself.
    """

    operation: str
    at: str
    view: Callable[..., Response]
    assurance: Assurance
    limit: str | None
    body: type[Body] = Empty
    query: tuple[str, ...] = ()
    compatible: bool = False

    @property
    def verb(self) -> str:
        return self.at.split()[0]

    @property
    def path(self) -> str:
        return self.at.split()[1]


# One line each, so that the whole product is seen at once.
# fmt: off
ROUTES = (
    Route("signUp",               "POST /v1/signup",                                        signup.sign_up,                _ANYONE,  "account", SignUp),
    Route("logIn",                "POST /v1/login",                                         login.log_in,                  _ANYONE,  "account", LogIn),
    Route("showChallenge",        "GET  /v1/challenges/<challenge_id>",                     challenge.show,                _HOLDER,  "account"),
    Route("sendCode",             "POST /v1/challenges/<challenge_id>/send",                challenge.send,                _HOLDER,  "account", SendCode),
    Route("verifyCode",           "POST /v1/challenges/<challenge_id>/verify",              challenge.verify,              _HOLDER,  "account", VerifyCode),
    Route("reauthenticate",       "POST /v1/reauthenticate",                                challenge.reauthenticate,      _SESSION, "session"),
    Route("refreshTokens",        "POST /v1/tokens/refresh",                                session.refresh,               _ANYONE,  "account", RefreshTokens),
    Route("logOut",               "POST /v1/tokens/revoke",                                 session.log_out,               _HOLDER,  "account", RevokeTokens),

    Route("showSubscriber",       "GET  /v1/me",                                            authenticator.show_subscriber, _SESSION, "session"),
    Route("listAuthenticators",   "GET  /v1/authenticators",                                authenticator.listed,          _SESSION, "session"),
    Route("bindTotp",             "POST /v1/authenticators/totp",                           authenticator.bind_totp,       _FRESH,   "session"),
    Route("confirmAuthenticator", "POST /v1/authenticators/<authenticator_id>/confirm",     authenticator.confirm,         _SESSION, "session", ConfirmAuthenticator),

    Route("draftTopUp",           "POST /v1/operations/top-ups",                            operation.draft_top_up,        _SESSION, "money",   DraftTopUp),
    Route("listOperations",       "GET  /v1/operations",                                    operation.listed,              _SESSION, "session", query=("cursor", "limit")),
    Route("showOperation",        "GET  /v1/operations/<operation_id>",                     operation.show,                _SESSION, "session"),
    Route("approveOperation",     "POST /v1/operations/<operation_id>/approve",             operation.approve,             _SESSION, "money",   ApproveOperation),
    Route("cancelOperation",      "POST /v1/operations/<operation_id>/cancel",              operation.cancel,              _SESSION, "session"),

    Route("readReloadly",         "GET  /v1/reloadly/<product>/<path:path>",                reloadly.call,                 _READER,  "catalogue", compatible=True),
    Route("callReloadly",         "POST /v1/reloadly/<product>/<path:path>",                reloadly.call,                 _READER,  "catalogue", compatible=True),

    Route("showLiveness",         "GET  /healthz",                                          health.live,                   _ANYONE,  None),
    Route("showReadiness",        "GET  /readyz",                                           health.ready,                  _ANYONE,  None),
    Route("showContract",         "GET  /openapi.yaml",                                     docs.contract,                 _ANYONE,  None),
)
# fmt: on


def register(app: Flask, gateway: Gateway, guard: Guard, limits: Limits, intake: Intake) -> None:
    """Put every route on the app."""
    for route in ROUTES:
        app.add_url_rule(
            route.path,
            endpoint=route.operation,
            view_func=_view(route, gateway, guard, limits, intake),
            methods=[route.verb],
            provide_automatic_options=False,
        )


def _view(
    route: Route, gateway: Gateway, guard: Guard, limits: Limits, intake: Intake
) -> Callable[..., Response]:
    """Return what Flask calls: limit, session, body, then the view with just what it asked for."""

    def view(**path: str) -> Response:
        caller = _let_in(route, guard, limits)
        path = path if route.compatible else _ids(path)
        arguments: list[object] = [gateway] if route.assurance is _ANYONE else [gateway, caller]
        if route.verb == "POST":
            intake.receive(caller)
        if route.compatible:
            return route.view(*arguments, limits, **path)
        body = _body(route)
        if route.body is not Empty:
            arguments.append(body)
        return route.view(*arguments, **path)

    return view


def _ids(path: Mapping[str, str]) -> dict[str, str]:
    """Return the ids in a path; what cannot be one of ours becomes one that nobody has."""
    return {name: text if _ID.fullmatch(text) else "-" for name, text in path.items()}


def _let_in(route: Route, guard: Guard, limits: Limits) -> Session | None:
    """Count by network where nobody is known yet, by subscriber where somebody is."""
    known = route.assurance not in (_ANYONE, _HOLDER)
    if route.limit and not known:
        limits.check(route.limit, address_bucket())
    caller = guard.session(route.assurance)
    if route.limit and known and caller:
        limits.check(route.limit, caller.subscriber_id)
    return caller


def _body(route: Route) -> Body:
    """Return the parsed body; a query that the route does not have is refused with it."""
    unknown = sorted(set(request.args) - set(route.query))
    repeated = sorted(name for name in request.args if len(request.args.getlist(name)) > 1)
    if unknown or repeated:
        wrong = [{"pointer": f"?{name[:64]}", "detail": "unknown or repeated"} for name in unknown + repeated]
        raise BadRequest("The query does not follow the contract.", errors=wrong)
    return parse(route.body, read_object(request) if route.verb == "POST" else {})
