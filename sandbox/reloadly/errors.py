"""The two shapes in which Reloadly refuses, and the exception that carries a refusal there."""

from dataclasses import dataclass

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed

from sandbox import clock
from sandbox.exact import Json, answer


@dataclass(frozen=True)
class Refusal(Exception):
    """Say no in the business shape; `code` may be None, as it is for many real refusals."""

    status: int
    code: str | None
    message: str
    details: tuple[object, ...] = ()


def business(refusal: Refusal, path: str) -> Json:
    """Shape a business error: note the capital S of `timeStamp`."""
    return {
        "timeStamp": clock.plain(clock.now()),
        "message": refusal.message,
        "path": path,
        "errorCode": refusal.code,
        "infoLink": None,
        "details": list(refusal.details),
    }


def spring(status: int, error: str, path: str) -> Json:
    """Shape what the framework itself says about unknown paths and crashes."""
    return {"timestamp": clock.spring(clock.now()), "status": status, "error": error, "path": path}


def invalid_input(field: str, issue: str) -> Refusal:
    detail = {"field": field, "issue": issue}
    return Refusal(400, "INVALID_INPUT_PROVIDED", f"{field}: {issue}", (detail,))


def install(app: Flask) -> None:
    """Make an app of a Reloadly host answer every refusal and failure in Reloadly's shapes."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _failed)


def _refused(refusal: Refusal) -> Response:
    return answer(business(refusal, request.path), refusal.status)


def _failed(error: HTTPException) -> Response:
    if isinstance(error, MethodNotAllowed):
        message = f"Request method '{request.method}' not supported"
        return _refused(Refusal(405, "METHOD_NOT_SUPPORTED", message))
    status = error.code or InternalServerError.code
    return answer(spring(status, error.name, request.path), status)
