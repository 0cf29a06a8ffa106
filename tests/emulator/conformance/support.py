"""What the checks share: the SDK pointed at the emulator, its controls, payments to look at."""

import json
import sys
import urllib.error
import urllib.request

import stripe

BASE = sys.argv[1]
KEY = "sk_test_conformance"
client = stripe.StripeClient(KEY, base_addresses={"api": BASE}, max_network_retries=0)
v1 = client.v1


def control(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{BASE}/_emulator/{path}", data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def raises(kind, act):
    try:
        act()
    except kind as error:
        assert type(error) is kind, f"{type(error)} instead of {kind}"
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def customer(**params):
    return v1.customers.create(params={"email": "ada@example.com", **params})


def saved_card(number, **params):
    """A customer who saved a card in a setup session, and the id of the payment method."""
    owner = customer(**params)
    session = v1.checkout.sessions.create(
        params={
            "mode": "setup",
            "currency": "usd",
            "customer": owner.id,
            "success_url": "https://shop.example/ok",
        }
    )
    status, answer = control("POST", f"checkout/{session.id}/pay", {"card": number})
    assert status == 200, answer
    intent = v1.setup_intents.retrieve(session.setup_intent)
    assert intent.status == "succeeded"
    return owner, intent.payment_method


def pay_session(amount=1500, card="4242424242424242", quantity=1, **params):
    session = v1.checkout.sessions.create(
        params={
            "mode": "payment",
            "success_url": "https://shop.example/ok/{CHECKOUT_SESSION_ID}",
            "line_items": [
                {
                    "quantity": quantity,
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": amount,
                        "product_data": {"name": "Credits"},
                    },
                }
            ],
            **params,
        }
    )
    status, answer = control("POST", f"checkout/{session.id}/pay", {"card": card})
    assert status == 200, answer
    return v1.checkout.sessions.retrieve(
        session.id, params={"expand": ["payment_intent.latest_charge", "line_items"]}
    )


def off_session(owner, method, amount=2000, **params):
    return v1.payment_intents.create(
        params={
            "amount": amount,
            "currency": "usd",
            "customer": owner.id,
            "payment_method": method,
            "off_session": True,
            "confirm": True,
            "error_on_requires_action": True,
            **params,
        }
    )


def subscribe(owner, price="price_pro_month", **params):
    session = v1.checkout.sessions.create(
        params={
            "mode": "subscription",
            "customer": owner.id,
            "success_url": "https://shop.example/ok",
            "line_items": [{"price": price, "quantity": 1}],
            **params.pop("session", {}),
        }
    )
    status, answer = control("POST", f"checkout/{session.id}/pay", params)
    assert status == 200, answer
    paid = v1.checkout.sessions.retrieve(session.id, params={"expand": ["subscription", "invoice"]})
    return paid
