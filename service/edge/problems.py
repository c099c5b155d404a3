"""Errors out as problems (RFC 9457); the only place that knows statuses."""

import uuid
from collections.abc import Mapping

import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from service.edge.jsons import answer
from service.model import errors

_log = structlog.get_logger("edge")

# From class to status and title; a subclass without a line of its own takes its parent's.
_TABLE: dict[type[errors.GatewayError], tuple[int, str]] = {
    errors.NotAuthenticated: (401, "Not authenticated"),
    errors.InvalidCode: (422, "Wrong code"),
    errors.ChallengeGone: (410, "Challenge gone"),
    errors.NotAllowed: (403, "Not allowed"),
    errors.OperationNotListed: (404, "Not offered"),
    errors.NoSuchThing: (404, "Not found"),
    errors.UpstreamNotFound: (404, "Not found"),
    errors.NotAcceptable: (422, "Not acceptable"),
    errors.BadRequest: (400, "Bad request"),
    errors.IdempotencyKeyMissing: (400, "Idempotency key missing"),
    errors.CustomIdentifierUsed: (400, "Identifier used"),
    errors.OperationClosed: (409, "Operation closed"),
    errors.QuoteChanged: (409, "Quote changed"),
    errors.TooManyWaiting: (409, "Too many waiting"),
    errors.TooManyAttempts: (429, "Too many attempts"),
    errors.DependencyFailed: (503, "Unavailable"),
    errors.UpstreamTimedOut: (504, "Provider timed out"),
    errors.BadUpstreamAnswer: (502, "Provider's answer unreadable"),
    errors.GatewayError: (500, "Internal error"),
}
# What Werkzeug refuses before a view is reached.
_HTTP: dict[int, tuple[str, str]] = {
    404: (errors.NoSuchThing.code, errors.NoSuchThing.detail),
    405: ("METHOD_NOT_ALLOWED", "This path does not take that method."),
    413: ("BODY_TOO_LARGE", "The body is larger than 64 KiB."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "Send JSON: Content-Type: application/json."),
}


def install(app: Flask) -> None:
    """Make every refusal of this app a problem."""
    app.register_error_handler(errors.GatewayError, problem_of)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unmapped)


def status_of(error: errors.GatewayError) -> tuple[int, str]:
    """Return status and title of an error, from the nearest class in the table."""
    return next(_TABLE[kind] for kind in type(error).__mro__ if kind in _TABLE)


def problem_of(error: errors.GatewayError) -> Response:
    """Return the problem document of an error, with the headers its status asks for."""
    status, title = status_of(error)
    response = problem(status, title, error.code, error.message, error.members)
    retry_after = getattr(error, "retry_after", None)
    if status in (429, 503) and retry_after:
        response.headers["Retry-After"] = str(retry_after)
    if status == 401:
        response.headers["WWW-Authenticate"] = _challenge(error)
    return response


def problem(status: int, title: str, code: str, detail: str, members: Mapping[str, object]) -> Response:
    """Write a problem; `errorCode` and `message` say the same to a client written for Reloadly."""
    request_id = structlog.contextvars.get_contextvars().get("request_id") or str(uuid.uuid4())
    body = {
        **members,
        "type": f"/docs/problems/{code.lower().replace('_', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": f"urn:uuid:{request_id}",
        "request_id": request_id,
        "errorCode": code,
        "message": detail,
    }
    return answer(body, status, mimetype="application/problem+json")


def _challenge(error: errors.GatewayError) -> str:
    """Return the WWW-Authenticate value (RFC 6750 section 3, RFC 9470 section 3)."""
    if isinstance(error, errors.StaleAuthentication):
        return f'Bearer error="insufficient_user_authentication", max_age={error.members["max_age"]}'
    if isinstance(error, errors.InvalidToken) and "Authorization" in request.headers:
        return 'Bearer realm="gateway", error="invalid_token"'
    return 'Bearer realm="gateway"'


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    code, detail = _HTTP.get(status, ("BAD_REQUEST", errors.BadRequest.detail))
    status, title = (status, error.name) if status in _HTTP else (400, "Bad request")
    response = problem(status, title, code, detail, {})
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _unmapped(error: Exception) -> Response:
    _log.error("unhandled", error=type(error).__name__, exc_info=error)
    return problem(500, "Internal error", errors.GatewayError.code, errors.GatewayError.detail, {})
