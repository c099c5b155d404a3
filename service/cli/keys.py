"""gateway keys: the keysets that seal and derive."""

from datetime import UTC, datetime
from pathlib import Path

import click

from service.cli.common import spoken
from service.outbound.keys_tink import create_keysets


@click.group()
def keys() -> None:
    """Keysets: one file per purpose."""


@keys.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--development", is_flag=True, help="Mark them so that production refuses them.")
@spoken
def create(folder: Path, *, development: bool) -> None:
    """Write fresh keysets into FOLDER; nothing is ever overwritten."""
    create_keysets(folder, datetime.now(UTC), development=development)
    click.echo(f"keysets written to {folder}; keep a copy where a lost disk cannot take it")
