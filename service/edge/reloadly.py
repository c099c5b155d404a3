"""Reloadly's own paths: catalogue reads, and money calls in Reloadly's shape."""

import gzip
import hashlib
from decimal import Decimal

from flask import Response, request

from service.edge import bodies, guard
from service.edge.answers import operation_body
from service.edge.bodies import ReloadlyPhone, parse
from service.edge.jsons import answer, read_object
from service.edge.limits import Limits
from service.edge.operation import described, read_key
from service.edge.problems import problem_of
from service.flows import Gateway
from service.model.catalogue import Rule
from service.model.errors import ApprovalRequired, OperationClosed, UpstreamRefused
from service.model.money import parse_amount
from service.model.operation import Failure, Operation, Status
from service.model.phone import PhoneNumber, parse_recipient
from service.model.session import Session
from service.model.topup import Wish
from service.ports import Reading

_SMALLEST_WORTH_PACKING = 1024


def call(gateway: Gateway, session: Session, limits: Limits, product: str, path: str) -> Response:
    """Answer one of Reloadly's paths. Raises OperationNotListed for all that the catalogue lacks."""
    method = "GET" if request.method == "HEAD" else request.method
    rule, parameters = gateway.read_catalogue.match(product, method, path)
    if rule.limit != "catalogue":
        limits.check(rule.limit, session.subscriber_id)
    pairs = list(request.args.items(multi=True))
    if rule.spends:
        rule.build_query(pairs)
        return _top_up(gateway)
    body = read_object(request) if request.method == "POST" else {}
    return _read(rule, gateway.read_catalogue(rule, parameters, pairs, body))


def _read(rule: Rule, reading: Reading) -> Response:
    response = Response(reading.text, mimetype="application/json")
    response.headers["Cache-Control"] = f"private, max-age={max(0, rule.cache - reading.age)}"
    response.headers["Cache-Status"] = f"approval-gateway; {'hit' if reading.hit else 'fwd=miss'}"
    response.headers["Vary"] = "Accept-Encoding"
    if reading.hit:
        response.headers["Age"] = str(reading.age)
    response.set_etag(hashlib.sha256(reading.text).hexdigest()[:32], weak=True)
    if request.if_none_match.contains_weak(response.get_etag()[0] or ""):
        response.status_code = 304
        response.set_data(b"")
    return _packed(response)


def _packed(response: Response) -> Response:
    """Compress what is worth it; a 304 has nothing to compress."""
    wanted = request.accept_encodings["gzip"] > 0
    if wanted and response.status_code == 200 and len(response.get_data()) >= _SMALLEST_WORTH_PACKING:
        response.set_data(gzip.compress(response.get_data(), compresslevel=5))
        response.headers["Content-Encoding"] = "gzip"
    return response


def _top_up(gateway: Gateway) -> Response:
    """Draft a top-up, or answer by the state of the one its key stands for."""
    session = guard.confirm(gateway)
    body = parse(bodies.TopUp, read_object(request))
    wish = Wish(
        operator_id=body.operatorId,
        amount=parse_amount(body.amount),
        recipient=_number(body.recipientPhone),
        sender=_number(body.senderPhone) if body.senderPhone else None,
        local=body.useLocalAmount,
    )
    key = read_key(body.customIdentifier)
    operation = gateway.draft_top_up(session, wish, key, body.customIdentifier).operation
    return described(_by_state(gateway, operation), operation)


def _number(phone: ReloadlyPhone) -> PhoneNumber:
    return parse_recipient(str(phone.number), phone.countryCode.upper())


def _by_state(gateway: Gateway, operation: Operation) -> Response:
    match operation.status:
        case Status.AWAITING_APPROVAL:
            return problem_of(ApprovalRequired(operation=operation_body(operation, gateway.clock.now())))
        case Status.CANCELLED | Status.EXPIRED:
            return problem_of(OperationClosed())
        case Status.FAILED:
            failure = operation.failure or Failure(UpstreamRefused.code, UpstreamRefused.detail)
            return problem_of(UpstreamRefused(failure.code, failure.detail))
        case Status.SUCCEEDED | Status.REFUNDED:
            return answer(_reloadly_body(operation))
    return answer(_undecided(operation), 202)


def _reloadly_body(operation: Operation) -> dict[str, object]:
    """Return Reloadly's own answer as it was kept, the client's own identifier put back."""
    body = operation.reply or _undecided(operation)
    return {**body, "status": _STATUS[operation.status], "customIdentifier": operation.client_reference}


_STATUS = {Status.SUCCEEDED: "SUCCESSFUL", Status.REFUNDED: "REFUNDED"}


def _undecided(operation: Operation) -> dict[str, object]:
    asked = operation.request.body
    return {
        "transactionId": operation.upstream_id,
        "status": "PROCESSING",
        "customIdentifier": operation.client_reference,
        "operatorId": asked["operatorId"],
        "requestedAmount": Decimal(str(asked["amount"])),
    }
