"""Amounts, and values to and from JSON. Credits are exact: no float is ever read or written."""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

#: Credits that are given to the API: exact, with at most six decimals. A float is refused.
Credits = Union[Decimal, int, str]


@dataclasses.dataclass(frozen=True)
class Money:
    """So many of the currency's smallest unit: `Money(2500, "usd")` is 25 dollars."""

    minor: int
    currency: str


def decimal(value: Any) -> Decimal:
    """The exact number.

    Raises:
        TypeError: For a float, which is seldom what it looks like.
        ValueError: For a text that is no number.
    """
    if isinstance(value, (float, bool)):
        raise TypeError(f"credits are exact: give Decimal('{value}') or an int, not a {type(value).__name__}")
    try:
        number = Decimal(value)
    except ArithmeticError:
        raise ValueError(f"{value!r} is no number of credits") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is no number of credits")
    return number


def dumps(value: Any, credit_fields: frozenset[str], name: str | None = None) -> str:
    """JSON with exact numbers; objects of this package become JSON objects, without what is None in them."""
    if isinstance(value, Money):
        value = {"minor": value.minor, "currency": value.currency}
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {_camel(field.name): getattr(value, field.name) for field in dataclasses.fields(value)}
        value = {key: part for key, part in named.items() if part is not None}
    if isinstance(value, Mapping):
        # The names in metadata are the caller's.
        known = frozenset[str]() if name == "metadata" else credit_fields
        return "{" + ",".join(f"{json.dumps(str(key))}:{dumps(part, known, key)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "[" + ",".join(dumps(part, credit_fields, name) for part in value) + "]"
    if isinstance(value, datetime):
        return json.dumps(rfc3339(value))
    if isinstance(value, (Decimal, float)) or (name in credit_fields and isinstance(value, (int, str))):
        return format(decimal(value), "f")
    return json.dumps(value)


def loads(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


def rfc3339(at: datetime) -> str:
    at = at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at.astimezone(timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def exact(value: Any, credit_fields: frozenset[str]) -> Any:
    """The same with every field of credits as Decimal, whole numbers too."""
    if isinstance(value, dict):
        return {
            name: Decimal(part) if name in credit_fields and type(part) is int else exact(part, credit_fields)
            for name, part in value.items()
        }
    return [exact(part, credit_fields) for part in value] if isinstance(value, list) else value


def decode(hint: Any, value: Any) -> Any:
    """Reads parsed JSON as this type. Fields that the type does not have are ignored, so that a newer API is no error."""
    if value is None or hint is Any:
        return value
    origin = get_origin(hint)
    if origin in (list, Sequence):
        return [decode(get_args(hint)[0], part) for part in value]
    if origin in (dict, Mapping):
        return {name: decode(get_args(hint)[1], part) for name, part in value.items()}
    if origin is Literal:
        return value
    if origin in (Union, types.UnionType):
        return decode(_choice(get_args(hint), value), value)
    if hint is Decimal:
        return Decimal(value)
    if hint is datetime:
        return moment(value)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return hint(**{name: decode(inner, value.get(_camel(name))) for name, inner in _fields(hint).items()})
    return value


def _choice(choices: tuple[Any, ...], value: Any) -> Any:
    """The type of a union that the value has: that of which no field is missing."""
    some = [choice for choice in choices if choice is not type(None)]
    for choice in some:
        if dataclasses.is_dataclass(choice) and isinstance(value, dict):
            needed = [field.name for field in dataclasses.fields(choice) if field.default is dataclasses.MISSING]
            if all(_camel(name) in value for name in needed):
                return choice
    return some[0]


@lru_cache(maxsize=None)
def _fields(of: type) -> dict[str, Any]:
    return get_type_hints(of)


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
