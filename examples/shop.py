"""A shop in one file: sells credits, spends them with a hold, gives some back, and shows the balance as it changes.

    set -a; . target/dev/env              # while `cargo dev` runs: PURSER_URL and PURSER_API_KEY
    pip install ./clients/python
    python examples/shop.py               # pay on the page that it shows, with 4242 4242 4242 4242
"""

import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

from purser import Event, InsufficientCredits, Purser, webhooks

purser = Purser()
user = sys.argv[1] if len(sys.argv) > 1 else f"buyer-{uuid.uuid4().hex[:6]}"
wallet = f"user:{user}"
cart = f"cart-{uuid.uuid4().hex[:6]}"
events: Queue[Event] = Queue()
secret = ""


class Webhooks(BaseHTTPRequestHandler):
    """Where Purser says what happened. What is not genuine is refused."""

    seen: set[str] = set()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            event = webhooks.verify(body, dict(self.headers), secret)
        except webhooks.WebhookInvalid as error:
            self.send_error(400, str(error))
            return
        # A message may come twice, under one id.
        if event.id and event.id not in self.seen:
            self.seen.add(event.id)
            events.put(event)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def show_balance() -> None:
    for event in purser.live(wallet):
        if event.type == "wallet.state":
            print(f"live: {event.data['wallets'][0]['balance']} credits")
        elif event.type == "wallet.changed":
            print(f"live: {event.data['balance']} credits ({event.data['reason']})")


def render(credits: int) -> int:
    """The work, whose price is known only afterwards."""
    return credits - 20


def main() -> None:
    global secret
    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhooks)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/webhooks"
    endpoint = purser.create_webhook_endpoint(url=address, event_types=["order.paid"])
    secret = endpoint.secret

    purser.put_user(user)
    threading.Thread(target=show_balance, daemon=True).start()
    order = purser.create_order(wallet=wallet, credits=500, reference=cart, idempotency_key=cart)
    order = purser.wait_for_checkout(order)
    print(f"pay here: {order.checkout_url}", flush=True)
    while (paid := events.get()).reference != cart:
        pass
    print(f"{paid.reference} is paid: {paid.data['credits']} credits")

    # Reserve the most that it can cost, then take what it did cost.
    hold = purser.create_hold(wallet, credits=50, description="One video")
    captured = purser.capture_hold(hold.hold_id, credits=render(50))
    print(f"rendered for {captured.captured}, {captured.balance} are left")

    # The buyer was not content with something: they get half of it back.
    debit = purser.create_debit(wallet, credits=10, description="One picture", idempotency_key=f"{cart}-picture")
    back = purser.refund_debit(debit.debit_id, credits=5)
    print(f"gave {back.credits} back, {back.balance} are left")
    try:
        purser.create_debit(wallet, credits=10_000)
    except InsufficientCredits as short:
        print(f"10000 are too many: {short.available} can be spent")
    purser.delete_webhook_endpoint(endpoint.endpoint_id)


if __name__ == "__main__":
    main()
