"""The client."""

from __future__ import annotations

import time

from . import types
from ._api_error import PurserError
from ._operations import Operations
from .live import Live


class Purser(Operations):
    """Purser's API.

    A wallet is named `user:alice`, `org:5`, by its own id, or `me` for the key's own. Every request is sent again after
    an outage, under the same idempotency key, so that it is done once. Safe to share between threads.
    """

    def live(self, wallet: str | None = None) -> Live:
        """The events of a wallet as they happen; without one, of all that the key may see. Takes the scope `read`."""
        return Live(self, wallet)

    def wait_for_checkout(self, order: types.Order, *, timeout_seconds: float = 30.0) -> types.Order:
        """The order once its page is open: `checkout_url` is where the buyer pays. A slow provider takes a moment.

        Raises:
            PurserError: When it takes longer than the timeout, or the order has failed.
        """
        deadline = time.monotonic() + timeout_seconds
        while order.checkout_url is None and order.status == "pending":
            if time.monotonic() > deadline:
                raise PurserError(f"the page of order {order.order_id} is not open yet: ask for the order later")
            time.sleep(0.25)
            order = self.get_order(order.order_id)
        if order.checkout_url is None and order.status in ("failed", "expired"):
            raise PurserError(f"order {order.order_id} is {order.status}: {order.failure or 'it was not paid'}")
        return order
