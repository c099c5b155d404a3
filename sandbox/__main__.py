"""The command behind `make run`: the whole product on embedded parts. For development only."""

import os
import signal
import sys
from pathlib import Path
from threading import Event
from types import FrameType

import click

from sandbox.children import ChildError
from sandbox.launch import LaunchError, Running, launched
from sandbox.layout import Layout

TABLE = """\
gateway    {gateway}
contract   {gateway}/openapi.yaml
sandbox    {sandbox}
texts      {sandbox}/sandbox/texts
charges    {sandbox}/sandbox/charges
data       {data}
logs       {data}/logs
command    GATEWAY_ENV_FILE={env_file} {bin}/gateway --help"""


def main() -> None:
    """Run until Ctrl-C or SIGTERM; exit 1 where a part cannot start or dies."""
    stop = Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    try:
        with launched(_layout(), stop) as running:
            click.echo(_table(running))
            click.echo("ready")
            running.watch(stop)
    except InterruptedError:
        return
    except (LaunchError, ChildError) as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def _layout() -> Layout:
    """Read PORT, SANDBOX_PORT and DATA. Raises LaunchError where a port is no number."""
    folder = Path(os.environ.get("DATA") or ".dev").resolve()
    return Layout(folder, _port("PORT", 8000), _port("SANDBOX_PORT", 8100))


def _port(name: str, otherwise: int) -> int:
    value = os.environ.get(name) or str(otherwise)
    if not value.isdecimal() or not 0 < int(value) < 65_536:
        raise LaunchError(f"{name} must be a port number, not {value!r}.")
    return int(value)


def _table(running: Running) -> str:
    layout = running.layout
    return TABLE.format(
        gateway=layout.gateway_url,
        sandbox=layout.sandbox_url,
        data=_short(layout.data),
        env_file=_short(layout.env_file),
        bin=_short(Path(sys.executable).parent),
    )


def _short(path: Path) -> str:
    """Write a path as it would be typed from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


if __name__ == "__main__":
    main()
