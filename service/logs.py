"""Log lines as JSON on standard error, one event a line."""

import logging
import sys
from pathlib import Path
from traceback import extract_tb

import structlog
from structlog.typing import ExcInfo


def places(exc_info: ExcInfo) -> list[str]:
    """
    Return where an exception came from, innermost last.

    Never its local variables, which are passwords, codes and tokens, and never its
    message: drivers quote in it what they were given.
    """
    _, _, traceback = exc_info
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in extract_tb(traceback)]


def configure() -> None:
    """Write structured lines; other libraries speak up from WARNING on only."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(places),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
