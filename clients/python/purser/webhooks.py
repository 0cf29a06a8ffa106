"""Verification of the webhooks that Purser sends, which are signed as https://www.standardwebhooks.com has it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence

from ._api_error import PurserError
from ._events import Event, of_webhook
from ._values import loads

#: Seconds by which a message may be older or newer than now.
TOLERANCE_SECONDS = 300


class WebhookInvalid(PurserError):
    """The message does not come from Purser, or is too old. Answer 400 and do nothing."""


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    tolerance_seconds: float | None = TOLERANCE_SECONDS,
    now: float | None = None,
) -> Event:
    """The event that a webhook tells of.

    Args:
        body: As it came, before anything has parsed it.
        headers: Of the request; their names may be in any case.
        secret: The endpoint's secret, `whsec_…`; several while you replace it.
        tolerance_seconds: None if the time does not count, as when the test clock was moved.
        now: The present time in seconds since 1970, for tests.

    Raises:
        WebhookInvalid: When it is not genuine.
    """
    text = body.encode() if isinstance(body, str) else body
    named = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp = named["webhook-id"], named["webhook-timestamp"]
        signatures = named["webhook-signature"].split()
        sent_at = int(timestamp)
    except KeyError as missing:
        raise WebhookInvalid(f"the header {missing} is missing") from None
    except ValueError:
        raise WebhookInvalid("webhook-timestamp is no number") from None
    content = f"{message_id}.{timestamp}.".encode() + text
    wanted = [_signature(content, one) for one in ([secret] if isinstance(secret, str) else secret)]
    # All are compared, each in constant time.
    matches = [hmac.compare_digest(given.encode(), good.encode()) for given in signatures for good in wanted]
    if not any(matches):
        raise WebhookInvalid("no signature is right")
    if tolerance_seconds is not None and abs((time.time() if now is None else now) - sent_at) > tolerance_seconds:
        raise WebhookInvalid("the message is too old, or the clocks differ")
    try:
        return of_webhook(message_id, loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise WebhookInvalid("the body is no event") from None


def _signature(content: bytes, secret: str) -> str:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise ValueError("a secret is `whsec_` and the key in base64") from None
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
