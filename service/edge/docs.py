"""The contract, as it is in the repository."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from flask import Response

from service.flows import Gateway


def contract(gateway: Gateway) -> Response:  # noqa: ARG001  every public view takes the gateway
    """Serve openapi.yaml."""
    response = Response(_text(), mimetype="application/yaml")
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@cache
def _text() -> str:
    packaged = files("service").joinpath("openapi.yaml")
    beside = Path(__file__).parents[2] / "openapi.yaml"
    return packaged.read_text("utf-8") if packaged.is_file() else beside.read_text("utf-8")
