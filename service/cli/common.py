"""What every command shares: settings or a clear sentence, tables for eyes, JSON for programs."""

import json
from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

import click
from rich.console import Console
from rich.table import Table

from service.model.errors import GatewayError
from service.outbound.keys_tink import KeysUnusable
from service.settings import SettingsUnusable

P = ParamSpec("P")
T = TypeVar("T")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def spoken(command: Callable[P, T]) -> Callable[P, T]:
    """Turn what an operator can mend into one sentence and exit code 2."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except (SettingsUnusable, KeysUnusable) as error:
            raise _Refused(str(error)) from error
        except GatewayError as error:
            raise _Refused(error.message) from error

    return run


class _Refused(click.ClickException):
    """What an operator can mend."""

    exit_code = 2


def print_rows(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, as_json: bool
) -> None:
    """Print rows as a table, or as a JSON list of objects."""
    if as_json:
        click.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=2, default=str))
        return
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, no_wrap=column == columns[0])
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    Console(width=None if Console().is_terminal else 140).print(table)
