"""Subscriptions, invoices and what surrounds them, as the official SDK sees them."""

import urllib.request

import stripe

from support import control, customer, pay_session, raises, subscribe, v1


def check_subscription_session():
    product = v1.products.create(params={"name": "Pro"})
    price = v1.prices.create(
        params={
            "product": product.id,
            "currency": "usd",
            "unit_amount": 2900,
            "recurring": {"interval": "month"},
        }
    )
    owner = customer()
    session = v1.checkout.sessions.create(
        params={
            "mode": "subscription",
            "customer": owner.id,
            "success_url": "https://shop.example/ok",
            "line_items": [{"price": price.id, "quantity": 1}],
            "subscription_data": {"metadata": {"plan": "pro"}},
        }
    )
    assert session.subscription is None and session.invoice is None
    assert control("POST", f"checkout/{session.id}/pay", {"card": "4242424242424242"})[0] == 200
    paid = v1.checkout.sessions.retrieve(session.id, params={"expand": ["subscription", "invoice.payments"]})
    subscription = paid.subscription
    assert isinstance(subscription, stripe.Subscription) and subscription.status == "active"
    assert subscription.metadata["plan"] == "pro"
    item = subscription["items"].data[0]
    assert item.price.id == price.id and item.current_period_end > item.current_period_start
    invoice = paid.invoice
    assert (invoice.status, invoice.amount_paid) == ("paid", 2900)
    assert invoice.billing_reason == "subscription_create"
    assert invoice.parent.subscription_details.subscription == subscription.id
    assert invoice.payments.data[0].payment.payment_intent.startswith("pi_")
    assert v1.subscriptions.list(params={"customer": owner.id}).data[0].id == subscription.id
    ending = v1.subscriptions.update(subscription.id, params={"cancel_at_period_end": True})
    assert ending.cancel_at_period_end and ending.cancel_at == item.current_period_end
    ended = v1.subscriptions.cancel(subscription.id)
    assert ended.status == "canceled" and ended.canceled_at
    portal = v1.billing_portal.sessions.create(
        params={"customer": owner.id, "return_url": "https://shop.example/account"}
    )
    with urllib.request.urlopen(portal.url, timeout=10) as page:
        assert b"Billing" in page.read()


def check_customer_balance():
    owner = customer()
    yearly = subscribe(owner, price="price_pro_year").subscription
    item = {"id": yearly["items"].data[0].id, "price": "price_pro_month"}
    v1.subscriptions.update(yearly.id, params={"items": [item]})
    credit = v1.customers.retrieve(owner.id).balance
    assert credit < -8000, credit
    rows = v1.customers.balance_transactions.list(owner.id).data
    assert isinstance(rows[0], stripe.CustomerBalanceTransaction)
    assert (rows[0].type, rows[0].ending_balance) == ("applied_to_invoice", credit)
    first = subscribe(owner).invoice
    assert (first.starting_balance, first.ending_balance) == (credit, credit + 999)
    assert (first.total, first.amount_due, first.amount_paid, first.status) == (999, 0, 0, "paid")
    given = v1.customers.balance_transactions.create(owner.id, params={"amount": -1, "currency": "usd"})
    assert (given.type, v1.customers.retrieve(owner.id).balance) == ("adjustment", credit + 998)


def check_invoice_lines():
    owner = customer()
    subscription = subscribe(owner).subscription
    for seats in range(2, 9):
        item = {"id": subscription["items"].data[0].id, "quantity": seats}
        v1.subscriptions.update(subscription.id, params={"items": [item]})
    item = {"id": subscription["items"].data[0].id, "price": "price_pro_year"}
    changed = v1.subscriptions.update(
        subscription.id, params={"items": [item], "proration_behavior": "always_invoice"}
    )
    end = changed["items"].data[0].current_period_end
    now = control("GET", "clock")[1]["now"]
    status, answer = control("PUT", "clock", {"now": end + 3601})
    assert status == 200, answer
    renewal = v1.invoices.list(params={"subscription": subscription.id}).data[0]
    assert (renewal.billing_reason, renewal.status) == ("subscription_cycle", "paid")
    assert len(renewal.lines.data) == 10 and renewal.lines.has_more
    everything = list(renewal.lines.auto_paging_iter())
    assert len(everything) == 15 and sum(line.amount for line in everything) == renewal.subtotal
    control("PUT", "clock", {"now": now})


def check_promotion_codes_and_tax():
    v1.coupons.create(params={"id": "CONFORM", "percent_off": 10, "duration": "once"})
    made = v1.promotion_codes.create(
        params={"promotion": {"type": "coupon", "coupon": "CONFORM"}, "code": "conform10"}
    )
    assert isinstance(made, stripe.PromotionCode) and made.promotion.coupon == "CONFORM"
    control("PUT", "stripe/tax", {"basis_points": 2000})
    paid = subscribe(
        customer(), session={"allow_promotion_codes": True}, promotion_code="CONFORM10"
    )
    control("PUT", "stripe/tax", {"basis_points": 0})
    assert paid.discounts[0].promotion_code == made.id
    assert (paid.amount_subtotal, paid.total_details.amount_discount) == (999, 100)
    assert (paid.total_details.amount_tax, paid.amount_total) == (180, 1079)
    invoice = paid.invoice
    assert (invoice.amount_paid, invoice.total_taxes[0].amount) == (1079, 180)
    assert invoice.lines.data[0].taxes[0].tax_behavior == "exclusive"
    assert v1.promotion_codes.list(params={"code": "conform10"}).data[0].times_redeemed == 1


def check_warnings_and_partial_disputes():
    intent = pay_session(2500).payment_intent
    control("POST", "early_fraud_warnings", {"payment_intent": intent.id})
    warning = v1.radar.early_fraud_warnings.list(params={"payment_intent": intent.id}).data[0]
    assert isinstance(warning, stripe.radar.EarlyFraudWarning) and warning.actionable
    _, opened = control("POST", "disputes", {"payment_intent": intent.id})
    control("POST", f"disputes/{opened['id']}/close", {"won": False, "returned": 1})
    dispute = v1.disputes.retrieve(opened["id"])
    assert dispute.status == "lost"
    assert [row.amount for row in dispute.balance_transactions] == [-2500, 1]
    assert v1.radar.early_fraud_warnings.retrieve(warning.id).actionable is False
    charge = v1.charges.create(params={"amount": 900, "currency": "usd", "source": "tok_visa"})
    assert isinstance(charge, stripe.Charge) and charge.payment_intent is None


def check_connected_accounts():
    _, made = control("POST", "foreign", {"kind": "payment_intent", "account": "acct_other"})
    raises(stripe.InvalidRequestError, lambda: v1.payment_intents.retrieve(made["payment_intent"]))
    seen = v1.payment_intents.retrieve(made["payment_intent"], options={"stripe_account": "acct_other"})
    assert seen.status == "succeeded" and seen.metadata["order_id"] == "7"
