"""The sandbox server: every stand-in behind one port. Run it with `python -m sandbox.server`."""

import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import click
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from sandbox.front import create_app
from sandbox.settings import Credentials
from sandbox.state import State

HOST = "127.0.0.1"


class QuietHandler(WSGIRequestHandler):
    """Write no line per request: the request log is what tells."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def make(state: State, port: int) -> BaseWSGIServer:
    """Bind the threaded server; port 0 takes a free one. Raises OSError where the port is taken."""
    # Werkzeug's own binding prints advice and exits where a port is taken, so it is given a bound socket.
    with socket.create_server((HOST, port), backlog=128) as listener:
        return make_server(
            HOST,
            port,
            create_app(state),
            threaded=True,
            request_handler=QuietHandler,
            fd=listener.fileno(),
        )


@click.command()
@click.option("--port", default=8100, show_default=True, help="0 takes a free one.")
@click.option("--ledger", type=click.Path(path_type=Path), help="Keep executed purchases in this file too.")
def main(port: int, ledger: Path | None) -> None:
    """Stand in for Reloadly and Twilio until SIGTERM."""
    signal.signal(signal.SIGTERM, _stop)
    state = State(ledger, Credentials.from_environment())
    try:
        server = make(state, port)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise click.ClickException(f"cannot listen on port {port}: {reason}") from error
    click.echo(f"sandbox listening on http://{HOST}:{server.port}")
    server.serve_forever()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    # Requests under way are threads that die with the process: a stand-in owes nobody an answer.
    sys.exit(0)


if __name__ == "__main__":
    main()
