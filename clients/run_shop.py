#!/usr/bin/env python3
"""Runs a shop of examples/ as its buyer: pays on the page that it shows, and reads what it says at the end."""

import json
import os
import re
import subprocess
import sys
import threading
import urllib.request

PATIENCE_SECONDS = 90
EXPECTED = [
    r"^live: 0 credits$",
    r"^live: 500 credits \(grant\)$",
    r"^cart-\w+ is paid: 500 credits$",
    r"^rendered for 30, 470 are left$",
    r"^gave 5 back, 465 are left$",
    r"^10000 are too many: 465 can be spent$",
]


def pay(page: str) -> None:
    session = page.split("#")[0].rstrip("/").rsplit("/", 1)[1]
    url = f"{os.environ['STRIPE_EMULATOR_URL']}/_emulator/checkout/{session}/pay"
    request = urllib.request.Request(url, b"{}", {"content-type": "application/json"}, method="POST")
    with urllib.request.urlopen(request) as answer:
        json.load(answer)


def main() -> None:
    shop = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
    timer = threading.Timer(PATIENCE_SECONDS, shop.kill)
    timer.start()
    said = []
    assert shop.stdout is not None
    for line in shop.stdout:
        print("   ", line, end="", flush=True)
        said.append(line.rstrip("\n"))
        if page := re.match(r"pay here: (\S+)", line):
            pay(page[1])
    timer.cancel()
    if shop.wait() != 0:
        sys.exit(f"the shop ended with {shop.returncode}")
    missing = [line for line in EXPECTED if not any(re.search(line, one) for one in said)]
    if missing:
        sys.exit(f"the shop did not say: {missing}")


if __name__ == "__main__":
    main()
