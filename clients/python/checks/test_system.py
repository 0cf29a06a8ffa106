"""The client against a running system in test mode, at PURSER_URL, with a key for everything in PURSER_API_KEY."""

from __future__ import annotations

import os
import unittest
import uuid
from decimal import Decimal
from queue import Queue
from threading import Thread

from fake import Answer, Asked, FakeServer
from purser import Event, InsufficientCredits, Money, Purser, errors, types, webhooks


@unittest.skipUnless(os.environ.get("PURSER_URL"), "PURSER_URL is not set: start `cargo dev`")
class System(unittest.TestCase):
    def setUp(self) -> None:
        self.purser = Purser()
        self.addCleanup(self.purser.close)
        self.user = f"py-{uuid.uuid4().hex[:8]}"
        self.wallet = f"user:{self.user}"
        made = self.purser.put_user(self.user, name="Alice", metadata={"team": "red"})
        self.wallet_id = made.wallet_id

    def give(self, credits: str) -> types.GivenGrant:
        return self.purser.create_grant(self.wallet, credits=credits, kind="promotional", reason="A check")

    def test_users_are_changed_field_by_field(self) -> None:
        self.purser.put_user(self.user, email="alice@example.com")
        changed = self.purser.put_user(self.user, name=None)
        self.assertEqual((changed.email, changed.name, changed.metadata), ("alice@example.com", None, {"team": "red"}))
        self.assertIn(self.user, [user.user_id for user in self.purser.list_users(query=self.user)])

    def test_credits_are_spent_once_and_given_back(self) -> None:
        given = self.give("1000000.000001")
        self.assertEqual((given.balance, given.expires_at), (Decimal("1000000.000001"), None))
        key = f"render-{self.user}"
        first, again = [
            self.purser.create_debit(
                self.wallet, credits=Decimal("0.1"), description="One render", metadata={"credits": "7"}, idempotency_key=key
            )
            for _ in range(2)
        ]
        self.assertEqual((first, first.balance), (again, Decimal("999999.900001")))
        with self.assertRaises(errors.IdempotencyKeyReused):
            self.purser.create_debit(self.wallet, credits=2, idempotency_key=key)
        back = self.purser.refund_debit(first.debit_id, credits="0.04")
        self.assertEqual((back.left, back.balance), (Decimal("0.06"), Decimal("999999.940001")))
        with self.assertRaises(InsufficientCredits) as caught:
            self.purser.create_debit(self.wallet, credits=2_000_000)
        self.assertEqual((caught.exception.available, caught.exception.needed), (back.balance, Decimal(2_000_000)))
        entries = list(self.purser.list_entries(self.wallet, limit=1))
        self.assertEqual([entry.credits for entry in entries], [Decimal("0.04"), Decimal("-0.1"), given.credits])
        self.assertEqual((entries[1].metadata, entries[1].description), ({"credits": "7"}, "One render"))
        self.assertEqual(len(list(self.purser.list_entries(self.wallet, type="usage"))), 1)

    def test_holds_are_captured_in_part(self) -> None:
        self.give("100")
        hold = self.purser.create_hold(self.wallet, credits=50, ttl_seconds=600)
        wallet = self.purser.get_wallet(self.wallet)
        self.assertEqual((wallet.balance, wallet.available, wallet.held), (Decimal(100), Decimal(50), Decimal(50)))
        self.assertEqual([open_hold.hold_id for open_hold in self.purser.list_holds(self.wallet)], [hold.hold_id])
        ended = self.purser.capture_hold(hold.hold_id, credits="12.5")
        self.assertEqual((ended.captured, ended.balance), (Decimal("12.5"), Decimal("87.5")))
        with self.assertRaises(errors.HoldCaptured):
            self.purser.release_hold(hold.hold_id)

    def test_many_debits_at_once_each_have_their_end(self) -> None:
        self.give("10")
        done, refused = self.purser.batch_debit(debits=[
            types.BatchedDebit(wallet=self.wallet, credits=4, idempotency_key=f"a-{self.user}"),
            types.BatchedDebit(wallet=self.wallet, credits="100", idempotency_key=f"b-{self.user}"),
        ]).data
        assert isinstance(done, types.Debit) and isinstance(refused, types.DebitOutcomeError)
        self.assertEqual((done.balance, refused.error.code), (Decimal(6), "insufficient_credits"))

    def test_a_key_does_what_it_was_made_for(self) -> None:
        made = self.purser.create_api_key(name="Reader", scopes=["read"], wallets_of=self.wallet)
        with Purser(made.api_key) as reader:
            self.assertEqual(reader.get_wallet("me").wallet_id, self.wallet_id)
            with self.assertRaises(errors.MissingScope):
                reader.create_debit("me", credits=1)
            self.purser.delete_api_key(made.api_key_id)
            with self.assertRaises(errors.Unauthorized):
                reader.get_wallet("me")

    def test_an_order_has_a_page(self) -> None:
        order = self.purser.create_order(wallet=self.wallet, credits=500, currency="usd", reference=f"cart-{self.user}")
        order = self.purser.wait_for_checkout(order)
        assert order.checkout_url is not None
        self.assertTrue(order.checkout_url.startswith("http"))
        self.assertEqual((order.status, order.credits, order.amount), ("pending", Decimal(500), Money(500, "usd")))
        found = list(self.purser.list_orders(reference=f"cart-{self.user}"))
        self.assertEqual([one.order_id for one in found], [order.order_id])

    def test_changes_are_heard(self) -> None:
        heard: Queue[Event] = Queue()

        def listen() -> None:
            for event in self.purser.live(self.wallet):
                heard.put(event)

        Thread(target=listen, daemon=True).start()
        state = heard.get(timeout=20)
        self.assertEqual((state.type, state.data["wallets"][0]["balance"]), ("wallet.state", Decimal(0)))
        self.give("2.5")
        while (event := heard.get(timeout=20)).type != "wallet.changed":
            pass
        self.assertEqual((event.data["balance"], event.wallet_id), (Decimal("2.5"), self.wallet_id))

    def test_webhooks_are_ours(self) -> None:
        came: Queue[Asked] = Queue()

        def take(_: int, asked: Asked) -> Answer:
            came.put(asked)
            return Answer(204)

        with FakeServer(take) as server:
            endpoint = self.purser.create_webhook_endpoint(url=f"{server.url}/hook", event_types=["credits.added"])
            self.purser.test_webhook_endpoint(endpoint.endpoint_id)
            message = came.get(timeout=20)
            self.purser.delete_webhook_endpoint(endpoint.endpoint_id)
        event = webhooks.verify(message.body, message.headers, endpoint.secret, tolerance_seconds=None)
        self.assertEqual(event.type, "endpoint.test")
        with self.assertRaises(webhooks.WebhookInvalid):
            webhooks.verify(message.body + " ", message.headers, endpoint.secret, tolerance_seconds=None)


if __name__ == "__main__":
    unittest.main()
