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
#: Between connections that are opened anew because events were lost.
_BETWEEN_GAPS_SECONDS = 1.0
_PATH = "/purser/v1/events"
STATE = "wallet.state"


class Live:
    """The events of one or several wallets, without end: iterate over it.

    The first event is `wallet.state`, with every wallet's balance. When the connection breaks, or a number is missing
    from the events of a wallet, a new one is opened, and `wallet.state` comes again: its `missed` says how many events
    of each wallet were not seen. An event that is not newer than what came before is left out.
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
                        event = progress.take(stream.message(line))
                        if event is not None:
                            yield event
                        if stream.is_closed or not progress.is_whole:
                            break
            except httpx.TransportError:
                pass
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
                            event = progress.take(stream.message(line))
                            if event is not None:
                                yield event
                            if stream.is_closed or not progress.is_whole:
                                break
            except httpx.TransportError:
                pass
            await asyncio.sleep(progress.pause())


def _is_open(response: httpx.Response) -> bool:
    """False if another ticket may do better: this one was too old, or there was no place."""
    if not response.is_success and response.status_code not in (401, 429, 503):
        raise failure_of(response)
    return response.is_success


class _Progress:
    """What was seen of each wallet."""

    def __init__(self) -> None:
        #: The number of the last event, by wallet.
        self._last: dict[str, int] = {}
        self._missed: dict[str, int] = {}
        self._failures = 0
        #: Whether no event is missing.
        self.is_whole = True

    def take(self, message: dict[str, Any] | None) -> Event | None:
        """The event to show, if it is news."""
        if message is None:
            return None
        self._failures = 0
        if message["type"] == STATE:
            return of_stream(message, self._catch_up(message["wallets"]))
        wallet, number = message.get("walletId"), message.get("sequence")
        if wallet is None or number is None:
            return of_stream(message, {})
        last = self._last.get(wallet)
        if last is not None and number <= last:
            return None
        self._last[wallet] = number
        gap = 0 if last is None else number - last - 1
        if gap:
            self._missed[wallet] = self._missed.get(wallet, 0) + gap
            self.is_whole = False
        return of_stream(message, {})

    def _catch_up(self, wallets: list[dict[str, Any]]) -> dict[str, int]:
        missed, self._missed = self._missed, {}
        for wallet in wallets:
            name, number = wallet["walletId"], wallet["sequence"]
            since = number - self._last.get(name, number)
            if since > 0:
                missed[name] = missed.get(name, 0) + since
            self._last[name] = number
        return missed

    def pause(self) -> float:
        """Seconds until the next connection."""
        if not self.is_whole:
            # The next connection begins with the state, which makes up for what is missing.
            self.is_whole = True
            return _BETWEEN_GAPS_SECONDS
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
