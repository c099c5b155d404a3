"""What the probes ask."""

from flask import Response

from service.edge.jsons import answer
from service.flows import Gateway


def live(gateway: Gateway) -> Response:  # noqa: ARG001  every public view takes the gateway
    """Say that the process runs, whatever it depends on."""
    return _probe({"status": "ok"}, 200)


def ready(gateway: Gateway) -> Response:
    """Say whether requests can be served: without SQL no, without Redis slower."""
    parts = {"sql": gateway.health.sql(), "redis": gateway.health.redis()}
    status = "ok" if all(parts.values()) else "degraded" if parts["sql"] else "unavailable"
    told = {name: "ok" if up else "away" for name, up in parts.items()}
    return _probe({"status": status, "parts": told}, 200 if parts["sql"] else 503)


def _probe(body: dict[str, object], status: int) -> Response:
    response = answer(body, status)
    response.headers["Cache-Control"] = "no-cache"
    return response
