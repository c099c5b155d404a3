"""Everything the stand-ins remember, behind one lock."""

from pathlib import Path
from threading import RLock

from sandbox.faults import FaultQueue
from sandbox.ledger import Ledger
from sandbox.reloadly.book import Book
from sandbox.reloadly.catalogue import Catalogue
from sandbox.reloadly.tokens import Keyring
from sandbox.requests_log import RequestLog
from sandbox.settings import START_BALANCE, Credentials, Settings
from sandbox.texts import Outbox
from sandbox.wallet import Wallet


class State:
    """Compose the parts; whoever reads and then writes holds `lock` meanwhile."""

    def __init__(self, ledger: Path | None = None, credentials: Credentials | None = None) -> None:
        self.lock = RLock()
        self.credentials = credentials or Credentials()
        self.settings = Settings()
        self.catalogue = Catalogue.load()
        self.keyring = Keyring()
        self.ledger = Ledger(ledger)
        self.wallet = Wallet(START_BALANCE)
        self.book = Book.after(self.ledger.charges())
        self.requests = RequestLog()
        self.faults = FaultQueue(self.lock)
        self.texts = Outbox()

    def reset(self) -> None:
        """Forget everything but tokens and the count of transactions.

        A gateway under test keeps its token, and no two transactions ever share a number.
        """
        with self.lock:
            self.settings = Settings()
            self.wallet.set(START_BALANCE)
            for part in (self.ledger, self.book, self.requests, self.faults, self.texts):
                part.forget()
