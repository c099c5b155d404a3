"""gateway serve: the production server."""

import os

import click
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from service.cli.common import spoken
from service.outbound.database_sql import Database
from service.outbound.keys_tink import load_keysets
from service.outbound.migrate_sql import is_current
from service.settings import Settings, SettingsUnusable, load_settings


@click.command()
@click.option(
    "--insecure-dev", is_flag=True, help="Allow development keys, plain HTTP and embedded parts, on loopback."
)
@spoken
def serve(*, insecure_dev: bool) -> None:
    """Serve HTTP until SIGTERM, which lets running requests finish."""
    if insecure_dev:
        os.environ["INSECURE_DEV"] = "true"
    settings = load_settings()
    settings.check_serving()
    _check_parts(settings)
    _server(settings).serve()


def _check_parts(settings: Settings) -> None:
    """Refuse early; everything opened here is closed before the server forks."""
    load_keysets(settings.keys_dir, allow_development=settings.insecure_dev)
    database = Database(settings.database_url)
    try:
        if not is_current(database):
            raise SettingsUnusable("The database schema is not this version's. Run: gateway migrate")
    finally:
        database.dispose()


def _server(settings: Settings) -> MPServer:
    return MPServer(
        "service.wsgi:make_app",
        factory=True,
        interface=Interfaces.WSGI,
        address=settings.host,
        port=settings.port,
        workers=settings.processes,
        blocking_threads=settings.threads,
        # Open connections, most of them idle, not running requests: phones keep theirs open.
        backpressure=4096,
        http=HTTPModes.http1,
        # Request line and headers together in bytes; an idle connection is closed after five seconds.
        http1_settings=HTTP1Settings(max_buffer_size=18_432, header_read_timeout=5_000),
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=35,
        log_level=LogLevels.warning,
    )
