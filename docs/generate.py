#!/usr/bin/env python3
"""Writes the catalogues of errors and events.

The errors come from api/src/problem/codes.rs, the events from the webhooks in api/openapi.json. `generate.py` renews the
pages; `generate.py --check` fails if they are out of date.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

ERRORS = """# Errors

Every error of Purser's own API has this form. Programs go by the code; the message is for people, and may change.

```json
{"error": {"code": "insufficient_credits", "message": "…", "available": 2.5, "needed": 4, "requestId": "…"}}
```

`param` names the field, parameter or header that is wrong, if one is. `requestId` finds the request in the log. The clients
have a class for each code.

<!-- fails: wallet_not_found -->
```sh
curl -s http://localhost:8080/purser/v1/wallets/user:nobody -H "Authorization: Bearer $PURSER_API_KEY"
```

Send the same request with the same `Idempotency-Key` again after 429, 500 and 503; `Retry-After` says when, if it is there.
Nothing else gets better by itself.
"""

EVENTS = """# Events

What Purser tells, by [webhook](webhooks.md) and [live](live-balance.md). Every event has a `type`, a `timestamp`, and in `data`:
`walletId`; `userId` or `orgId`, whose wallet it is; and `sequence`, its place among the events of the wallet. Live messages
have all of that in one object, without `data`.

Choose events for an endpoint with `eventTypes`; a type that does not exist is refused.

```sh
curl -s http://localhost:8080/purser/v1/webhook-endpoints -H "Authorization: Bearer $PURSER_API_KEY" | jq .
```

"""


def errors() -> str:
    source = (ROOT / "api/src/problem/codes.rs").read_text()
    found = re.findall(r'^    \w+ =>\s+"(\w+)":\s+"((?:[^"\\]|\\.)*)",$', source, re.M | re.S)
    # A long meaning goes on in the next line after a backslash.
    found = [(*names, re.sub(r"\\\n\s*", "", meaning)) for *names, meaning in found]
    if len(found) < 50:
        sys.exit("api/src/problem/codes.rs does not look as it did")
    lines = []
    for code, meaning in sorted(found):
        status, _, says = meaning.partition(": ") if re.match(r"\d{3}: ", meaning) else ("", "", meaning)
        status = f"Status {status}. " if status else ""
        # A heading has an anchor, so that each code can be linked to.
        lines.append(f"\n## {code}\n\n{status}{says[:1].upper()}{says[1:]}\n")
    return ERRORS + "".join(lines)


def events() -> str:
    document = json.loads((ROOT / "api/openapi.json").read_text())
    schemas = document["components"]["schemas"]
    told = document.get("webhooks", {})
    parts = [EVENTS, "| event | when |\n|---|---|\n"]
    for name, path in told.items():
        says = plain(path["post"].get("summary", ""))
        parts.append(f"| [`{name}`](#{anchor(name)}) | {says} |\n")
    for name, path in told.items():
        content = path["post"]["requestBody"]["content"]["application/json"]
        parts.append(f"\n## {name}\n\n{plain(path['post'].get('summary', ''))}\n")
        data = content["schema"]["properties"]["data"]
        common = ("walletId", "userId", "orgId", "sequence")
        own = {field: value for field, value in data.get("properties", {}).items() if field not in common}
        if own:
            parts.append("\n| field | type | |\n|---|---|---|\n")
            for field, value in own.items():
                optional = "" if field in data.get("required", []) else " Not always there."
                parts.append(f"| `{field}` | {kind(value, schemas)} | {plain(value.get('description', ''))}{optional} |\n")
        if example := content.get("example"):
            example = {part: example[part] for part in ("type", "timestamp", "data") if part in example}
            parts.append("\n```json\n" + json.dumps(example, indent=2, ensure_ascii=False) + "\n```\n")
    return "".join(parts)


def kind(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """A type in a word or two."""
    if reference := schema.get("$ref"):
        name = reference.rsplit("/", 1)[1]
        if name in ("Credits", "Time"):
            return name.lower()
        return kind(schemas[name], schemas)
    for choice in ("oneOf", "anyOf", "allOf"):
        if choice in schema:
            return " or ".join(kind(part, schemas) for part in schema[choice])
    if values := schema.get("enum"):
        return ", ".join(f"`{value}`" for value in values if value is not None)
    kinds = schema.get("type", "anything")
    if schema.get("format") == "date-time":
        return "time"
    if schema.get("format") == "uuid":
        return "id"
    if set(schema.get("properties", {})) == {"minor", "currency"}:
        return "money"
    names = {"string": "text", "integer": "whole number", "number": "credits", "boolean": "true or false"}
    return " or ".join(names.get(one, one) for one in ([kinds] if isinstance(kinds, str) else kinds))


def anchor(name: str) -> str:
    return name.replace(".", "").lower()


def plain(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    files = {DOCS / "errors.md": errors(), DOCS / "events.md": events()}
    if "--check" in sys.argv:
        old = [path.name for path, text in files.items() if not path.exists() or path.read_text() != text]
        if old:
            sys.exit(f"out of date: {', '.join(old)}. Renew them: python3 docs/generate.py")
        print("the catalogues are up to date")
        return
    for path, text in files.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
