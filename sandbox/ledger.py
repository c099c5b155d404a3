"""The append-only ledger of executed purchases: the judge of "never twice"."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from sandbox.exact import Json, read_object, write


@dataclass(frozen=True, slots=True)
class Charge:
    """Hold one executed purchase. `amount` is in `currency`, `cost` is what the wallet paid in USD."""

    transaction_id: int
    identifier: str | None
    product: str
    amount: Decimal
    currency: str
    cost: Decimal
    recipient: str
    at: str
    refunded: bool = False


class Ledger:
    """Keep charges in memory and, where a file is named, as one JSON line per event.

    An existing file is read back, so that a stand-in that was killed still knows what it has executed.
    The caller holds the lock of the state.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._charges: dict[int, Charge] = {}
        for line in path.read_text().splitlines() if path and path.exists() else []:
            self._replay(read_object(line))

    def charges(self) -> list[Charge]:
        return list(self._charges.values())

    def charge(self, entry: Charge) -> None:
        self._charges[entry.transaction_id] = entry
        self._append({"event": "charge", **asdict(entry)})

    def refund(self, transaction_id: int, at: datetime) -> None:
        self._charges[transaction_id] = replace(self._charges[transaction_id], refunded=True)
        self._append({"event": "refund", "transaction_id": transaction_id, "at": at.isoformat()})

    def forget(self) -> None:
        """Start anew; the file keeps its history and says where the new start is."""
        self._charges.clear()
        self._append({"event": "reset"})

    def _append(self, event: Json) -> None:
        if self._path:
            with self._path.open("a") as file:
                file.write(write(event) + "\n")

    def _replay(self, event: Json) -> None:
        match event.pop("event"):
            case "charge":
                entry = Charge(**event)  # type: ignore[arg-type]
                self._charges[entry.transaction_id] = entry
            case "refund":
                known = self._charges[int(str(event["transaction_id"]))]
                self._charges[known.transaction_id] = replace(known, refunded=True)
            case _:
                self._charges.clear()
