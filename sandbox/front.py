"""The front of the process: finds the stand-in, logs the request, lets scripted faults in."""

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Request

from sandbox.control import create_control
from sandbox.exact import answer
from sandbox.reloadly.airtime import create_airtime
from sandbox.reloadly.auth import create_auth
from sandbox.state import State
from sandbox.suffering import Exchange, suffer
from sandbox.twilio import create_twilio

CONTROL = "/sandbox"


@dataclass(frozen=True, slots=True)
class Mount:
    """Hold one stand-in: the name of its host in faults and logs, where it stands, and its app."""

    host: str
    prefix: str
    app: WSGIApplication


class Front:
    """Serve every stand-in, and the interface that controls them, as one WSGI application."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._control = create_control(state)
        self._mounts = (
            Mount("auth", "/reloadly/auth", create_auth(state)),
            Mount("airtime", "/reloadly/airtime", create_airtime(state)),
            Mount("twilio", "/twilio", create_twilio(state)),
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if _below(path, CONTROL):
            return self._control(environ, start_response)
        mount = next((mount for mount in self._mounts if _below(path, mount.prefix)), None)
        if mount is None:
            return answer({"error": f"nothing stands at {path}"}, 404)(environ, start_response)
        return self._serve(mount, environ)(environ, start_response)

    def _serve(self, mount: Mount, environ: WSGIEnvironment) -> WSGIApplication:
        """Log the request and answer with the stand-in's app, or with what a fault makes of it."""
        request = Request(environ)
        seen = self._state.requests.add(mount.host, mount.prefix, request)
        _hold_body(request)
        environ["SCRIPT_NAME"] += mount.prefix
        environ["PATH_INFO"] = environ["PATH_INFO"][len(mount.prefix) :]
        fault = self._state.faults.take(mount.host, seen.method, seen.raw_path)
        return suffer(fault, Exchange(mount.app, environ)) if fault else mount.app


def create_app(state: State) -> Front:
    return Front(state)


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def _hold_body(request: Request) -> None:
    """Read the body once, so that the log and the app both have it, whatever way it came."""
    body = request.get_data()
    request.environ.pop("HTTP_TRANSFER_ENCODING", None)
    request.environ.pop("wsgi.input_terminated", None)
    request.environ["wsgi.input"] = BytesIO(body)
    request.environ["CONTENT_LENGTH"] = str(len(body))
