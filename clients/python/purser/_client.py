"""The client."""

from __future__ import annotations

import asyncio
import time

from . import types
from ._api_error import PurserError
from ._async_operations import AsyncOperations
from ._operations import Operations
from .live import AsyncLive, Live

_BETWEEN_LOOKS_SECONDS = 0.25


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
        while _is_awaited(order, deadline):
            time.sleep(_BETWEEN_LOOKS_SECONDS)
            order = self.get_order(order.order_id)
        return order


class AsyncPurser(AsyncOperations):
    """As `Purser`, for asyncio: `await purser.create_debit(…)`, `async for entry in purser.list_entries(…)`."""

    def live(self, wallet: str | None = None) -> AsyncLive:
        """The events of a wallet as they happen; without one, of all that the key may see. Takes the scope `read`."""
        return AsyncLive(self, wallet)

    async def wait_for_checkout(self, order: types.Order, *, timeout_seconds: float = 30.0) -> types.Order:
        """The order once its page is open, as `Purser.wait_for_checkout`."""
        deadline = time.monotonic() + timeout_seconds
        while _is_awaited(order, deadline):
            await asyncio.sleep(_BETWEEN_LOOKS_SECONDS)
            order = await self.get_order(order.order_id)
        return order


def _is_awaited(order: types.Order, deadline: float) -> bool:
    if order.checkout_url is not None or order.status not in ("pending", "failed", "expired"):
        return False
    if order.status != "pending":
        raise PurserError(f"order {order.order_id} is {order.status}: {order.failure or 'it was not paid'}")
    if time.monotonic() > deadline:
        raise PurserError(f"the page of order {order.order_id} is not open yet: ask for the order later")
    return True
