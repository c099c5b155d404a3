"""Wake a job at once, instead of at its next round."""

import threading


class ThreadBell:
    """Rung by a request after its commit; the job that waits on it runs."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Return when rung, or after `seconds`."""
        self._event.wait(seconds)
        self._event.clear()
