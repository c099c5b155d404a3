"""gateway routes: the map of the product."""

import click

from service.cli.common import as_json, print_rows, spoken
from service.edge.routes import ROUTES


@click.command()
@as_json
@spoken
def routes(*, as_json: bool) -> None:
    """Show every route with what it asks of its caller."""
    rows = [(one.verb, one.path, one.operation, one.assurance.value, one.limit) for one in ROUTES]
    print_rows("Routes", ("verb", "path", "operation", "who", "limit"), rows, as_json=as_json)
