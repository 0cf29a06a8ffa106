"""What goes wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ._values import decode
from .types import ReachedLimit


class PurserError(Exception):
    """Anything that this package raises about the API."""


class ConnectionFailed(PurserError):
    """The API did not answer, however often it was asked. Whether the request was done is unknown: send it again with the
    same idempotency key to find out."""


class ApiError(PurserError):
    """The API refuses. Its subclasses in `purser.errors` tell the codes apart."""

    #: The code of the class; the instance has the one that came.
    code: str = "unknown"

    def __init__(self, status: int, detail: dict[str, Any]) -> None:
        self.status = status
        self.code = str(detail.get("code", "unknown"))
        self.message = str(detail.get("message", ""))
        #: The field, parameter or header that is wrong.
        self.param: str | None = detail.get("param")
        #: Names the request in the API's log.
        self.request_id: str | None = detail.get("requestId")
        #: With `InsufficientCredits`: what can be spent, and what was asked for.
        self.available = _credits(detail.get("available"))
        self.needed = _credits(detail.get("needed"))
        #: With `LimitReached`: whose limit it is, what is left of it, and when it begins anew.
        self.limit: ReachedLimit | None = decode(ReachedLimit, detail.get("limit"))
        super().__init__(f"{status} {self.code}: {self.message}")


def _credits(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)
