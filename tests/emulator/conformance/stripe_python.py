"""Drives a running emulator with Stripe's official Python SDK and checks what the SDK makes of it.

Usage: stripe_python.py http://127.0.0.1:PORT
Every check is a function; the first failure ends the run with a traceback and a non-zero status.
"""

import http.server
import queue
import threading
import time
import urllib.error
import urllib.request
import uuid

import stripe

import stripe_billing
from support import BASE, control, customer, off_session, pay_session, raises, saved_card, v1

RECEIVED: "queue.Queue[tuple[bytes, str]]" = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes webhooks and answers 200."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        RECEIVED.put((body, self.headers["stripe-signature"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def check_customers():
    made = customer(name="Ada", metadata={"account": "7", "plan": "pro"})
    assert isinstance(made, stripe.Customer) and made.metadata["account"] == "7"
    changed = v1.customers.update(made.id, params={"metadata": {"plan": ""}, "name": "Ada L."})
    assert changed.name == "Ada L." and "plan" not in changed.metadata.to_dict()
    assert v1.customers.retrieve(made.id).name == "Ada L."
    assert v1.customers.delete(made.id).deleted is True
    assert v1.customers.retrieve(made.id).deleted is True
    refused = raises(stripe.InvalidRequestError, lambda: v1.customers.update(made.id, params={"name": "x"}))
    assert refused.code == "resource_missing"


def check_payment_session():
    owner = customer()
    session = v1.checkout.sessions.create(
        params={
            "mode": "payment",
            "customer": owner.id,
            "client_reference_id": "order-1",
            "metadata": {"order": "1"},
            "payment_intent_data": {"metadata": {"order": "1"}, "setup_future_usage": "off_session"},
            "success_url": "https://shop.example/ok?s={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/cart",
            "line_items": [
                {
                    "quantity": 3,
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 700,
                        "product_data": {"name": "100 credits"},
                    },
                }
            ],
        }
    )
    assert isinstance(session, stripe.checkout.Session)
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert session.payment_intent is None, "the intent exists only once the session is paid"
    assert session.amount_total == 2100 and session.url.endswith(f"/c/pay/{session.id}")
    status, refusal = control("POST", f"checkout/{session.id}/pay", {"card": "4000000000000002"})
    assert status == 402 and refusal["error"]["code"] == "card_declined", refusal
    assert v1.checkout.sessions.retrieve(session.id).payment_intent is None
    status, answer = control("POST", f"checkout/{session.id}/pay", {"card": "4242424242424242"})
    assert status == 200 and answer["status"] == "complete", answer
    paid = v1.checkout.sessions.retrieve(
        session.id, params={"expand": ["payment_intent.latest_charge", "line_items", "customer"]}
    )
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    intent = paid.payment_intent
    assert isinstance(intent, stripe.PaymentIntent) and intent.amount_received == 2100
    assert intent.metadata["order"] == "1"
    assert isinstance(intent.latest_charge, stripe.Charge) and intent.latest_charge.paid
    assert intent.latest_charge.receipt_url.startswith("http")
    assert paid.line_items.data[0].quantity == 3 and paid.customer.id == owner.id
    found = v1.checkout.sessions.list(params={"payment_intent": intent.id})
    assert [one.id for one in found.data] == [session.id]
    methods = v1.customers.payment_methods.list(owner.id)
    assert methods.data[0].card.last4 == "4242"
    status, again = control("POST", f"checkout/{session.id}/pay", {"card": "4242424242424242"})
    assert status == 400 and again["error"]["code"] == "checkout_session_not_open"
    assert control("POST", "checkout/cs_test_none/pay", {"card": "4242424242424242"})[0] == 404


def check_session_refusals():
    def create(**params):
        return lambda: v1.checkout.sessions.create(
            params={"mode": "payment", "success_url": "https://shop.example/ok", **params}
        )

    def line(amount):
        data = {"currency": "usd", "unit_amount": amount, "product_data": {"name": "x"}}
        return [{"quantity": 1, "price_data": data}]

    error = raises(stripe.InvalidRequestError, create(line_items=line(49)))
    assert error.code == "amount_too_small"
    error = raises(stripe.InvalidRequestError, create(line_items=line(500), payment_method_types=["card"]))
    assert error.code == "payment_method_types_no_longer_supported"
    error = raises(stripe.InvalidRequestError, create(line_items=line(500), nonsense="1"))
    assert error.code == "parameter_unknown" and error.param == "nonsense"
    error = raises(stripe.InvalidRequestError, create())
    assert error.code == "parameter_missing" and error.param == "line_items"
    error = raises(stripe.InvalidRequestError, create(line_items=line(500), customer="cus_none"))
    assert error.code == "resource_missing" and error.param == "customer" and error.http_status == 400
    error = raises(stripe.InvalidRequestError, create(line_items=line(500), expires_at=int(time.time()) + 60))
    assert error.param == "expires_at"
    free = create(line_items=line(0))()
    assert free.payment_status == "no_payment_required"


def check_expiring():
    session = v1.checkout.sessions.create(
        params={"mode": "setup", "currency": "usd", "success_url": "https://shop.example/ok"}
    )
    expired = v1.checkout.sessions.expire(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    raises(stripe.InvalidRequestError, lambda: v1.checkout.sessions.expire(session.id))


def check_payment_link():
    price = v1.prices.create(
        params={"currency": "usd", "unit_amount": 900, "product_data": {"name": "Small pack"}}
    )
    link = v1.payment_links.create(
        params={"line_items": [{"price": price.id, "quantity": 2}], "metadata": {"pack": "small"}}
    )
    for reference, kept in [("user_42-a", "user_42-a"), ("not%20allowed!", None), ("x" * 201, None)]:
        with urllib.request.urlopen(f"{link.url}?client_reference_id={reference}", timeout=10) as page:
            assert "/c/pay/cs_test_" in page.url
            session = v1.checkout.sessions.retrieve(page.url.rsplit("/", 1)[1])
        assert session.payment_link == link.id and session.client_reference_id == kept
        assert session.metadata["pack"] == "small" and session.amount_total == 1800
    v1.payment_links.update(link.id, params={"active": False})
    try:
        urllib.request.urlopen(link.url, timeout=10)
        raise AssertionError("a deactivated link still opens sessions")
    except urllib.error.HTTPError as error:
        assert error.code == 400


def check_off_session():
    owner, method = saved_card("4242424242424242")
    intent = off_session(owner, method, metadata={"attempt": "1"})
    assert intent.status == "succeeded" and intent.amount_received == 2000
    found = v1.payment_intents.search(params={"query": "metadata['attempt']:'1' AND status:'succeeded'"})
    assert intent.id in [one.id for one in found.data]

    owner, method = saved_card("4000000000000341")
    error = raises(stripe.CardError, lambda: off_session(owner, method))
    assert (error.code, error.http_status) == ("card_declined", 402)
    assert error.error.decline_code == "generic_decline"
    assert error.error.payment_intent.status == "requires_payment_method"
    assert error.error.payment_intent.last_payment_error.code == "card_declined"
    assert v1.charges.retrieve(error.error.charge).status == "failed"

    owner, method = saved_card("4000002760003184")
    error = raises(stripe.CardError, lambda: off_session(owner, method))
    assert error.code == "authentication_required"
    assert error.error.payment_intent.status == "requires_payment_method"

    # Set up with authentication, so it works while its holder is away.
    owner, method = saved_card("4000002500003155")
    assert off_session(owner, method).status == "succeeded"

    stranger = customer()
    error = raises(stripe.InvalidRequestError, lambda: off_session(stranger, method))
    assert error.param == "payment_method" and "does not belong" in str(error)
    error = raises(stripe.InvalidRequestError, lambda: off_session(owner, method, amount=49))
    assert error.code == "amount_too_small" and error.param == "amount"
    v1.payment_methods.detach(method)
    raises(stripe.InvalidRequestError, lambda: off_session(owner, method))


def check_intents_step_by_step():
    intent = v1.payment_intents.create(
        params={"amount": 1200, "currency": "eur", "capture_method": "manual"}
    )
    assert intent.status == "requires_payment_method"
    held = v1.payment_intents.confirm(
        intent.id, params={"payment_method": "pm_card_visa", "return_url": "https://shop.example/back"}
    )
    assert (held.status, held.amount_capturable) == ("requires_capture", 1200)
    done = v1.payment_intents.capture(intent.id, params={"amount_to_capture": 1000})
    assert (done.status, done.amount_received) == ("succeeded", 1000)
    error = raises(stripe.InvalidRequestError, lambda: v1.payment_intents.cancel(intent.id))
    assert error.code == "payment_intent_unexpected_state"
    asking = v1.payment_intents.create(
        params={
            "amount": 1200,
            "currency": "eur",
            "confirm": True,
            "payment_method": "pm_card_authenticationRequired",
            "return_url": "https://shop.example/back",
        }
    )
    assert asking.status == "requires_action"
    assert asking.next_action.redirect_to_url.url.startswith(BASE)
    assert control("POST", f"payment_intents/{asking.id}/authenticate", {"succeeded": True})[0] == 200
    assert v1.payment_intents.retrieve(asking.id).status == "succeeded"


def check_idempotency():
    key = str(uuid.uuid4())
    params = {"email": "once@example.com"}
    first = v1.customers.create(params=params, options={"idempotency_key": key})
    again = v1.customers.create(params=params, options={"idempotency_key": key})
    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    other = {"email": "twice@example.com"}
    mismatch = raises(
        stripe.IdempotencyError,
        lambda: v1.customers.create(params=other, options={"idempotency_key": key}),
    )
    assert mismatch.http_status == 400

    owner, method = saved_card("4000000000000341")
    key = str(uuid.uuid4())
    charge = {
        "amount": 900,
        "currency": "usd",
        "customer": owner.id,
        "payment_method": method,
        "off_session": True,
        "confirm": True,
    }

    def attempt():
        return v1.payment_intents.create(params=charge, options={"idempotency_key": key})

    first, second = raises(stripe.CardError, attempt), raises(stripe.CardError, attempt)
    assert first.error.payment_intent.id == second.error.payment_intent.id
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(v1.payment_intents.list(params={"customer": owner.id}).data) == 1

    # Refused parameters are not stored: the corrected request may use the key.
    key = str(uuid.uuid4())
    raises(
        stripe.InvalidRequestError,
        lambda: v1.customers.create(params={"email": "nobody"}, options={"idempotency_key": key}),
    )
    assert v1.customers.create(params=params, options={"idempotency_key": key}).id != first


def check_refunds():
    intent = pay_session(3000).payment_intent
    part = v1.refunds.create(params={"payment_intent": intent.id, "amount": 1000, "metadata": {"why": "x"}})
    assert isinstance(part, stripe.Refund) and (part.status, part.amount) == ("succeeded", 1000)
    charge = v1.charges.retrieve(intent.latest_charge.id, params={"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded) == (1000, False)
    assert charge.refunds.data[0].id == part.id
    too_much = {"payment_intent": intent.id, "amount": 2001}
    raises(stripe.InvalidRequestError, lambda: v1.refunds.create(params=too_much))
    v1.refunds.create(params={"charge": charge.id})
    assert v1.charges.retrieve(charge.id).refunded is True
    error = raises(stripe.InvalidRequestError, lambda: v1.refunds.create(params={"charge": charge.id}))
    assert error.code == "charge_already_refunded"

    paid = pay_session(card="4000000000007726").payment_intent
    slow = v1.refunds.create(params={"payment_intent": paid.id})
    assert slow.status == "pending"
    assert control("POST", f"refunds/{slow.id}/settle", {"succeeded": True})[0] == 200
    assert v1.refunds.retrieve(slow.id).status == "succeeded"

    paid = pay_session(card="4000000000005126").payment_intent
    failing = v1.refunds.create(params={"payment_intent": paid.id})
    assert failing.status == "succeeded"
    assert control("POST", f"refunds/{failing.id}/settle", {"succeeded": False})[0] == 200
    assert v1.refunds.retrieve(failing.id).status == "failed"
    assert v1.charges.retrieve(paid.latest_charge.id).amount_refunded == 0


def check_disputes():
    intent = pay_session(2500).payment_intent
    status, opened = control("POST", "disputes", {"payment_intent": intent.id})
    assert status == 200
    dispute = v1.disputes.retrieve(opened["id"])
    assert isinstance(dispute, stripe.Dispute) and dispute.status == "needs_response"
    assert dispute.balance_transactions[0].amount == -2500
    assert v1.charges.retrieve(intent.latest_charge.id).disputed is True
    raises(stripe.InvalidRequestError, lambda: v1.refunds.create(params={"payment_intent": intent.id}))
    status, closed = control("POST", f"disputes/{dispute.id}/close", {"won": True})
    assert status == 200 and closed["status"] == "won"
    kinds = [event.type for event in v1.events.list(params={"types": ["charge.dispute.*"], "limit": 10}).data]
    assert kinds[:4] == [
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.created",
    ]
    by_card = pay_session(card="4000000000000259").payment_intent
    listed = v1.disputes.list(params={"payment_intent": by_card.id})
    assert listed.data[0].reason == "fraudulent"
    evidence = {"uncategorized_text": "losing_evidence"}
    lost = v1.disputes.update(listed.data[0].id, params={"evidence": evidence})
    assert lost.status == "lost"


def check_pages_and_expansion():
    tag = f"{uuid.uuid4().hex[:8]}@example.com"
    made = [v1.customers.create(params={"email": tag}).id for _ in range(5)]
    first = v1.customers.list(params={"email": tag, "limit": 2})
    assert [one.id for one in first.data] == made[:-3:-1] and first.has_more
    assert [one.id for one in first.auto_paging_iter()] == made[::-1]
    before = v1.customers.list(params={"email": tag, "limit": 2, "ending_before": made[0]})
    assert [one.id for one in before.data] == [made[2], made[1]] and before.has_more
    paid = pay_session()
    found = v1.checkout.sessions.list(
        params={
            "payment_intent": paid.payment_intent.id,
            "expand": ["data.payment_intent", "data.line_items"],
        }
    )
    assert found.data[0].payment_intent.status == "succeeded"
    assert found.data[0].line_items.data[0].description == "Credits"
    error = raises(
        stripe.InvalidRequestError,
        lambda: v1.checkout.sessions.retrieve(paid.id, params={"expand": ["nonsense"]}),
    )
    assert "cannot be expanded" in str(error)


def check_error_classes():
    wrong = stripe.StripeClient("sk_live_wrong", base_addresses={"api": BASE}, max_network_retries=0)
    raises(stripe.AuthenticationError, lambda: wrong.v1.customers.list())
    missing = raises(stripe.InvalidRequestError, lambda: v1.customers.retrieve("cus_none"))
    assert (missing.http_status, missing.code) == (404, "resource_missing")
    assert missing.request_id.startswith("req_")
    only = ["GET /v1/customers"]
    control("PUT", "faults", {"rate_429": 1.0, "only": only})
    raises(stripe.RateLimitError, lambda: v1.customers.list())
    control("PUT", "faults", {"rate_500": 1.0, "only": only})
    raises(stripe.APIError, lambda: v1.customers.list())
    control("PUT", "faults", {"timeout_after_success": 1.0, "timeout_ms": 50, "only": only})
    raises(stripe.APIConnectionError, lambda: v1.customers.list())
    control("PUT", "faults", {})
    v1.customers.list()


def check_webhooks():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = v1.webhook_endpoints.create(
        params={
            "url": f"http://127.0.0.1:{server.server_address[1]}/hook",
            "enabled_events": ["checkout.session.*", "payment_intent.succeeded"],
        }
    )
    session = pay_session(4200, metadata={"order": "w"})
    seen = {}
    while len(seen) < 2:
        body, signature = RECEIVED.get(timeout=10)
        event = stripe.Webhook.construct_event(body, signature, endpoint.secret)
        assert isinstance(event, stripe.Event) and event.livemode is False
        seen[event.type] = event
        raises(
            stripe.SignatureVerificationError,
            lambda: stripe.Webhook.construct_event(body + b" ", signature, endpoint.secret),
        )
    completed = seen["checkout.session.completed"].data.object
    assert isinstance(completed, stripe.checkout.Session)
    assert completed.id == session.id and completed.payment_status == "paid"
    assert completed.amount_total == 4200 and completed.metadata["order"] == "w"
    assert seen["payment_intent.succeeded"].data.object.id == session.payment_intent.id
    same = v1.events.retrieve(seen["checkout.session.completed"].id)
    assert same.data.object.id == session.id
    v1.webhook_endpoints.delete(endpoint.id)
    server.shutdown()


EVERYTHING = {**vars(stripe_billing), **globals()}
CHECKS = [value for name, value in EVERYTHING.items() if name.startswith("check_")]

if __name__ == "__main__":
    for check in CHECKS:
        check()
        print(f"ok {check.__name__}", flush=True)
    print(f"{len(CHECKS)} checks with stripe {stripe.VERSION} passed", flush=True)
