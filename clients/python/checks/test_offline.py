"""What the client does by itself, against a server that is made up."""

from __future__ import annotations

import itertools
import unittest
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import purser._transport as transport
from fake import Answer, Asked, FakeServer
from purser import AsyncPurser, ConnectionFailed, InsufficientCredits, Purser, errors, types, webhooks
from purser._values import decode, dumps, loads

FIELDS = types.CREDIT_FIELDS
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DEBIT = '{"debitId": "d1", "credits": 12.5, "balance": 9007199254740.993001, "available": 5, "new": 1}'


def always(status: int, body: object) -> FakeServer:
    return FakeServer(lambda number, asked: Answer(status, body))


class Check(unittest.TestCase):
    def client(self, server: FakeServer, **options: Any) -> Purser:
        purser = Purser("psk_test", server.url, **options)
        self.addCleanup(purser.close)
        return purser


class Amounts(Check):
    def test_credits_are_exact_both_ways(self) -> None:
        with always(200, DEBIT) as server:
            done = self.client(server).create_debit("user:alice", credits="9007199254740.993001", metadata={"credits": "12"})
        self.assertEqual((done.balance, done.available), (Decimal("9007199254740.993001"), Decimal(5)))
        self.assertIs(type(done.available), Decimal)
        body = '{"credits":9007199254740.993001,"metadata":{"credits":"12"}}'
        self.assertEqual((server.asked[0].path, server.asked[0].body), ("/purser/v1/wallets/user:alice/debits", body))

    def test_floats_and_words_are_refused(self) -> None:
        with always(200, DEBIT) as server:
            with self.assertRaisesRegex(TypeError, r"Decimal\('0.1'\)"):
                self.client(server).create_debit("user:alice", credits=0.1)  # type: ignore[arg-type]
            for word in ("twelve", "NaN", ""):
                with self.assertRaises(ValueError):
                    self.client(server).create_debit("user:alice", credits=word)
        self.assertEqual(server.asked, [])

    def test_small_and_large_numbers_have_no_exponent(self) -> None:
        self.assertEqual(dumps({"credits": Decimal("1E+3")}, FIELDS), '{"credits":1000}')
        self.assertEqual(dumps({"levels": [Decimal("0.000001"), "10"]}, FIELDS), '{"levels":[0.000001,10]}')

    def test_times_have_a_zone_and_unknown_things_are_ignored(self) -> None:
        clock = loads('{"now": "2026-11-28T08:00:00.123Z", "aheadSeconds": 0, "colour": "red"}')
        found = decode(types.Clock, clock)
        self.assertEqual(found.now, datetime(2026, 11, 28, 8, 0, 0, 123000, timezone.utc))


class Retries(Check):
    def setUp(self) -> None:
        transport._FIRST_WAIT_SECONDS = 0.001

    def test_the_same_request_comes_again_under_the_same_key(self) -> None:
        replies = [
            Answer(breaks=True),
            Answer(503, {"error": {"code": "unavailable", "message": ""}}, {"retry-after": "0"}),
            Answer(429, {"error": {"code": "rate_limited", "message": ""}}),
            Answer(409, {"error": {"code": "idempotency_key_in_use", "message": ""}}),
            Answer(502, "<html>", {}),
            Answer(200, DEBIT),
        ]
        with FakeServer(lambda number, asked: replies[number]) as server:
            done = self.client(server).create_debit("user:alice", credits=1)
        self.assertEqual(done.debit_id, "d1")
        self.assertEqual(len(server.asked), 6)
        self.assertEqual(len({(one.headers["idempotency-key"], one.body) for one in server.asked}), 1)

    def test_each_request_has_a_key_of_its_own_and_a_given_one_is_kept(self) -> None:
        with always(200, DEBIT) as server:
            purser = self.client(server)
            purser.create_debit("me", credits=1)
            purser.create_debit("me", credits=1)
            purser.create_debit("me", credits=1, idempotency_key="render-7")
        keys = [one.headers["idempotency-key"] for one in server.asked]
        self.assertEqual((len(set(keys)), keys[2]), (3, "render-7"))

    def test_it_gives_up(self) -> None:
        with FakeServer(lambda number, asked: Answer(breaks=True)) as server:
            with self.assertRaises(ConnectionFailed):
                self.client(server, max_retries=2).create_debit("me", credits=1)
        self.assertEqual(len(server.asked), 3)

    def test_retry_after_is_respected(self) -> None:
        waits: list[float] = []
        busy = Answer(429, {"error": {"code": "rate_limited", "message": ""}}, {"retry-after": "7"})
        with patch("time.sleep", waits.append):
            with FakeServer(lambda number, asked: Answer(200, DEBIT) if number else busy) as server:
                self.client(server).create_debit("me", credits=1)
        self.assertEqual(waits, [7.0])

    def test_what_is_refused_is_not_sent_again(self) -> None:
        body = {"error": {"code": "insufficient_credits", "message": "Short.", "available": 2.5, "needed": 4, "requestId": "r1"}}
        with always(402, body) as server:
            with self.assertRaises(InsufficientCredits) as caught:
                self.client(server).create_debit("me", credits=4)
        error = caught.exception
        self.assertEqual((error.available, error.needed), (Decimal("2.5"), Decimal(4)))
        self.assertEqual((error.status, error.code, error.request_id), (402, "insufficient_credits", "r1"))
        self.assertEqual(len(server.asked), 1)

    def test_a_limit_that_is_reached_is_described(self) -> None:
        limit = {"memberId": "bob", "credits": 100, "per": "day", "left": 2.5, "resetsAt": "2026-11-29T00:00:00.000Z"}
        with always(402, {"error": {"code": "limit_reached", "message": "Short.", "limit": limit}}) as server:
            with self.assertRaises(errors.LimitReached) as caught:
                self.client(server).create_debit("org:1", credits=4, member_id="bob")
        reached = caught.exception.limit
        assert reached is not None
        self.assertEqual((reached.member_id, reached.api_key_id, reached.left), ("bob", None, Decimal("2.5")))
        self.assertEqual((reached.per, reached.resets_at.isoformat()), ("day", "2026-11-29T00:00:00+00:00"))

    def test_an_unknown_code_and_a_proxy_are_errors_too(self) -> None:
        for body, code in [({"error": {"code": "brand_new", "message": "x"}}, "brand_new"), ("<html>", "unknown")]:
            with always(400, body) as server, self.assertRaises(errors.ApiError) as caught:
                self.client(server).get_clock()
            self.assertEqual(caught.exception.code, code)


class Lists(Check):
    def test_all_pages_are_gone_through(self) -> None:
        def reply(number: int, asked: Asked) -> Answer:
            page = {"data": [{"actionId": str(number)}], "nextCursor": "c&2" if number == 0 else None}
            return Answer(200, page)

        with FakeServer(reply) as server:
            found = [action.action_id for action in self.client(server).get_audit_log(limit=1)]
        self.assertEqual(found, ["0", "1"])
        self.assertTrue(server.asked[1].path.endswith("limit=1&cursor=c%262"), server.asked[1].path)


class Changes(Check):
    def test_what_is_left_out_stays_and_none_removes(self) -> None:
        with always(200, {"userId": "alice"}) as server:
            self.client(server).put_user("alice", email=None)
            self.client(server).put_user("alice", name="Alice")
        self.assertEqual([one.body for one in server.asked], ['{"email":null}', '{"name":"Alice"}'])


class Webhooks(Check):
    # The example of the specification's own libraries, which is no event.
    HEADERS = {
        "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,bm9uZQ== v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    BODY = b'{"test": 2432232314}'

    def test_a_genuine_message_that_is_no_event(self) -> None:
        with self.assertRaisesRegex(webhooks.WebhookInvalid, "no event"):
            webhooks.verify(self.BODY, self.HEADERS, SECRET, now=1614265330)

    def test_an_event(self) -> None:
        body = b'{"type":"credits.added","timestamp":"2026-11-28T08:00:00Z","data":{"walletId":"w","credits":5,"sequence":3}}'
        signature = webhooks._signature(b"m1.1000." + body, SECRET)
        headers = {"webhook-id": "m1", "webhook-timestamp": "1000", "webhook-signature": signature}
        other = "whsec_" + "AAAA" * 8
        event = webhooks.verify(body, headers, [other, SECRET], now=1200)
        self.assertEqual((event.type, event.id, event.wallet_id, event.sequence), ("credits.added", "m1", "w", 3))
        self.assertIs(type(event.data["credits"]), Decimal)
        webhooks.verify(body, headers, SECRET, tolerance_seconds=None)
        for changed, secret, now in [(body + b" ", SECRET, 1000), (body, other, 1000), (body, SECRET, 1301)]:
            with self.assertRaises(webhooks.WebhookInvalid):
                webhooks.verify(changed, headers, secret, now=now)
        for name in headers:
            with self.assertRaises(webhooks.WebhookInvalid):
                webhooks.verify(body, {key: value for key, value in headers.items() if key != name}, SECRET, now=1000)


class Streams(Check):
    def setUp(self) -> None:
        transport._FIRST_WAIT_SECONDS = 0.001

    def test_the_state_comes_first_and_gaps_are_seen(self) -> None:
        def told(number: int) -> str:
            return f'event: wallet.changed\ndata: {{"type":"wallet.changed","walletId":"w","sequence":{number},"balance":{number}}}\n\n'

        def state(number: int) -> str:
            wallet = f'{{"walletId":"w","balance":{number},"available":0,"held":0,"debt":0,"sequence":{number}}}'
            return f': connected\n\nevent: wallet.state\ndata: {{"type":"wallet.state","wallets":[{wallet}]}}\n\n'

        streams = iter([
            # Repetitions and old ones; one before its turn; then a gap.
            state(1) + told(3) + told(2) + told(2) + told(1) + told(4) + told(7),
            # More happened meanwhile; then the server stops.
            state(9) + told(10) + 'event: stream.closed\ndata: {"reason":"stopping"}\n\n' + told(11),
            state(10),
        ])

        def reply(number: int, asked: Asked) -> Answer:
            if asked.method == "POST":
                return Answer(201, {"ticket": f"t{number}", "expiresAt": "2026-11-28T08:00:00Z"})
            return Answer(200, next(streams), {"content-type": "text/event-stream"})

        with FakeServer(reply) as server, patch("purser.live._LATE_SECONDS", 0.05):
            events = list(itertools.islice(iter(self.client(server).live("user:alice")), 8))
        seen = [(event.type.removeprefix("wallet."), event.sequence, event.missed) for event in events]
        self.assertEqual(seen, [
            ("state", None, {}), ("changed", 2, {}), ("changed", 3, {}), ("changed", 4, {}), ("changed", 7, {}),
            ("state", None, {"w": 4}), ("changed", 10, {}), ("state", None, {}),
        ])
        self.assertIs(type(events[0].data["wallets"][0]["balance"]), Decimal)
        self.assertEqual([one.path for one in server.asked if one.method == "GET"][0], "/purser/v1/events?ticket=t0")

    def test_what_may_not_be_heard_is_an_error(self) -> None:
        with always(403, {"error": {"code": "missing_scope", "message": ""}}) as server:
            with self.assertRaises(errors.MissingScope):
                next(iter(self.client(server).live("user:alice")))


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_it_is_the_same_for_asyncio(self) -> None:
        transport._FIRST_WAIT_SECONDS = 0.001
        wallet = '{"walletId":"w","balance":3,"available":0,"held":0,"debt":0,"sequence":3}'
        stream = f'event: wallet.state\ndata: {{"type":"wallet.state","wallets":[{wallet}]}}\n\n'

        def reply(number: int, asked: Asked) -> Answer:
            if number == 0:
                return Answer(breaks=True)
            if asked.path.endswith("/debits"):
                return Answer(200, DEBIT)
            if "audit-log" in asked.path:
                return Answer(200, {"data": [{"actionId": asked.path[-1]}], "nextCursor": None if "cursor" in asked.path else "2"})
            if asked.method == "POST":
                return Answer(201, {"ticket": "t", "expiresAt": "2026-11-28T08:00:00Z"})
            return Answer(200, stream, {"content-type": "text/event-stream"})

        with FakeServer(reply) as server:
            async with AsyncPurser("psk_test", server.url) as purser:
                done = await purser.create_debit("me", credits=1)
                actions = [action.action_id async for action in purser.get_audit_log()]
                async for event in purser.live("user:alice"):
                    break
        self.assertEqual((done.debit_id, actions, event.type), ("d1", ["g", "2"], "wallet.state"))
        self.assertEqual(server.asked[0].headers["idempotency-key"], server.asked[1].headers["idempotency-key"])


if __name__ == "__main__":
    unittest.main()
