"""The client of Purser: prepaid credits for your product.

    from purser import Purser

    purser = Purser()  # PURSER_API_KEY and PURSER_URL
    purser.create_debit("user:alice", credits=Decimal("12.5"))
"""

from . import errors, types, webhooks
from ._api_error import ApiError, ConnectionFailed, PurserError
from ._client import AsyncPurser, Purser
from ._events import Event
from ._transport import NOT_GIVEN, AsyncPages, Page, Pages
from ._values import Credits, Money
from .errors import InsufficientCredits
from .live import AsyncLive, Live

__version__ = "0.1.0"
__all__ = [
    "ApiError",
    "AsyncLive",
    "AsyncPages",
    "AsyncPurser",
    "ConnectionFailed",
    "Credits",
    "Event",
    "InsufficientCredits",
    "Live",
    "Money",
    "NOT_GIVEN",
    "Page",
    "Pages",
    "Purser",
    "PurserError",
    "errors",
    "types",
    "webhooks",
]
