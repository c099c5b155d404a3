"""The report of the whole account's top-ups."""

from datetime import UTC, datetime, timedelta, timezone

from flask import Flask, Response, request

from sandbox.exact import answer
from sandbox.reloadly import paging
from sandbox.reloadly.book import Topup
from sandbox.reloadly.desk import Desk
from sandbox.reloadly.errors import Refusal, invalid_input
from sandbox.state import State

# Bodies are in UTC, but the date filters are read as this wall clock.
FILTER_ZONE = timezone(timedelta(hours=-4))


class ReportRoutes:
    """Answer `/topups/reports/transactions` and one transaction of it."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._desk = Desk(state)

    def register(self, app: Flask) -> None:
        app.add_url_rule("/topups/reports/transactions", view_func=self.report)
        app.add_url_rule("/topups/reports/transactions/<int:transaction_id>", view_func=self.report_of)

    def report(self) -> Response:
        with self._state.lock:
            found = [topup for topup in self._state.book.all() if _wanted(topup)]
        return answer(paging.TOPUPS.answer(found, self._row))

    def report_of(self, transaction_id: int) -> Response:
        topup = self._desk.read(transaction_id)
        if topup is None:
            raise Refusal(404, None, "Transaction not found")
        return answer(topup.as_json())

    def _row(self, topup: Topup) -> object:
        read = self._desk.read(topup.id) or topup
        return read.as_json()


def _wanted(topup: Topup) -> bool:
    operator = topup.order.operator
    return (
        _same("countryCode", operator.country)
        and _same("operatorId", str(operator.id))
        and _same("operatorName", operator.name)
        and _same("customIdentifier", topup.order.identifier or "")
        and _between(topup.at)
    )


def _same(name: str, value: str) -> bool:
    """Compare a filter without regard to case, the identifier too, which is case-sensitive in use."""
    asked = request.args.get(name)
    return not asked or asked.casefold() == value.casefold()


def _between(moment: datetime) -> bool:
    start, end = _filter_date("startDate"), _filter_date("endDate")
    # Filters know whole seconds only.
    second = moment.replace(microsecond=0)
    return (start is None or start <= second) and (end is None or second <= end)


def _filter_date(name: str) -> datetime | None:
    text = request.args.get(name)
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=FILTER_ZONE).astimezone(UTC)
    except ValueError:
        raise invalid_input(name, "must be written YYYY-MM-DD HH:MM:SS") from None
