"""Live events of wallets, over server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import httpx

from ._events import Event, of_stream
from ._transport import failure_of, pause
from ._values import loads

if TYPE_CHECKING:
    from ._client import AsyncPurser, Purser

#: The stream shows a sign of life every 25 seconds.
_TIMEOUT = httpx.Timeout(10.0, read=60.0)
#: So long an event may be late; after that it counts as lost.
_LATE_SECONDS = 5.0
_PATH = "/purser/v1/events"
STATE = "wallet.state"


class Live:
    """The events of one or several wallets, without end: iterate over it.

    The first event is `wallet.state`, with every wallet's balance. The events of a wallet come in their order, and each
    once. When the connection breaks, or one stays away for five seconds or until the next sign of life, a new one is
    opened, and `wallet.state` comes again: its `missed` says how many events of each wallet were not seen.
    """

    def __init__(self, purser: Purser, wallet: str | None) -> None:
        self._purser = purser
        self._wallet = wallet

    def __iter__(self) -> Iterator[Event]:
        purser, progress = self._purser, _Progress()
        while True:
            # What the credential may not do ends the iteration here.
            ticket = purser.create_live_ticket(wallet=self._wallet).ticket
            stream = _Stream()
            address = purser._base + _PATH
            try:
                with purser._http.stream("GET", address, params={"ticket": ticket}, timeout=_TIMEOUT) as response:
                    if not response.is_success:
                        response.read()
                    for line in response.iter_lines() if _is_open(response) else ():
                        yield from progress.take(stream.message(line))
                        if stream.is_closed or progress.is_lost():
                            break
            except httpx.TransportError:
                pass
            yield from progress.flush()
            time.sleep(progress.pause())


class AsyncLive:
    """As `Live`, for `async for`."""

    def __init__(self, purser: AsyncPurser, wallet: str | None) -> None:
        self._purser = purser
        self._wallet = wallet

    async def __aiter__(self) -> AsyncIterator[Event]:
        purser, progress = self._purser, _Progress()
        while True:
            ticket = (await purser.create_live_ticket(wallet=self._wallet)).ticket
            stream = _Stream()
            address = purser._base + _PATH
            try:
                async with purser._http.stream("GET", address, params={"ticket": ticket}, timeout=_TIMEOUT) as response:
                    if not response.is_success:
                        await response.aread()
                    if _is_open(response):
                        async for line in response.aiter_lines():
                            for event in progress.take(stream.message(line)):
                                yield event
                            if stream.is_closed or progress.is_lost():
                                break
            except httpx.TransportError:
                pass
            for event in progress.flush():
                yield event
            await asyncio.sleep(progress.pause())


def _is_open(response: httpx.Response) -> bool:
    """False if another ticket may do better: this one was too old, or there was no place."""
    if not response.is_success and response.status_code not in (401, 429, 503):
        raise failure_of(response)
    return response.is_success


class _Progress:
    """What was seen of each wallet, and what came before its turn."""

    def __init__(self) -> None:
        #: The number of the last event, by wallet.
        self._last: dict[str, int] = {}
        self._early: dict[str, dict[int, dict[str, Any]]] = {}
        self._missed: dict[str, int] = {}
        self._waiting_since: float | None = None
        self._failures = 0

    def take(self, message: dict[str, Any] | None) -> list[Event]:
        """The events whose turn it is now."""
        if message is None:
            return []
        self._failures = 0
        if message["type"] == STATE:
            return [of_stream(message, self._catch_up(message["wallets"]))]
        wallet, number = message.get("walletId"), message.get("sequence")
        if wallet is None or number is None:
            return [of_stream(message, {})]
        if number <= self._last.setdefault(wallet, number - 1):
            return []
        early = self._early.setdefault(wallet, {})
        early[number] = message
        events = []
        while (following := self._last[wallet] + 1) in early:
            events.append(of_stream(early.pop(following), {}))
            self._last[wallet] = following
        if not any(self._early.values()):
            self._waiting_since = None
        elif events or self._waiting_since is None:
            self._waiting_since = time.monotonic()
        return events

    def is_lost(self) -> bool:
        """Whether an event stays away for too long."""
        return self._waiting_since is not None and time.monotonic() - self._waiting_since >= _LATE_SECONDS

    def flush(self) -> list[Event]:
        """What came before its turn, when the connection is over."""
        events = []
        for wallet, early in self._early.items():
            for number, message in sorted(early.items()):
                self._miss(wallet, number - self._last[wallet] - 1)
                self._last[wallet] = number
                events.append(of_stream(message, {}))
        self._early, self._waiting_since = {}, None
        return events

    def _catch_up(self, wallets: list[dict[str, Any]]) -> dict[str, int]:
        for wallet in wallets:
            name, number = wallet["walletId"], wallet["sequence"]
            self._miss(name, number - self._last.get(name, number))
            self._last[name] = number
        missed, self._missed = self._missed, {}
        return missed

    def _miss(self, wallet: str, count: int) -> None:
        if count > 0:
            self._missed[wallet] = self._missed.get(wallet, 0) + count

    def pause(self) -> float:
        """Seconds until the next connection."""
        self._failures += 1
        return pause(self._failures - 1)


class _Stream:
    """Server-sent events, line by line."""

    def __init__(self) -> None:
        self._name = ""
        self._data: list[str] = []
        #: Whether the server has said that this is the end.
        self.is_closed = False

    def message(self, line: str) -> dict[str, Any] | None:
        """The message that a line ends, if it ends one."""
        if line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                self._name = value
            elif field == "data":
                self._data.append(value)
            return None
        name, data = self._name, self._data
        self._name, self._data = "", []
        self.is_closed = self.is_closed or name == "stream.closed"
        if not data or self.is_closed:
            return None
        read: dict[str, Any] = loads("\n".join(data))
        return read
