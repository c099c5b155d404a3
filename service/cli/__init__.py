"""The admin command line `gateway`, one file per noun."""

import click

from service import __version__
from service.cli.catalogue import catalogue
from service.cli.keys import keys
from service.cli.migrate import migrate
from service.cli.routes import routes
from service.cli.serve import serve
from service.cli.show import show


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gateway")
def main() -> None:
    """Run and look after the gateway that approves payments."""


for command in (serve, migrate, routes, catalogue, show, keys):
    main.add_command(command)
