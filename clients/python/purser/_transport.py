"""Requests: who asks, how often, and what is made of the answer."""

from __future__ import annotations

import enum
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
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

_USER_AGENT = "purser-python/0.1.0"
#: Answers after which the same request may succeed. A proxy that lost the API says 502 or 504.
_AGAIN = {429, 502, 503, 504}
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


class Transport:
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
        key = api_key or os.environ.get("PURSER_API_KEY")
        url = base_url or os.environ.get("PURSER_URL")
        if not key:
            raise ValueError("there is no API key: set PURSER_API_KEY, or give api_key")
        if not url:
            raise ValueError("there is no address: set PURSER_URL, or give base_url")
        self._base = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {key}", "user-agent": _USER_AGENT}
        self._max_retries = max_retries
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
        parameters = {name: _parameter(part) for name, part in (query or {}).items() if part is not None}
        response = self._send(method, path, headers, content, parameters)
        read: T = decode(answer, loads(response.content) if response.content else None)
        return read

    def _pages(
        self, path: str, items: str, item: type[T], *, query: Mapping[str, Any] | None = None
    ) -> Pages[T]:
        def fetch(cursor: str | None) -> Page[T]:
            found = self._call("GET", path, dict, query={**(query or {}), "cursor": cursor})
            return Page([decode(item, part) for part in found[items]], found.get("nextCursor"))

        return Pages(fetch)

    def _send(
        self, method: str, path: str, headers: dict[str, str], content: str | None, parameters: dict[str, str]
    ) -> httpx.Response:
        retries = 0
        while True:
            try:
                url = self._base + path
                response = self._http.request(method, url, headers=headers, content=content, params=parameters)
            except httpx.TransportError as error:
                if retries >= self._max_retries:
                    raise errors.ConnectionFailed(f"{method} {path}: {error}") from error
                wait = None
            else:
                if response.is_success:
                    return response
                failure = failure_of(response)
                is_under_way = isinstance(failure, errors.IdempotencyKeyInUse)
                if retries >= self._max_retries or not (response.status_code in _AGAIN or is_under_way):
                    raise failure
                wait = _retry_after(response)
            time.sleep(pause(retries) if wait is None else wait)
            retries += 1



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
