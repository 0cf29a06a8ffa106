"""Live events of wallets, over server-sent events."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import httpx

from ._events import Event, of_stream
from ._transport import failure_of, pause
from ._values import loads

if TYPE_CHECKING:
    from ._client import Purser

#: The stream shows a sign of life every 25 seconds.
_SILENCE_SECONDS = 60.0
#: Between connections that are opened anew because events were lost.
_BETWEEN_GAPS_SECONDS = 1.0
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
        #: The number of the last event that was seen, by wallet.
        self._last: dict[str, int] = {}
        self._missed: dict[str, int] = {}

    def __iter__(self) -> Iterator[Event]:
        failures = 0
        while True:
            # What the credential may not do ends the iteration here.
            ticket = self._purser.create_live_ticket(wallet=self._wallet).ticket
            try:
                for message in self._messages(ticket):
                    failures = 0
                    event, is_whole = self._take(message)
                    if event is not None:
                        yield event
                    if not is_whole:
                        time.sleep(_BETWEEN_GAPS_SECONDS)
                        break
            except httpx.TransportError:
                pass
            time.sleep(pause(failures))
            failures += 1

    def _messages(self, ticket: str) -> Iterator[dict[str, Any]]:
        purser = self._purser
        timeout = httpx.Timeout(10.0, read=_SILENCE_SECONDS)
        address = f"{purser._base}/purser/v1/events"
        with purser._http.stream("GET", address, params={"ticket": ticket}, timeout=timeout) as response:
            if not response.is_success:
                response.read()
                if response.status_code in (401, 429, 503):
                    # The ticket was too old, or there is no place: another try with another ticket.
                    return
                raise failure_of(response)
            for name, data in _events(response.iter_lines()):
                if name == "stream.closed":
                    return
                yield loads(data)

    def _take(self, message: dict[str, Any]) -> tuple[Event | None, bool]:
        """The event to show, and whether none is missing before it."""
        if message["type"] == STATE:
            return of_stream(message, self._catch_up(message["wallets"])), True
        wallet, number = message.get("walletId"), message.get("sequence")
        if wallet is None or number is None:
            return of_stream(message, {}), True
        last = self._last.get(wallet)
        if last is not None and number <= last:
            return None, True
        self._last[wallet] = number
        gap = 0 if last is None else number - last - 1
        if gap:
            self._missed[wallet] = self._missed.get(wallet, 0) + gap
        return of_stream(message, {}), gap == 0

    def _catch_up(self, wallets: list[dict[str, Any]]) -> dict[str, int]:
        missed, self._missed = self._missed, {}
        for wallet in wallets:
            name, number = wallet["walletId"], wallet["sequence"]
            since = number - self._last.get(name, number)
            if since > 0:
                missed[name] = missed.get(name, 0) + since
            self._last[name] = number
        return missed


def _events(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and data of each event of a stream."""
    name = "message"
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield name, "\n".join(data)
            name, data = "message", []
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
