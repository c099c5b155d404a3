"""gateway migrate: bring the database to this version's schema."""

import click

from service.cli.common import spoken
from service.outbound.migrate_sql import current, downgrade, upgrade
from service.settings import load_settings


@click.command()
@click.option("--down-to", metavar="REVISION", help="Go back to a revision; `base` drops everything.")
@click.option("--yes", is_flag=True, help="Do not ask before going back.")
@spoken
def migrate(down_to: str | None, *, yes: bool) -> None:
    """Apply the migrations that are missing; safe to run again."""
    url = load_settings().database_url
    before = current(url)
    if down_to:
        if not yes:
            click.confirm(f"Go back from {before} to {down_to}? Data in newer tables is lost.", abort=True)
        downgrade(url, down_to)
    else:
        upgrade(url)
    click.echo(f"schema: {before or 'empty'} -> {current(url) or 'empty'}")
