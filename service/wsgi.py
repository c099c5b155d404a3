"""What the server loads in each of its processes."""

from flask import Flask

from service import background, logs
from service.app import create_app
from service.settings import load_settings
from service.wiring import make_parts, wire


def make_app() -> Flask:
    """Build the gateway of this process and start its background jobs."""
    logs.configure()
    settings = load_settings()
    settings.check_serving()
    parts = make_parts(settings)
    gateway = wire(settings, parts)
    background.start(background.jobs(gateway, parts.bell.wait))
    return create_app(settings, gateway)
