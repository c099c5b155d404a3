"""gateway catalogue: what of Reloadly a session can reach."""

import click

from service.cli.common import as_json, print_rows, spoken
from service.wiring import load_catalogue


@click.command()
@as_json
@spoken
def catalogue(*, as_json: bool) -> None:
    """Show every permitted upstream operation; what is not here does not exist for a client."""
    rows = [
        (
            rule.operation,
            rule.product,
            rule.method,
            rule.path,
            " ".join(sorted(rule.query)),
            "yes" if rule.spends else "no",
            rule.cache,
            rule.limit,
        )
        for rule in load_catalogue().rules
    ]
    columns = ("operation", "product", "method", "path", "query", "spends", "cache", "limit")
    print_rows("Catalogue", columns, rows, as_json=as_json)
