"""create_app(settings, gateway): the WSGI application, built from a gateway that somebody else made."""

from flask import Flask

from service.edge import bounds, limits, problems, routes, telemetry
from service.edge.guard import Guard
from service.edge.jsons import LARGEST
from service.flows import Gateway
from service.settings import Settings


def create_app(settings: Settings, gateway: Gateway) -> Flask:
    """Return the application; it opens no connection but flask-limiter's."""
    app = Flask("service", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    app.url_map.merge_slashes = False
    telemetry.install(app)
    problems.install(app)
    bounds.install(app)
    counting = limits.install(app, settings.limits, settings.redis_url, settings.fleet_processes)
    intake = bounds.Intake(settings.threads)
    routes.register(app, gateway, Guard(gateway, settings.sessions), counting, intake)
    return app
