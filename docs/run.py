#!/usr/bin/env python3
"""Runs the examples of the documentation against a running system in test mode.

    docs/run.py DIRECTORY [page…]

PURSER_URL, PURSER_API_KEY and STRIPE_EMULATOR_URL say where it is, PYTHON which interpreter has the client, PURSER which
program is the command `purser`. Each page is one
shell script in DIRECTORY. What a reader does by hand is in comments of the page, which nobody sees:

    <!-- run: pay_order $ORDER_ID -->      a command, at this place
    <!-- check: test "$(balance …)" = 5 --> the same; what must hold now
    <!-- fails: missing_scope -->           the last request of the next block is refused with this code
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PATIENCE_SECONDS = 240
# Time moves for the whole system, so that comes last.
LAST = "test-with-the-clock.md"

PRELUDE = r"""
set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body "$@"; }
purser() { (exec -a purser "${PURSER:?}" "$@"); }
api() { curl "$PURSER_URL/purser/v1/$1" -H "Authorization: Bearer $PURSER_API_KEY" "${@:2}"; }
balance() { api "wallets/$1" | jq .balance; }
# Tries a command until it succeeds.
eventually() {
    for _ in $(seq 300); do
        if eval "$@" >/dev/null 2>&1; then return; fi
        sleep 0.2
    done
    echo "not within a minute: $*" >&2
    return 1
}
page() { eventually "api $1 | jq -e '$2 | strings'" && api "$1" | jq -r "$2"; }
pay() {
    local session=${1%%#*}
    command curl -sS --fail-with-body -o /dev/null "$STRIPE_EMULATOR_URL/_emulator/checkout/${session##*/}/pay" --json '{}'
}
pay_order() {
    pay "$(page "orders/$1" .checkoutUrl)"
    eventually "api orders/$1 | jq -e '.status == \"paid\"'"
}
save_card() {
    local url=
    for _ in $(seq 20); do
        url=$(api "wallets/$1/auto-recharge" -X PUT --json '{"enabled": true, "requestSetup": true}' | jq -r '.setup.url // ""')
        [ -z "$url" ] || break
    done
    pay "$url"
    eventually "api wallets/$1/auto-recharge | jq -e .card"
}
"""


def script(page: str) -> str:
    """What a page does, as one script."""
    out = [PRELUDE]
    text = page.replace("http://localhost:8080", "$PURSER_URL")
    pattern = re.compile(r"<!-- (run|check|fails): (.*?) -->|^```(\w*)\n(.*?)^```", re.M | re.S)
    fails = None
    for found in pattern.finditer(text):
        kind, said, language, block = found.groups()
        if kind == "fails":
            fails = said
        elif kind:
            out.append(f"echo '+ {kind}'\n{said}\n")
        elif language == "sh":
            # A system that was started for this has no file with its addresses.
            block = block.replace("set -a; . target/dev/env; set +a\n", "")
            out.append(refusal(fails, block) if fails else block)
            fails = None
        elif language == "python" and os.environ.get("PYTHON"):
            out.append(f"\"$PYTHON\" - <<'END_OF_PYTHON'\n{block}END_OF_PYTHON\n")
        elif language == "json":
            json.loads(block.replace("…", ""))
    return "\n".join(out)


def refusal(code: str, block: str) -> str:
    """A block whose last request is refused."""
    return (
        f"if OUTPUT=$(\n{block}\n); then echo 'it was not refused'; exit 1; fi\n"
        f"echo \"$OUTPUT\"\ncase $OUTPUT in *'\"code\":\"{code}\"'*) ;; *) echo 'not with {code}'; exit 1 ;; esac\n"
        # What it set before is there for the blocks that follow.
        f"{assignments(block)}"
    )


def assignments(block: str) -> str:
    return "".join(re.findall(r"^[A-Z_]+=\$\(.*?\)\n(?=\S)", block, re.M | re.S))


def pages() -> list[str]:
    return [str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")]


def main() -> None:
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    named = sys.argv[2:] or sorted(pages(), key=lambda name: (name == LAST, name))
    failed = []
    for name in named:
        path = directory / name.replace("/", "-").replace(".md", ".sh")
        path.write_text(script((DOCS / name).read_text()))
        done = subprocess.run(
            ["bash", str(path.resolve())], cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=PATIENCE_SECONDS, check=False,
        )
        print(f"{name}: {'as it says' if done.returncode == 0 else f'FAILED ({done.returncode})'}", flush=True)
        if done.returncode != 0:
            print(done.stdout)
            failed.append(name)
    if failed:
        sys.exit(f"these pages do not do what they say: {', '.join(failed)}")


if __name__ == "__main__":
    main()
