"""The gateway that approves payments: a service between a mobile app and Reloadly."""

__version__ = "0.1.0"
