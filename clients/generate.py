#!/usr/bin/env python3
"""Writes the parts of the clients that follow from the API itself.

The operations and their types come from api/openapi.json, the errors from api/src/problem/codes.rs. Everything else of
the clients is written by hand. `generate.py` renews the files; `generate.py --check` fails if they are out of date.
"""

from __future__ import annotations

import json
import keyword
import re
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CLIENTS = Path(__file__).resolve().parent
ROOT = CLIENTS.parent
PREFIX = "/purser/v1/"
METHODS = ("get", "put", "post", "delete", "patch")

# Streams, which the clients open by themselves.
LEFT_OUT = {"GET /live", "GET /events"}
# Parameters whose answers are not JSON.
IGNORED_PARAMETERS = {"format"}


# --- The API ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Type:
    """A type of either language. `of` is what it is made of, `names` the values of an enum."""

    kind: str
    name: str = ""
    of: tuple["Type", ...] = ()
    names: tuple[str, ...] = ()
    nullable: bool = False

    def or_null(self) -> "Type":
        return Type(self.kind, self.name, self.of, self.names, True)


@dataclass
class Property:
    name: str
    type: Type
    required: bool
    says: str


@dataclass
class Parameter:
    name: str
    type: Type
    required: bool
    says: str


@dataclass
class Operation:
    # What the methods are called.
    id: str
    method: str
    path: str
    summary: str
    says: str
    scope: str
    path_parameters: list[Parameter]
    query: list[Parameter]
    body: str | None
    body_required: bool
    answer: Type | None
    # The property with the items, and their type, if the answer is a list.
    items: tuple[str, Type] | None


@dataclass
class Api:
    operations: list[Operation] = field(default_factory=list)
    # By the name in the clients.
    types: dict[str, list[Property]] = field(default_factory=dict)
    says: dict[str, str] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    credit_fields: set[str] = field(default_factory=set)
    event_types: list[str] = field(default_factory=list)


class Reader:
    def __init__(self, document: dict[str, Any]) -> None:
        self.schemas: dict[str, Any] = document["components"]["schemas"]
        self.document = document
        self.api = Api()
        self.sources: dict[str, str] = {}
        self.integer_fields: set[str] = set()
        self.direction = self.api.answered

    def read(self) -> Api:
        for path, operations in self.document["paths"].items():
            if not path.startswith(PREFIX):
                continue
            for method in METHODS:
                short = "/" + path.removeprefix(PREFIX)
                if method in operations and f"{method.upper()} {short}" not in LEFT_OUT:
                    self.api.operations.append(self.operation(method.upper(), short, operations[method]))
        for name, described in self.document.get("webhooks", {}).items():
            self.api.event_types.append(name)
            content = described["post"]["requestBody"]["content"]["application/json"]
            self.fields_of(content["schema"]["properties"]["data"])
        self.fields_of(self.schemas["native.ErrorDetail"])
        both = self.api.credit_fields & self.integer_fields
        if both:
            sys.exit(f"credits and whole numbers share names, so that clients cannot tell them apart: {sorted(both)}")
        for name in {name for name, _, _ in errors()} & (self.api.given | self.api.answered):
            sys.exit(f"an error and a type are both called {name}")
        return self.api

    def operation(self, method: str, path: str, described: dict[str, Any]) -> Operation:
        parameters = described.get("parameters", [])
        self.direction = self.api.given
        of = lambda place: [
            Parameter(p["name"], self.type(p["schema"], p["name"]), p.get("required", False), plain(p.get("description", "")))
            for p in parameters
            if p["in"] == place and p["name"] not in IGNORED_PARAMETERS
        ]
        path_parameters, query = of("path"), of("query")
        body, body_required = None, False
        if request := described.get("requestBody"):
            taken = self.type(request["content"]["application/json"]["schema"], "Body")
            if taken.kind != "object":
                sys.exit(f"{method} {path}: the body is not an object")
            body, body_required = taken.name, request.get("required", False)
        self.direction = self.api.answered
        answer = self.answer(described)
        items = self.items(answer) if method == "GET" else None
        security = described.get("security") or [{}]
        return Operation(
            described["operationId"], method, path, plain(described.get("summary", "")),
            plain(described.get("description", "")), ", ".join(security[0].get("bearer", [])),
            path_parameters, query, body, body_required, answer, items,
        )

    def answer(self, described: dict[str, Any]) -> Type | None:
        for status, response in described["responses"].items():
            content = response.get("content", {})
            if status.startswith("2") and "application/json" in content:
                return self.type(content["application/json"]["schema"], "Answer")
        return None

    def items(self, answer: Type | None) -> tuple[str, Type] | None:
        """A list is an object with the property `data`, or with a cursor and one list."""
        if answer is None or answer.kind != "object":
            return None
        properties = self.api.types[answer.name]
        lists = {p.name: p.type.of[0] for p in properties if p.type.kind == "list"}
        if "data" in lists:
            return "data", lists["data"]
        paged = any(p.name == "nextCursor" for p in properties)
        return next(iter(lists.items())) if paged and lists else None

    def type(self, schema: dict[str, Any], hint: str) -> Type:
        if "$ref" in schema:
            return self.named(schema["$ref"].rsplit("/", 1)[1])
        if "oneOf" in schema or "anyOf" in schema:
            return self.union(schema.get("oneOf") or schema["anyOf"], hint)
        if "allOf" in schema:
            return self.object(hint, merged(schema, self.schemas))
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else list(kinds)
        values = schema.get("enum")
        nullable = "null" in kinds or schema.get("nullable", False) or bool(values and None in values)
        kinds = [kind for kind in kinds if kind != "null"]
        found = self.plain_type(kinds, schema, values, hint)
        return found.or_null() if nullable else found

    def plain_type(self, kinds: list[str], schema: dict[str, Any], values: Any, hint: str) -> Type:
        if values:
            return Type("enum", names=tuple(value for value in values if value is not None))
        match kinds:
            case ["string"]:
                return Type("time" if schema.get("format") == "date-time" else "text")
            case ["integer"]:
                return Type("integer")
            case ["number"]:
                return Type("credits")
            case ["boolean"]:
                return Type("boolean")
            case ["array"]:
                return Type("list", of=(self.type(schema.get("items", {}), singular(hint)),))
            case ["object"] if schema.get("properties"):
                return self.object(hint, schema)
            case ["object"] if isinstance(schema.get("additionalProperties"), dict):
                return Type("map", of=(self.type(schema["additionalProperties"], hint),))
        return Type("any")

    def union(self, choices: list[dict[str, Any]], hint: str) -> Type:
        some = [choice for choice in choices if choice.get("type") != "null"]
        types = []
        for choice in some:
            own = list(choice.get("properties", {}))
            types.append(self.type(choice, hint + upper(own[0]) if own and len(some) > 1 else hint))
        found = types[0] if len(types) == 1 else Type("union", of=tuple(types))
        return found.or_null() if len(some) < len(choices) else found

    def named(self, source: str) -> Type:
        if source in ("Credits", "Time", "OrganizationId"):
            return Type({"Credits": "credits", "Time": "time", "OrganizationId": "text"}[source])
        schema = self.schemas[source]
        if set(schema.get("properties", {})) == {"minor", "currency"}:
            return Type("money")
        name = "".join(upper(part) for part in re.split(r"[^A-Za-z0-9]", source.removeprefix("native.")))
        if self.sources.setdefault(name, source) != source:
            sys.exit(f"{source} and {self.sources[name]} would have one name")
        schema = merged(schema, self.schemas)
        if "properties" in schema:
            return self.object(name, schema)
        return self.type(schema, name)

    def object(self, name: str, schema: dict[str, Any]) -> Type:
        name = upper(name)
        is_new = name not in self.direction
        self.direction.add(name)
        if is_new:
            required = schema.get("required", [])
            self.api.types.setdefault(name, [])
            self.api.types[name] = [
                self.property(name, key, value, key in required) for key, value in schema["properties"].items()
            ]
            self.api.says[name] = plain(schema.get("description", ""))
        return Type("object", name)

    def property(self, owner: str, name: str, schema: dict[str, Any], required: bool) -> Property:
        found = self.type(schema, owner + upper(name))
        self.note(name, found)
        says = schema.get("description", "")
        for choice in schema.get("oneOf", []):
            says = says or choice.get("description", "")
        return Property(name, found, required, plain(says))

    def note(self, name: str, found: Type) -> None:
        inner = found.of[0] if found.kind == "list" else found
        if inner.kind == "credits":
            self.api.credit_fields.add(name)
        elif inner.kind == "integer":
            self.integer_fields.add(name)

    def fields_of(self, schema: dict[str, Any]) -> None:
        for name, value in merged(schema, self.schemas).get("properties", {}).items():
            kinds = json.dumps(value)
            if '"number"' in kinds or "schemas/Credits" in kinds:
                self.api.credit_fields.add(name)
            elif '"integer"' in kinds and '"properties"' not in kinds:
                self.integer_fields.add(name)


def merged(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """An object with the properties of all of which it is made."""
    if "allOf" not in schema:
        return schema
    whole: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
    for part in schema["allOf"]:
        if "$ref" in part:
            part = schemas[part["$ref"].rsplit("/", 1)[1]]
        part = merged(part, schemas)
        whole["properties"] |= part.get("properties", {})
        whole["required"] += part.get("required", [])
        whole.setdefault("description", part.get("description", ""))
    whole["description"] = schema.get("description", whole.get("description", ""))
    return whole


def singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def snake(name: str) -> str:
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_")
    return text + "_" if keyword.iskeyword(text) else text


def plain(text: str) -> str:
    return " ".join(text.split())


def errors() -> list[tuple[str, str, str]]:
    """Class name, code and meaning of every error."""
    source = (ROOT / "api/src/problem/codes.rs").read_text()
    found = re.findall(r'^    (\w+) =>\s+"(\w+)":\s+"((?:[^"\\]|\\.)*)",$', source, re.M | re.S)
    # A long meaning goes on in the next line after a backslash.
    found = [(*names, re.sub(r"\\\n\s*", "", meaning)) for *names, meaning in found]
    if len(found) < 50:
        sys.exit("api/src/problem/codes.rs does not look as it did")
    return found


# --- Python ----------------------------------------------------------------------------------------------------------

PYTHON_HEADER = '"""{}. Written by clients/generate.py: do not change it by hand."""\n\n'
PYTHON_PLAIN = {
    "text": "str", "integer": "int", "boolean": "bool", "credits": "Decimal", "time": "datetime", "money": "Money",
    "any": "Any",
}


def python_type(found: Type, given: bool = False) -> str:
    text = {
        "list": lambda: f"{'Sequence' if given else 'list'}[{python_type(found.of[0], given)}]",
        "map": lambda: f"{'Mapping' if given else 'dict'}[str, {python_type(found.of[0], given)}]",
        "object": lambda: found.name,
        "union": lambda: " | ".join(python_type(choice, given) for choice in found.of),
        "enum": lambda: "Literal[" + ", ".join(json.dumps(name) for name in found.names) + "]",
    }.get(found.kind, lambda: PYTHON_PLAIN[found.kind])()
    if given and found.kind == "credits":
        text = "Credits"
    return f"{text} | None" if found.nullable else text


def nested(api: Api) -> set[str]:
    """The types that callers make: those inside of bodies."""
    seen: set[str] = set()

    def visit(found: Type) -> None:
        for part in found.of:
            visit(part)
        if found.kind == "object" and found.name not in seen:
            seen.add(found.name)
            for inner in api.types[found.name]:
                visit(inner.type)

    for operation in api.operations:
        if operation.body:
            for inner in api.types[operation.body]:
                visit(inner.type)
    return seen


def python_types(api: Api) -> str:
    out = [
        PYTHON_HEADER.format("What the API takes and answers"),
        "from __future__ import annotations\n\n",
        "from collections.abc import Mapping, Sequence\nfrom dataclasses import dataclass\nfrom datetime import datetime\n",
        "from decimal import Decimal\nfrom typing import Any, Literal\n\n",
        "from ._values import Credits, Money\n\n",
        "#: The names of all fields that hold credits.\n",
        "CREDIT_FIELDS = frozenset({\n",
        *(f"    {json.dumps(name)},\n" for name in sorted(api.credit_fields)),
        "})\n\n#: The types of all events.\nEVENT_TYPES = (\n",
        *(f"    {json.dumps(name)},\n" for name in api.event_types),
        ")\n",
    ]
    made = nested(api)
    for name in sorted(api.answered | made):
        given = name not in api.answered
        out.append("\n\n@dataclass(frozen=True, kw_only=True)\n")
        out.append(f"class {name}:\n")
        if says := api.says[name]:
            out.append(python_doc(says, 4))
        for inner in api.types[name]:
            if inner.says:
                out += [f"    #: {line}\n" for line in textwrap.wrap(inner.says, 108)]
            text = python_type(inner.type, given)
            if not inner.required and not inner.type.nullable:
                text += " | None"
            out.append(f"    {snake(inner.name)}: {text}" + ("" if inner.required else " = None") + "\n")
        if not api.types[name]:
            out.append("    pass\n")
    return "".join(out)


def python_doc(says: str, indent: int) -> str:
    lines = textwrap.wrap(says.replace("\\", "\\\\"), 114 - indent)
    pad = " " * indent
    if len(lines) == 1:
        return f'{pad}"""{lines[0]}"""\n'
    return pad + '"""' + f"\n{pad}".join(lines) + f'\n{pad}"""\n'


def python_operations(api: Api, prefix: str = "") -> str:
    transport, pages = f"{prefix}Transport", f"{prefix}Pages"
    out = [
        PYTHON_HEADER.format("One method for each operation of the API"),
        "from __future__ import annotations\n\n",
        "from collections.abc import Mapping, Sequence\nfrom datetime import datetime\n",
        "from typing import Any, Literal\n\n",
        f"from . import types\nfrom ._transport import NOT_GIVEN, {', '.join(sorted(['NotGiven', pages, transport]))}, segment\n",
        "from ._values import Credits, Money\n\n\n",
        f"class {prefix}Operations({transport}):\n",
        '    """The API\'s operations. Times without a zone count as UTC; credits are `Decimal`, `int` or text."""\n',
    ]
    for operation in api.operations:
        out.append("\n")
        out.append(python_operation(api, operation, prefix))
    return "".join(out)


def qualified(text: str, api: Api) -> str:
    """Names of generated types with their module."""
    return re.sub(r"\b([A-Z]\w+)\b(?=[^\"]*(?:\"[^\"]*\"[^\"]*)*$)", lambda m: f"types.{m[1]}" if m[1] in api.types else m[1], text)


def python_operation(api: Api, operation: Operation, prefix: str) -> str:
    name = snake(operation.id)
    arguments = ["self", *(f"{snake(p.name)}: str" for p in operation.path_parameters)]
    options: list[str] = []
    in_path = {p.name for p in operation.path_parameters}
    body = [p for p in api.types[operation.body] if p.name not in in_path] if operation.body else []
    # What is left out of a PUT stays as it is, and None removes it.
    keeps = operation.method == "PUT"
    for inner in sorted(body, key=lambda inner: not inner.required):
        text = qualified(python_type(inner.type, True), api)
        if inner.required:
            options.append(f"{snake(inner.name)}: {text}")
        elif keeps:
            options.append(f"{snake(inner.name)}: {text} | NotGiven = NOT_GIVEN")
        else:
            text = text if inner.type.nullable else f"{text} | None"
            options.append(f"{snake(inner.name)}: {text} = None")
    for parameter in operation.query:
        if operation.items and parameter.name == "cursor":
            continue
        text = qualified(python_type(parameter.type, True), api)
        options.append(f"{snake(parameter.name)}: {text}" + ("" if parameter.required else " | None = None"))
    if operation.method == "POST":
        options.append("idempotency_key: str | None = None")
    if options:
        arguments += ["*", *options]
    answer = "None" if operation.answer is None else qualified(python_type(operation.answer), api)
    result = answer
    if operation.items:
        result = f"{prefix}Pages[{qualified(python_type(operation.items[1]), api)}]"
    waits = "" if operation.items or not prefix else "await "
    define = "async def" if waits else "def"
    line = f"    {define} {name}({', '.join(arguments)}) -> {result}:\n"
    if len(line) > 116:
        line = f"    {define} {name}(\n" + "".join(f"        {a},\n" for a in arguments) + f"    ) -> {result}:\n"
    says = operation.summary + "." + (f" {operation.says}" if operation.says else "")
    scope = scope_of(operation)
    path = PREFIX + operation.path[1:]
    path = re.sub(r"\{(\w+)\}", lambda m: "{segment(" + snake(m[1]) + ")}", path)
    quoted = f'f"{path}"' if "{" in path else f'"{path}"'
    parts = [f'"{operation.method}"', quoted]
    if operation.items:
        parts = [quoted, f'"{operation.items[0]}"', qualified(python_type(operation.items[1]), api)]
    else:
        parts.append("type(None)" if answer == "None" else answer)
    query = [p for p in operation.query if not (operation.items and p.name == "cursor")]
    if query:
        parts.append("query={" + ", ".join(f'"{p.name}": {snake(p.name)}' for p in query) + "}")
    if body:
        parts.append("body={" + ", ".join(f'"{p.name}": {snake(p.name)}' for p in body) + "}")
    if operation.method == "POST":
        parts.append("idempotency_key=idempotency_key")
    call = f"{waits}self._{'pages' if operation.items else 'call'}"
    line_2 = f"        return {call}({', '.join(parts)})\n"
    if len(line_2) > 116:
        line_2 = f"        return {call}(\n" + "".join(f"            {part},\n" for part in parts) + "        )\n"
        line_2 = "".join(broken(text) for text in line_2.splitlines(keepends=True))
    return line + python_doc(says + scope, 8) + line_2


def broken(line: str) -> str:
    """A dictionary that is too long for its line, with an entry in each."""
    if len(line) <= 118 or "={" not in line:
        return line
    head, rest = line.split("={", 1)
    entries = rest.rstrip().removesuffix("},").split(", ")
    return head + "={\n" + "".join(f"                {entry},\n" for entry in entries) + "            },\n"


def python_errors() -> str:
    out = [
        PYTHON_HEADER.format("One class for each error of the API"),
        "from __future__ import annotations\n\nfrom ._api_error import ApiError, ConnectionFailed, PurserError\n",
    ]
    for name, code, meaning in errors():
        out.append(f"\n\nclass {name}(ApiError):\n{python_doc(meaning, 4)}\n    code = \"{code}\"\n")
    out.append("\n\n#: The classes by their codes.\nBY_CODE: dict[str, type[ApiError]] = {\n")
    out += [f'    "{code}": {name},\n' for name, code, _ in errors()]
    out.append("}\n\n__all__ = [\n")
    out += [f'    "{name}",\n' for name in ["ApiError", "BY_CODE", "ConnectionFailed", "PurserError", *(e[0] for e in errors())]]
    out.append("]\n")
    return "".join(out)


# --- TypeScript ------------------------------------------------------------------------------------------------------

TYPESCRIPT_HEADER = "// {}. Written by clients/generate.py: do not change it by hand.\n\n"
TYPESCRIPT_PLAIN = {
    "text": "string", "integer": "number", "boolean": "boolean", "credits": "Credits", "time": "Time",
    "money": "Money", "any": "unknown",
}


def typescript_type(found: Type, given: bool = False) -> str:
    def of_list() -> str:
        inner = typescript_type(found.of[0], given)
        return f"({inner})[]" if "|" in inner else f"{inner}[]"

    text = {
        "list": of_list,
        "map": lambda: f"Record<string, {typescript_type(found.of[0], given)}>",
        "object": lambda: found.name,
        "union": lambda: " | ".join(typescript_type(choice, given) for choice in found.of),
        "enum": lambda: " | ".join(json.dumps(name) for name in found.names),
    }.get(found.kind, lambda: TYPESCRIPT_PLAIN[found.kind])()
    if given and found.kind == "credits":
        text = "GivenCredits"
    return f"{text} | null" if found.nullable else text


def typescript_types(api: Api) -> str:
    out = [
        TYPESCRIPT_HEADER.format("What the API takes and answers"),
        'import type { Credits, GivenCredits, Money, Time } from "./values.ts";\n\n',
        "/** The names of all fields that hold credits. */\nexport const CREDIT_FIELDS: ReadonlySet<string> = new Set([\n",
        *(f"  {json.dumps(name)},\n" for name in sorted(api.credit_fields)),
        "]);\n\n/** The types of all events. */\nexport const EVENT_TYPES = [\n",
        *(f"  {json.dumps(name)},\n" for name in api.event_types),
        "] as const;\n",
    ]
    for name in sorted(api.answered | api.given):
        given = name not in api.answered
        out.append("\n")
        if says := api.says[name]:
            out.append(f"/** {says.replace('*/', '* /')} */\n")
        out.append(f"export interface {name} {{\n")
        for inner in api.types[name]:
            if inner.says:
                out.append(f"  /** {inner.says.replace('*/', '* /')} */\n")
            optional = "" if inner.required else "?"
            out.append(f"  {inner.name}{optional}: {typescript_type(inner.type, given)};\n")
        out.append("}\n")
    return "".join(out)


def typescript_operations(api: Api) -> str:
    used = {operation.body for operation in api.operations if operation.body}
    for operation in api.operations:
        for found in [operation.items[1] if operation.items else operation.answer]:
            if found is not None and found.kind == "object":
                used.add(found.name)
    out = [
        TYPESCRIPT_HEADER.format("One method for each operation of the API"),
        'import { type List, type RequestOptions, segment, Transport } from "./transport.ts";\n',
        "import type {\n", *(f"  {name},\n" for name in sorted(used)), '} from "./types.ts";\n',
        'import type { Time } from "./values.ts";\n\n',
        "export class Operations extends Transport {\n",
    ]
    for number, operation in enumerate(api.operations):
        out.append("\n" if number else "")
        out.append(typescript_operation(operation))
    out.append("}\n")
    return "".join(out)


def scope_of(operation: Operation) -> str:
    """What a key needs, unless the description says it itself: for some, that depends on whose key it is."""
    if not operation.scope or "the scope `" in operation.says:
        return ""
    return f" Takes the scope `{operation.scope}`."


def typescript_operation(operation: Operation) -> str:
    name = operation.id
    says = operation.summary + "." + (f" {operation.says}" if operation.says else "")
    scope = scope_of(operation)
    lines = textwrap.wrap((says + scope).replace("*/", "* /"), 112)
    doc = "  /** " + lines[0] + " */\n" if len(lines) == 1 else "  /**\n" + "".join(f"   * {l}\n" for l in lines) + "   */\n"
    arguments = [f"{p.name}: string" for p in operation.path_parameters]
    if operation.body:
        arguments.append(f"body{'' if operation.body_required else '?'}: {operation.body}")
    query = [p for p in operation.query if not (operation.items and p.name == "cursor")]
    if query:
        fields = "; ".join(f"{p.name}{'' if p.required else '?'}: {typescript_type(p.type, True)}" for p in query)
        arguments.append(f"query: {{ {fields} }}" + ("" if any(p.required for p in query) else " = {}"))
    arguments.append("options?: RequestOptions")
    path = re.sub(r"\{(\w+)\}", lambda m: "${segment(" + m[1] + ")}", PREFIX + operation.path[1:])
    quoted = f"`{path}`" if "$" in path else f'"{path}"'
    given = ["body"] if operation.body else []
    given += ["query"] if query else []
    given.append("options")
    if operation.items:
        result = f"List<{typescript_type(operation.items[1])}>"
        call = f'this.pages({quoted}, "{operation.items[0]}", {{ {", ".join(given)} }})'
    else:
        result = f"Promise<{typescript_type(operation.answer) if operation.answer else 'void'}>"
        call = f'this.call("{operation.method}", {quoted}, {{ {", ".join(given)} }})'
    line = f"  {name}({', '.join(arguments)}): {result} {{\n"
    if len(line) > 120:
        line = f"  {name}(\n" + "".join(f"    {a},\n" for a in arguments) + f"  ): {result} {{\n"
    return f"{doc}{line}    return {call};\n  }}\n"


def typescript_errors() -> str:
    out = [TYPESCRIPT_HEADER.format("One class for each error of the API"), 'import { ApiError } from "./api_error.ts";\n\n']
    for name, _, meaning in errors():
        out.append(f"/** {meaning} */\nexport class {name} extends ApiError {{}}\n")
    out.append("\n/** The classes by their codes. */\nexport const BY_CODE: Readonly<Record<string, typeof ApiError>> = {\n")
    out += [f"  {code}: {name},\n" for name, code, _ in errors()]
    out.append("};\n")
    return "".join(out)


# --- Both ------------------------------------------------------------------------------------------------------------


def main() -> None:
    api = Reader(json.loads((ROOT / "api/openapi.json").read_text())).read()
    files = {
        CLIENTS / "python/purser/types.py": python_types(api),
        CLIENTS / "python/purser/_operations.py": python_operations(api),
        CLIENTS / "python/purser/_async_operations.py": python_operations(api, "Async"),
        CLIENTS / "python/purser/errors.py": python_errors(),
        CLIENTS / "typescript/src/types.ts": typescript_types(api),
        CLIENTS / "typescript/src/operations.ts": typescript_operations(api),
        CLIENTS / "typescript/src/errors.ts": typescript_errors(),
    }
    if "--check" in sys.argv:
        old = [str(path.relative_to(ROOT)) for path, text in files.items() if not path.exists() or path.read_text() != text]
        if old:
            sys.exit(f"out of date: {', '.join(old)}. Renew them: python3 clients/generate.py")
        print(f"the clients have all {len(api.operations)} operations")
        return
    for path, text in files.items():
        path.write_text(text)
    print(f"{len(api.operations)} operations, {len(api.types)} types, {len(errors())} errors")


if __name__ == "__main__":
    main()
