"""gateway show: one subscriber, or one operation, as the database has it."""

from datetime import datetime

import click

from service.cli.common import as_json, print_rows, spoken
from service.model.errors import NoSuchThing
from service.model.operation import Operation
from service.model.phone import parse_phone
from service.model.subscriber import Subscriber
from service.settings import load_settings
from service.wiring import Parts, make_parts


@click.command()
@click.argument("what", metavar="PHONE|OPERATION_ID")
@as_json
@spoken
def show(what: str, *, as_json: bool) -> None:
    """Show a subscriber by number, with authenticators and operations, or one operation by its id."""
    parts = make_parts(load_settings())
    if what.startswith("+"):
        _show_subscriber(parts, what, as_json=as_json)
        return
    operation = parts.operations.find(what)
    if operation is None:
        raise NoSuchThing("There is no operation of that id.")
    print_rows("Operation", _OPERATION, [_row(operation)], as_json=as_json)


_OPERATION = ("operation", "status", "amount", "cost", "upstream", "created", "approved", "updated")


def _row(operation: Operation) -> tuple[object, ...]:
    """Return a row without the beneficiary: operators see no personal data unasked."""
    return (
        operation.operation_id,
        operation.status.value,
        str(operation.delivered),
        str(operation.cost),
        operation.upstream_id,
        _when(operation.created_at),
        _when(operation.approved_at),
        _when(operation.updated_at),
    )


def _when(at: datetime | None) -> str | None:
    return f"{at:%m-%d %H:%M:%S}" if at else None


def _show_subscriber(parts: Parts, phone: str, *, as_json: bool) -> None:
    subscriber = parts.accounts.by_phone(parse_phone(phone))
    if subscriber is None:
        raise NoSuchThing("No subscriber has that number.")
    print_rows("Subscriber", _SUBSCRIBER, _authenticators(subscriber), as_json=as_json)
    operations = parts.operations.listed(subscriber.subscriber_id, None, 20)
    print_rows("Latest operations", _OPERATION, [_row(one) for one in operations], as_json=as_json)


_SUBSCRIBER = ("subscriber", "standing", "authenticator", "state", "failures in a row", "bound")


def _authenticators(subscriber: Subscriber) -> list[tuple[object, ...]]:
    return [
        (
            subscriber.subscriber_id,
            subscriber.standing.value,
            one.kind.value,
            one.state.value,
            one.streak,
            f"{one.created_at:%Y-%m-%d %H:%M}",
        )
        for one in subscriber.authenticators
    ]
