"""Requests: who asks, how often, and what is made of the answer."""

from __future__ import annotations

import asyncio
import enum
import itertools
import os
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from . import errors
from ._values import decode, dumps, loads, rfc3339
from .types import CREDIT_FIELDS

T = TypeVar("T")
Self = TypeVar("Self", bound="Transport")
AsyncSelf = TypeVar("AsyncSelf", bound="AsyncTransport")

_USER_AGENT = "purser-python/0.1.0"
#: Answers after which the same request may succeed. A proxy that lost the API says 502 or 504.
_AGAIN = {408, 429, 500, 502, 503, 504}
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 30.0


class NotGiven(enum.Enum):
    """Tells a field that is left out, which stays as it is, from None, which removes what was there."""

    NOT_GIVEN = "not given"


NOT_GIVEN = NotGiven.NOT_GIVEN


@dataclass(frozen=True)
class Page(Generic[T]):
    data: list[T]
    #: Where the next page begins; None on the last one.
    next_cursor: str | None


class Pages(Generic[T]):
    """A list. Iterate over it, and its pages are asked for as they are needed."""

    def __init__(self, fetch: Callable[[str | None], Page[T]]) -> None:
        self._fetch = fetch

    def page(self, cursor: str | None = None) -> Page[T]:
        """One page: the first, or the one at this cursor."""
        return self._fetch(cursor)

    def __iter__(self) -> Iterator[T]:
        cursor: str | None = None
        while True:
            page = self._fetch(cursor)
            yield from page.data
            cursor = page.next_cursor
            if cursor is None:
                return


class AsyncPages(Generic[T]):
    """A list. `async for` goes through it, and asks for its pages as they are needed."""

    def __init__(self, fetch: Callable[[str | None], Awaitable[Page[T]]]) -> None:
        self._fetch = fetch

    async def page(self, cursor: str | None = None) -> Page[T]:
        """One page: the first, or the one at this cursor."""
        return await self._fetch(cursor)

    async def __aiter__(self) -> AsyncIterator[T]:
        cursor: str | None = None
        while True:
            page = await self._fetch(cursor)
            for item in page.data:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return


class _Requests:
    """How requests look, and when they are sent again."""

    def __init__(self, api_key: str | None, base_url: str | None, max_retries: int) -> None:
        key = api_key or os.environ.get("PURSER_API_KEY")
        url = base_url or os.environ.get("PURSER_URL")
        if not key:
            raise ValueError("there is no API key: set PURSER_API_KEY, or give api_key")
        if not url:
            raise ValueError("there is no address: set PURSER_URL, or give base_url")
        self._base = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {key}", "user-agent": _USER_AGENT}
        self._max_retries = max_retries

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        idempotency_key: str | None,
    ) -> dict[str, Any]:
        """What httpx needs to send it."""
        headers = dict(self._headers)
        if method == "POST":
            # The same at every attempt: however often it is sent, it is done once.
            headers["idempotency-key"] = idempotency_key or str(uuid.uuid4())
        content = None
        if body is not None:
            left_out = NOT_GIVEN if method == "PUT" else None
            given = {name: part for name, part in body.items() if part is not left_out}
            content = dumps(given, CREDIT_FIELDS)
            headers["content-type"] = "application/json"
        params = {name: _parameter(part) for name, part in (query or {}).items() if part is not None}
        return {"method": method, "url": self._base + path, "headers": headers, "content": content, "params": params}

    def _wait(self, retries: int, outcome: httpx.Response | httpx.TransportError) -> float:
        """Seconds until the next attempt; raises what is wrong if there is none."""
        wait = None
        if isinstance(outcome, httpx.TransportError):
            if retries >= self._max_retries:
                raise errors.ConnectionFailed(f"the API does not answer: {outcome}") from outcome
        else:
            failure = failure_of(outcome)
            is_under_way = isinstance(failure, errors.IdempotencyKeyInUse)
            if retries >= self._max_retries or not (outcome.status_code in _AGAIN or is_under_way):
                raise failure
            wait = _retry_after(outcome)
        return pause(retries) if wait is None else wait


class Transport(_Requests):
    """What sends requests. See `Purser`."""

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        timeout: float = 30.0,
        max_retries: int = 5,
        http: httpx.Client | None = None,
    ) -> None:
        """The key and the address come from PURSER_API_KEY and PURSER_URL unless they are given.

        Args:
            timeout: Seconds that one attempt may take.
            max_retries: How often a request is sent again after an outage.
            http: A client of yours, such as one with a proxy.
        """
        super().__init__(api_key, base_url, max_retries)
        self._http = http or httpx.Client(timeout=timeout)

    def close(self) -> None:
        self._http.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> T:
        request = self._request(method, path, query, body, idempotency_key)
        for retries in itertools.count():
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = self._http.request(**request)
                if outcome.is_success:
                    return _read(answer, outcome)
            except httpx.TransportError as error:
                outcome = error
            time.sleep(self._wait(retries, outcome))
        raise AssertionError

    def _pages(
        self, path: str, items: str, item: type[T], *, query: Mapping[str, Any] | None = None
    ) -> Pages[T]:
        def fetch(cursor: str | None) -> Page[T]:
            found = self._call("GET", path, dict, query={**(query or {}), "cursor": cursor})
            return _page(found, items, item)

        return Pages(fetch)


class AsyncTransport(_Requests):
    """What sends requests. See `AsyncPurser`."""

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        timeout: float = 30.0,
        max_retries: int = 5,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """As for `Purser`."""
        super().__init__(api_key, base_url, max_retries)
        self._http = http or httpx.AsyncClient(timeout=timeout)

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self: AsyncSelf) -> AsyncSelf:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _call(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> T:
        request = self._request(method, path, query, body, idempotency_key)
        for retries in itertools.count():
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = await self._http.request(**request)
                if outcome.is_success:
                    return _read(answer, outcome)
            except httpx.TransportError as error:
                outcome = error
            await asyncio.sleep(self._wait(retries, outcome))
        raise AssertionError

    def _pages(
        self, path: str, items: str, item: type[T], *, query: Mapping[str, Any] | None = None
    ) -> AsyncPages[T]:
        async def fetch(cursor: str | None) -> Page[T]:
            found = await self._call("GET", path, dict, query={**(query or {}), "cursor": cursor})
            return _page(found, items, item)

        return AsyncPages(fetch)


def _read(answer: type[T], response: httpx.Response) -> T:
    read: T = decode(answer, loads(response.content) if response.content else None)
    return read


def _page(found: dict[str, Any], items: str, item: type[T]) -> Page[T]:
    return Page([decode(item, part) for part in found[items]], found.get("nextCursor"))


def pause(retries: int) -> float:
    """Seconds to wait before another attempt: longer each time, and not all clients at once."""
    longest: float = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0**retries)
    return longest * random.uniform(0.5, 1.0)


def failure_of(response: httpx.Response) -> errors.ApiError:
    """The error that an answer is."""
    try:
        detail = loads(response.content)["error"]
        kind = errors.BY_CODE.get(detail["code"], errors.ApiError)
    except (ValueError, KeyError, TypeError):
        # It comes from somebody between, such as a proxy.
        kind, detail = errors.ApiError, {"message": response.text[:200]}
    return kind(response.status_code, detail)


def segment(text: str) -> str:
    """A part of a path."""
    return quote(text, safe=":@")


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return min(_LONGEST_WAIT_SECONDS, max(0.0, float(response.headers["retry-after"])))
    except (KeyError, ValueError):
        return None


def _parameter(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return rfc3339(value) if isinstance(value, datetime) else str(value)
