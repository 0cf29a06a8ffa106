"""What is told, live and by webhook."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ._values import exact, moment
from .types import CREDIT_FIELDS


@dataclass(frozen=True)
class Event:
    """Something that happened. Ignore the types that you do not know: there will be more."""

    #: Such as `credits.added`; all are in `purser.types.EVENT_TYPES`.
    type: str
    #: Its fields, with credits as Decimal.
    data: dict[str, Any]
    timestamp: datetime | None = None
    #: The `webhook-id` of a webhook: one that you have seen is a repetition.
    id: str | None = None
    #: With the live event `wallet.state`: how many events of each wallet you have not seen since the state before.
    missed: dict[str, int] = field(default_factory=dict)

    @property
    def wallet_id(self) -> str | None:
        return self.data.get("walletId")

    @property
    def sequence(self) -> int | None:
        """Its place among the events of its wallet: of two, the larger is the later."""
        return self.data.get("sequence")

    @property
    def reference(self) -> str | None:
        """With an event about an order: the reference that you gave it."""
        return self.data.get("reference")


def of_webhook(message_id: str, body: dict[str, Any]) -> Event:
    return Event(body["type"], exact(body.get("data", {}), CREDIT_FIELDS), moment(body["timestamp"]), message_id)


def of_stream(message: dict[str, Any], missed: dict[str, int]) -> Event:
    data = exact({name: part for name, part in message.items() if name not in ("type", "timestamp")}, CREDIT_FIELDS)
    told = message.get("timestamp")
    return Event(message["type"], data, moment(told) if told else None, missed=missed)
