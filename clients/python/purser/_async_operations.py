"""One method for each operation of the API. Written by clients/generate.py: do not change it by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from . import types
from ._transport import NOT_GIVEN, AsyncPages, AsyncTransport, NotGiven, segment
from ._values import Credits, Money


class AsyncOperations(AsyncTransport):
    """The API's operations. Times without a zone count as UTC; credits are `Decimal`, `int` or text."""

    def list_users(self, *, limit: int | None = None, admin: bool | None = None) -> AsyncPages[types.Account]:
        """All users, ordered by id."""
        return self._pages("/purser/v1/users", "data", types.Account, query={"limit": limit, "admin": admin})

    async def get_user(self, user_id: str) -> types.Account:
        """Look at a user."""
        return await self._call("GET", f"/purser/v1/users/{segment(user_id)}", types.Account)

    async def put_user(
        self,
        user_id: str,
        *,
        email: str | None | NotGiven = NOT_GIVEN,
        name: str | None | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, str] | None | NotGiven = NOT_GIVEN,
    ) -> types.Account:
        """X. Takes the scope `spend`."""
        return await self._call(
            "PUT",
            f"/purser/v1/users/{segment(user_id)}",
            types.Account,
            body={"email": email, "name": name, "metadata": metadata},
        )

    async def delete_user(self, user_id: str) -> None:
        """Erase a user's personal data. For good: e-mail, credentials, memberships and cards go, and the user stays
        out. What was bought and spent stays in the books under the user's id.
        """
        return await self._call("DELETE", f"/purser/v1/users/{segment(user_id)}", type(None))

    async def block_user(self, user_id: str, *, reason: str, idempotency_key: str | None = None) -> types.Account:
        """Keep a user out. The user's sessions, keys and tokens stop working, and saved cards are let go."""
        return await self._call(
            "POST",
            f"/purser/v1/users/{segment(user_id)}/block",
            types.Account,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    async def unblock_user(
        self,
        user_id: str,
        *,
        reason: str,
        idempotency_key: str | None = None,
    ) -> types.Account:
        """Let a blocked user in again. Their sessions and keys work as before. Cards that were let go have to be
        saved again.
        """
        return await self._call(
            "POST",
            f"/purser/v1/users/{segment(user_id)}/unblock",
            types.Account,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def list_user_sessions(self, user_id: str, *, limit: int | None = None) -> AsyncPages[types.SessionRecord]:
        """A user's sessions that have not ended, newest first."""
        return self._pages(
            f"/purser/v1/users/{segment(user_id)}/sessions",
            "data",
            types.SessionRecord,
            query={"limit": limit},
        )

    async def delete_user_sessions(self, user_id: str) -> None:
        """End all sessions of a user."""
        return await self._call("DELETE", f"/purser/v1/users/{segment(user_id)}/sessions", type(None))

    async def delete_session(self, session_id: str) -> None:
        """End a session. At once, and with it live connections that were opened with it."""
        return await self._call("DELETE", f"/purser/v1/sessions/{segment(session_id)}", type(None))

    def list_user_api_keys(self, user_id: str, *, limit: int | None = None) -> AsyncPages[types.ApiKeyRecord]:
        """A user's API keys, withdrawn ones too, newest first."""
        return self._pages(
            f"/purser/v1/users/{segment(user_id)}/api-keys",
            "data",
            types.ApiKeyRecord,
            query={"limit": limit},
        )

    async def delete_api_key(self, api_key_id: str) -> None:
        """Withdraw an API key. It ends at once, and so do live connections that were opened with it."""
        return await self._call("DELETE", f"/purser/v1/api-keys/{segment(api_key_id)}", type(None))

    def get_audit_log(self, *, limit: int | None = None) -> AsyncPages[types.AuditedAction]:
        """What administrators did, newest first."""
        return self._pages("/purser/v1/audit-log", "data", types.AuditedAction, query={"limit": limit})

    async def get_auto_recharge(self, wallet_id: str) -> types.WalletRecharge:
        """How a wallet is recharged."""
        return await self._call(
            "GET",
            f"/purser/v1/wallets/{segment(wallet_id)}/auto-recharge",
            types.WalletRecharge,
        )

    async def pause_auto_recharge(
        self,
        wallet_id: str,
        *,
        reason: str,
        idempotency_key: str | None = None,
    ) -> types.WalletRecharge:
        """Stop recharging a wallet. Until an administrator resumes it. What is being charged already is not unmade."""
        return await self._call(
            "POST",
            f"/purser/v1/wallets/{segment(wallet_id)}/auto-recharge/pause",
            types.WalletRecharge,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    async def resume_auto_recharge(
        self,
        wallet_id: str,
        *,
        reason: str,
        idempotency_key: str | None = None,
    ) -> types.WalletRecharge:
        """Resume recharging a wallet. Whatever it waits for. Without a card nothing is charged."""
        return await self._call(
            "POST",
            f"/purser/v1/wallets/{segment(wallet_id)}/auto-recharge/resume",
            types.WalletRecharge,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def list_subscriptions(self, wallet_id: str) -> AsyncPages[types.Subscription]:
        """The subscriptions of a wallet. Those that are not over first, then the newest first; 200 at most."""
        return self._pages(f"/purser/v1/wallets/{segment(wallet_id)}/subscriptions", "data", types.Subscription)

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        when: Literal["now", "period_end"],
        reason: str,
        refund: bool | None = None,
        idempotency_key: str | None = None,
    ) -> types.Subscription:
        """End a subscription at its provider. With its period, or now; then with `refund` its last payment is given
        back as well, as far as that has not happened, and the credits follow the money. A subscription's money is
        given back once, however often that is asked for. What the provider refuses is 409 in its words, and in
        the subscription's `ending`.
        """
        return await self._call(
            "POST",
            f"/purser/v1/subscriptions/{segment(subscription_id)}/cancel",
            types.Subscription,
            body={"when": when, "refund": refund, "reason": reason},
            idempotency_key=idempotency_key,
        )

    async def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str,
        interval: Literal["month", "year"] | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.Subscription:
        """Move a subscription to another plan. The provider charges the difference for the rest of the period at
        once, or keeps it for the next payment; what is paid is credited. If the payment fails, nothing changes.
        The plan must have a price or product of its own at the provider, in the same currency.
        """
        return await self._call(
            "POST",
            f"/purser/v1/subscriptions/{segment(subscription_id)}/change",
            types.Subscription,
            body={"planId": plan_id, "interval": interval, "reason": reason},
            idempotency_key=idempotency_key,
        )

    def list_provider_events(
        self,
        *,
        state: str | None = None,
        provider: str | None = None,
        limit: int | None = None,
    ) -> AsyncPages[types.HandledProviderEvent]:
        """Events of providers, and what became of them. Newest first. Those in state `open` contradict their orders:
        nothing was credited, and an operator credits the order, has the event applied again, or dismisses it.
        """
        return self._pages(
            "/purser/v1/provider-events",
            "data",
            types.HandledProviderEvent,
            query={"state": state, "provider": provider, "limit": limit},
        )

    async def get_provider_event(self, id: str) -> types.ProviderEventDetail:
        """An event, what it says, and the order that it is about. What came and what was expected, side by side. The
        text has personal data of the buyer.
        """
        return await self._call("GET", f"/purser/v1/provider-events/{segment(id)}", types.ProviderEventDetail)

    async def credit_provider_event(
        self,
        id: str,
        *,
        reason: str,
        idempotency_key: str | None = None,
    ) -> types.HandledProviderEvent:
        """Credit the order of an event in quarantine as paid. The order counts as paid with what the event says was
        paid, and grants what was ordered. It is refused if there is no order, or the order is credited already.
        """
        return await self._call(
            "POST",
            f"/purser/v1/provider-events/{segment(id)}/credit",
            types.HandledProviderEvent,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    async def retry_provider_event(
        self,
        id: str,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.HandledProviderEvent:
        """Have an event in quarantine applied again, after a repair. It goes through the queue, and leaves the
        quarantine if it agrees with its order now.
        """
        return await self._call(
            "POST",
            f"/purser/v1/provider-events/{segment(id)}/retry",
            types.HandledProviderEvent,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    async def dismiss_provider_event(
        self,
        id: str,
        *,
        reason: str,
        idempotency_key: str | None = None,
    ) -> types.HandledProviderEvent:
        """Take an event out of quarantine without crediting anything."""
        return await self._call(
            "POST",
            f"/purser/v1/provider-events/{segment(id)}/dismiss",
            types.HandledProviderEvent,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def list_packs(self) -> AsyncPages[types.Pack]:
        """All packs, also those that are not for sale."""
        return self._pages("/purser/v1/catalog/packs", "data", types.Pack)

    async def create_pack(
        self,
        *,
        name: str,
        credits: Credits,
        price: Money,
        pack_id: str | None = None,
        description: str | None = None,
        expires_after_days: int | None = None,
        dialects: Sequence[str] | None = None,
        stripe_payment_link: str | None = None,
        store_product_id: str | None = None,
        creem_product_id: str | None = None,
        active: bool | None = None,
        sort_order: int | None = None,
        idempotency_key: str | None = None,
    ) -> types.Pack:
        """Add a pack."""
        return await self._call(
            "POST",
            "/purser/v1/catalog/packs",
            types.Pack,
            body={
                "packId": pack_id,
                "name": name,
                "description": description,
                "credits": credits,
                "price": price,
                "expiresAfterDays": expires_after_days,
                "dialects": dialects,
                "stripePaymentLink": stripe_payment_link,
                "storeProductId": store_product_id,
                "creemProductId": creem_product_id,
                "active": active,
                "sortOrder": sort_order,
            },
            idempotency_key=idempotency_key,
        )

    async def get_pack(self, pack_id: str) -> types.Pack:
        """A pack."""
        return await self._call("GET", f"/purser/v1/catalog/packs/{segment(pack_id)}", types.Pack)

    async def put_pack(
        self,
        pack_id: str,
        *,
        name: str,
        credits: Credits,
        price: Money,
        description: str | NotGiven = NOT_GIVEN,
        expires_after_days: int | None | NotGiven = NOT_GIVEN,
        dialects: Sequence[str] | NotGiven = NOT_GIVEN,
        stripe_payment_link: str | None | NotGiven = NOT_GIVEN,
        store_product_id: str | None | NotGiven = NOT_GIVEN,
        creem_product_id: str | None | NotGiven = NOT_GIVEN,
        active: bool | NotGiven = NOT_GIVEN,
        sort_order: int | NotGiven = NOT_GIVEN,
    ) -> types.Pack:
        """Replace a pack. With `active` false it is sold no more. Orders that were placed keep what was ordered."""
        return await self._call(
            "PUT",
            f"/purser/v1/catalog/packs/{segment(pack_id)}",
            types.Pack,
            body={
                "name": name,
                "description": description,
                "credits": credits,
                "price": price,
                "expiresAfterDays": expires_after_days,
                "dialects": dialects,
                "stripePaymentLink": stripe_payment_link,
                "storeProductId": store_product_id,
                "creemProductId": creem_product_id,
                "active": active,
                "sortOrder": sort_order,
            },
        )

    def list_plans(self) -> AsyncPages[types.Plan]:
        """All plans, also those that are not for sale."""
        return self._pages("/purser/v1/catalog/plans", "data", types.Plan)

    async def create_plan(
        self,
        *,
        name: str,
        monthly: types.NewPlanPeriod,
        plan_id: str | None = None,
        description: str | None = None,
        yearly: types.NewPlanPeriod | None = None,
        features: Sequence[str] | None = None,
        rollover: bool | None = None,
        stripe_price_monthly: str | None = None,
        stripe_price_yearly: str | None = None,
        creem_product_monthly: str | None = None,
        creem_product_yearly: str | None = None,
        active: bool | None = None,
        sort_order: int | None = None,
        idempotency_key: str | None = None,
    ) -> types.Plan:
        """Add a plan."""
        return await self._call(
            "POST",
            "/purser/v1/catalog/plans",
            types.Plan,
            body={
                "planId": plan_id,
                "name": name,
                "description": description,
                "monthly": monthly,
                "yearly": yearly,
                "features": features,
                "rollover": rollover,
                "stripePriceMonthly": stripe_price_monthly,
                "stripePriceYearly": stripe_price_yearly,
                "creemProductMonthly": creem_product_monthly,
                "creemProductYearly": creem_product_yearly,
                "active": active,
                "sortOrder": sort_order,
            },
            idempotency_key=idempotency_key,
        )

    async def get_plan(self, plan_id: str) -> types.Plan:
        """A plan."""
        return await self._call("GET", f"/purser/v1/catalog/plans/{segment(plan_id)}", types.Plan)

    async def put_plan(
        self,
        plan_id: str,
        *,
        name: str,
        monthly: types.NewPlanPeriod,
        description: str | NotGiven = NOT_GIVEN,
        yearly: types.NewPlanPeriod | None | NotGiven = NOT_GIVEN,
        features: Sequence[str] | NotGiven = NOT_GIVEN,
        rollover: bool | NotGiven = NOT_GIVEN,
        stripe_price_monthly: str | None | NotGiven = NOT_GIVEN,
        stripe_price_yearly: str | None | NotGiven = NOT_GIVEN,
        creem_product_monthly: str | None | NotGiven = NOT_GIVEN,
        creem_product_yearly: str | None | NotGiven = NOT_GIVEN,
        active: bool | None | NotGiven = NOT_GIVEN,
        sort_order: int | NotGiven = NOT_GIVEN,
    ) -> types.Plan:
        """Replace a plan. With `active` false it is sold no more. Subscriptions keep the terms that they were made
        with.
        """
        return await self._call(
            "PUT",
            f"/purser/v1/catalog/plans/{segment(plan_id)}",
            types.Plan,
            body={
                "name": name,
                "description": description,
                "monthly": monthly,
                "yearly": yearly,
                "features": features,
                "rollover": rollover,
                "stripePriceMonthly": stripe_price_monthly,
                "stripePriceYearly": stripe_price_yearly,
                "creemProductMonthly": creem_product_monthly,
                "creemProductYearly": creem_product_yearly,
                "active": active,
                "sortOrder": sort_order,
            },
        )

    def list_coupons(self, *, limit: int | None = None) -> AsyncPages[types.Coupon]:
        """All coupons, the newest first."""
        return self._pages("/purser/v1/catalog/coupons", "data", types.Coupon, query={"limit": limit})

    async def create_coupon(
        self,
        *,
        code: str,
        percent: int | None = None,
        amount_off: Money | None = None,
        bonus_credits: Credits | None = None,
        credits: Credits | None = None,
        max_redemptions: int | None = None,
        max_per_user: int | None = None,
        expires_at: datetime | None = None,
        expires_after_days: int | None = None,
        plan_ids: Sequence[str] | None = None,
        pack_ids: Sequence[str] | None = None,
        active: bool | None = None,
        idempotency_key: str | None = None,
    ) -> types.Coupon:
        """Add a coupon. One of `percent`, `amountOff` and `bonusCredits` goes with an order; `credits` gives its
        credits at once, to whoever redeems the code.
        """
        return await self._call(
            "POST",
            "/purser/v1/catalog/coupons",
            types.Coupon,
            body={
                "code": code,
                "percent": percent,
                "amountOff": amount_off,
                "bonusCredits": bonus_credits,
                "credits": credits,
                "maxRedemptions": max_redemptions,
                "maxPerUser": max_per_user,
                "expiresAt": expires_at,
                "expiresAfterDays": expires_after_days,
                "planIds": plan_ids,
                "packIds": pack_ids,
                "active": active,
            },
            idempotency_key=idempotency_key,
        )

    async def get_coupon(self, coupon_id: str) -> types.Coupon:
        """A coupon."""
        return await self._call("GET", f"/purser/v1/catalog/coupons/{segment(coupon_id)}", types.Coupon)

    async def put_coupon(
        self,
        coupon_id: str,
        *,
        max_redemptions: int | None | NotGiven = NOT_GIVEN,
        max_per_user: int | None | NotGiven = NOT_GIVEN,
        expires_at: datetime | None | NotGiven = NOT_GIVEN,
        expires_after_days: int | None | NotGiven = NOT_GIVEN,
        plan_ids: Sequence[str] | NotGiven = NOT_GIVEN,
        pack_ids: Sequence[str] | NotGiven = NOT_GIVEN,
        active: bool | None | NotGiven = NOT_GIVEN,
    ) -> types.Coupon:
        """Change a coupon. All but its code and what it does, which are for good: with `active` false it is accepted
        no more. Orders that use it keep what it gave them.
        """
        return await self._call(
            "PUT",
            f"/purser/v1/catalog/coupons/{segment(coupon_id)}",
            types.Coupon,
            body={
                "maxRedemptions": max_redemptions,
                "maxPerUser": max_per_user,
                "expiresAt": expires_at,
                "expiresAfterDays": expires_after_days,
                "planIds": plan_ids,
                "packIds": pack_ids,
                "active": active,
            },
        )

    def list_credit_prices(self) -> AsyncPages[types.CreditPrice]:
        """What any amount of credits costs, by currency."""
        return self._pages("/purser/v1/catalog/credit-prices", "data", types.CreditPrice)

    async def put_credit_price(self, currency: str, *, credits: Credits, minor: int) -> types.CreditPrice:
        """Set what credits cost in a currency. So many credits for so many smallest units. Auto-recharge and
        purchases of any amount go by it from now on; orders that were placed keep their price.
        """
        return await self._call(
            "PUT",
            f"/purser/v1/catalog/credit-prices/{segment(currency)}",
            types.CreditPrice,
            body={"credits": credits, "minor": minor},
        )

    def list_dead_letters(
        self,
        *,
        limit: int | None = None,
        role: str | None = None,
    ) -> AsyncPages[types.DeadLetter]:
        """Jobs that nobody could do and that wait for an operator. Newest first, without their messages; and how
        many there are, by role and reason.
        """
        return self._pages(
            "/purser/v1/dead-letters",
            "deadLetters",
            types.DeadLetter,
            query={"limit": limit, "role": role},
        )

    async def get_dead_letter(self, id: str) -> types.DeadLetterDetail:
        """A job that nobody could do, with what may be seen of its message. Ids, types and states only: never texts,
        addresses or links.
        """
        return await self._call("GET", f"/purser/v1/dead-letters/{segment(id)}", types.DeadLetterDetail)

    async def retry_dead_letter(self, id: str, *, idempotency_key: str | None = None) -> types.DeadLetter:
        """Have a dead letter done again. It goes back to its queue. Should it fail again, it is a new dead letter."""
        return await self._call(
            "POST",
            f"/purser/v1/dead-letters/{segment(id)}/retry",
            types.DeadLetter,
            idempotency_key=idempotency_key,
        )

    async def dismiss_dead_letter(
        self,
        id: str,
        *,
        reason: str,
        idempotency_key: str | None = None,
    ) -> types.DeadLetter:
        """Give a dead letter up. Its message is forgotten. That it was, by whom and why stays on record."""
        return await self._call(
            "POST",
            f"/purser/v1/dead-letters/{segment(id)}/dismiss",
            types.DeadLetter,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def list_parked_purchases(self, *, limit: int | None = None) -> AsyncPages[types.ParkedPurchase]:
        """Purchases in app stores that wait for their buyers or products. Oldest first. A purchase of several waits
        for somebody who says how many they are.
        """
        return self._pages(
            "/purser/v1/parked-purchases",
            "purchases",
            types.ParkedPurchase,
            query={"limit": limit},
        )

    async def get_parked_purchase(self, purchase_id: str) -> types.ParkedPurchase:
        """A purchase in an app store."""
        return await self._call("GET", f"/purser/v1/parked-purchases/{segment(purchase_id)}", types.ParkedPurchase)

    async def claim_parked_purchase(
        self,
        purchase_id: str,
        *,
        user_id: str,
        quantity: int | None = None,
        idempotency_key: str | None = None,
    ) -> types.Claimed:
        """Give a parked purchase to a user."""
        return await self._call(
            "POST",
            f"/purser/v1/parked-purchases/{segment(purchase_id)}/claim",
            types.Claimed,
            body={"userId": user_id, "quantity": quantity},
            idempotency_key=idempotency_key,
        )

    async def retry_parked_purchase(
        self,
        purchase_id: str,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.ParkedPurchase:
        """Have a parked purchase looked at again. It is credited if its buyer and its product are known now."""
        return await self._call(
            "POST",
            f"/purser/v1/parked-purchases/{segment(purchase_id)}/retry",
            types.ParkedPurchase,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    async def dismiss_parked_purchase(
        self,
        purchase_id: str,
        *,
        reason: str,
        idempotency_key: str | None = None,
    ) -> types.ParkedPurchase:
        """Decide that nobody gets a parked purchase."""
        return await self._call(
            "POST",
            f"/purser/v1/parked-purchases/{segment(purchase_id)}/dismiss",
            types.ParkedPurchase,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    async def list_products(self) -> types.Products:
        """What is for sale. Packs and plans in the order to show them in, and what any amount of credits costs."""
        return await self._call("GET", "/purser/v1/products", types.Products)

    def list_orders(
        self,
        *,
        limit: int | None = None,
        wallet: str | None = None,
        status: str | None = None,
        reference: str | None = None,
    ) -> AsyncPages[types.Order]:
        """Orders, the newest first. Those for which all holds that is given. Unless a wallet is named they are
        everybody's, or those of the one wallet that the credential is for.
        """
        return self._pages(
            "/purser/v1/orders",
            "data",
            types.Order,
            query={"limit": limit, "wallet": wallet, "status": status, "reference": reference},
        )

    async def create_order(
        self,
        *,
        wallet: str,
        pack_id: str | None = None,
        quantity: int | None = None,
        items: Sequence[types.NewOrderItem] | None = None,
        credits: Credits | None = None,
        plan_id: str | None = None,
        interval: Literal["month", "year"] | None = None,
        provider: Literal["stripe", "creem"] | None = None,
        currency: str | None = None,
        coupon: str | None = None,
        success_url: str | None = None,
        cancel_url: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> types.Order:
        """Buy something for a wallet. A pack, several packs, an amount of credits, or a plan: exactly one of
        `packId`, `items`, `credits` and `planId`. Send the buyer to `checkoutUrl`; the credits arrive once the
        provider says that it is paid. If the page takes long, or with `Prefer: respond-async`, the answer is 202:
        ask at `Location` for the order. Sent again with its `Idempotency-Key`, it is the same order for ever.
        """
        return await self._call(
            "POST",
            "/purser/v1/orders",
            types.Order,
            body={
                "wallet": wallet,
                "packId": pack_id,
                "quantity": quantity,
                "items": items,
                "credits": credits,
                "planId": plan_id,
                "interval": interval,
                "provider": provider,
                "currency": currency,
                "coupon": coupon,
                "successUrl": success_url,
                "cancelUrl": cancel_url,
                "reference": reference,
                "metadata": metadata,
            },
            idempotency_key=idempotency_key,
        )

    async def get_order(self, order_id: str) -> types.Order:
        """An order, with its refunds and disputes. While it is open, asking has the provider asked too, every few
        seconds at most.
        """
        return await self._call("GET", f"/purser/v1/orders/{segment(order_id)}", types.Order)

    async def refund_order(
        self,
        order_id: str,
        *,
        reason: str,
        minor: int | None = None,
        idempotency_key: str | None = None,
    ) -> types.Refund:
        """Give money of an order back. All that is left, or a part; the credits follow as with any refund. In all
        never more goes back than was paid, and with its `Idempotency-Key` a request gives back once, for ever.
        What the provider refuses is 409 in its words, and in the order's `refunds`. Creem gives back all that is
        left only.
        """
        return await self._call(
            "POST",
            f"/purser/v1/orders/{segment(order_id)}/refund",
            types.Refund,
            body={"minor": minor, "reason": reason},
            idempotency_key=idempotency_key,
        )

    async def create_redemption(
        self,
        *,
        wallet: str,
        code: str,
        idempotency_key: str | None = None,
    ) -> types.Order:
        """Redeem a code that gives credits. Makes an order without a price, which a worker credits at once. A coupon
        that goes with a purchase is used with an order instead.
        """
        return await self._call(
            "POST",
            "/purser/v1/redemptions",
            types.Order,
            body={"wallet": wallet, "code": code},
            idempotency_key=idempotency_key,
        )

    async def get_clock(self) -> types.Clock:
        """The time of an installation in test mode. In live mode there is no test clock: the answer is 403."""
        return await self._call("GET", "/purser/v1/test/clock", types.Clock)

    async def clock(
        self,
        *,
        advance_seconds: int | None = None,
        to: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> types.ClockMoved:
        """Let time pass, in test mode. Moves the time of the whole installation forward: of the API, the workers and
        the scheduler, and of the provider emulator, if it runs beside them under `cargo dev`. Expiry, renewals,
        holds, months and retries come as if the time had passed. Send either `advanceSeconds` or `to`. The answer
        comes when every process goes by the new time, after ten seconds at the latest, with `inForce` false then;
        sent again with the same key, the request waits on. What becomes due happens after the answer. Timeouts,
        limits of requests and the pauses after which the broker delivers a failed job again stay real. To see
        renewals one by one, advance in steps of a day. In live mode the answer is 403.
        """
        return await self._call(
            "POST",
            "/purser/v1/test/clock",
            types.ClockMoved,
            body={"advanceSeconds": advance_seconds, "to": to},
            idempotency_key=idempotency_key,
        )

    async def create_debit(
        self,
        wallet: str,
        *,
        credits: Credits,
        type: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        member_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.Debit:
        """X. Takes the scope `spend`."""
        return await self._call(
            "POST",
            f"/purser/v1/wallets/{segment(wallet)}/debits",
            types.Debit,
            body={
                "credits": credits,
                "type": type,
                "description": description,
                "metadata": metadata,
                "memberId": member_id,
            },
            idempotency_key=idempotency_key,
        )

    async def batch_debit(
        self,
        *,
        debits: Sequence[types.BatchedDebit],
        idempotency_key: str | None = None,
    ) -> types.Debits:
        """X. Takes the scope `spend`."""
        return await self._call(
            "POST",
            "/purser/v1/debits/batch",
            types.Debits,
            body={"debits": debits},
            idempotency_key=idempotency_key,
        )

    async def refund_debit(
        self,
        debit_id: str,
        *,
        credits: Credits | None = None,
        idempotency_key: str | None = None,
    ) -> types.RefundedDebit:
        """X. Takes the scope `spend`."""
        return await self._call(
            "POST",
            f"/purser/v1/debits/{segment(debit_id)}/refund",
            types.RefundedDebit,
            body={"credits": credits},
            idempotency_key=idempotency_key,
        )

    async def create_live_ticket(
        self,
        *,
        wallet: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.LiveTicket:
        """X. Takes the scope `spend`."""
        return await self._call(
            "POST",
            "/purser/v1/live-tickets",
            types.LiveTicket,
            body={"wallet": wallet},
            idempotency_key=idempotency_key,
        )

    async def put_balance_alerts(self, wallet: str, *, levels: Sequence[Credits]) -> types.BalanceAlertsX:
        """X. Takes the scope `spend`."""
        return await self._call(
            "PUT",
            f"/purser/v1/wallets/{segment(wallet)}/balance-alerts",
            types.BalanceAlertsX,
            body={"levels": levels},
        )

    async def get_wallet(self, wallet: str) -> types.Wallet:
        """X. Takes the scope `spend`."""
        return await self._call("GET", f"/purser/v1/wallets/{segment(wallet)}", types.Wallet)

    def list_holds(self, wallet: str) -> AsyncPages[types.Hold]:
        """X. Takes the scope `spend`."""
        return self._pages(f"/purser/v1/wallets/{segment(wallet)}/holds", "data", types.Hold)

    async def create_hold(
        self,
        wallet: str,
        *,
        credits: Credits,
        ttl_seconds: int | None = None,
        type: str | None = None,
        description: str | None = None,
        member_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.Hold:
        """X. Takes the scope `spend`."""
        return await self._call(
            "POST",
            f"/purser/v1/wallets/{segment(wallet)}/holds",
            types.Hold,
            body={
                "credits": credits,
                "ttlSeconds": ttl_seconds,
                "type": type,
                "description": description,
                "memberId": member_id,
            },
            idempotency_key=idempotency_key,
        )

    async def capture_hold(
        self,
        hold_id: str,
        *,
        credits: Credits | None = None,
        idempotency_key: str | None = None,
    ) -> types.EndedHold:
        """X. Takes the scope `spend`."""
        return await self._call(
            "POST",
            f"/purser/v1/holds/{segment(hold_id)}/capture",
            types.EndedHold,
            body={"credits": credits},
            idempotency_key=idempotency_key,
        )

    async def release_hold(self, hold_id: str, *, idempotency_key: str | None = None) -> types.EndedHold:
        """X. Takes the scope `spend`."""
        return await self._call(
            "POST",
            f"/purser/v1/holds/{segment(hold_id)}/release",
            types.EndedHold,
            idempotency_key=idempotency_key,
        )

    async def create_grant(
        self,
        wallet: str,
        *,
        credits: Credits,
        kind: Literal["paid", "promotional"],
        reason: str,
        expires_after_days: int | None = None,
        idempotency_key: str | None = None,
    ) -> types.GivenGrant:
        """X. Takes the scope `spend`."""
        return await self._call(
            "POST",
            f"/purser/v1/wallets/{segment(wallet)}/grants",
            types.GivenGrant,
            body={"credits": credits, "kind": kind, "expiresAfterDays": expires_after_days, "reason": reason},
            idempotency_key=idempotency_key,
        )

    def list_entries(
        self,
        wallet: str,
        *,
        limit: int | None = None,
        type: str | None = None,
    ) -> AsyncPages[types.Entry]:
        """X. Takes the scope `spend`."""
        return self._pages(
            f"/purser/v1/wallets/{segment(wallet)}/entries",
            "data",
            types.Entry,
            query={"limit": limit, "type": type},
        )

    async def create_api_key(
        self,
        *,
        name: str,
        scopes: Sequence[Literal["read", "spend"]],
        wallets_of: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.ApiKeyWithSecret:
        """X. Takes the scope `spend`."""
        return await self._call(
            "POST",
            "/purser/v1/api-keys",
            types.ApiKeyWithSecret,
            body={"name": name, "scopes": scopes, "walletsOf": wallets_of},
            idempotency_key=idempotency_key,
        )

    async def create_webhook_endpoint(
        self,
        *,
        url: str,
        event_types: Sequence[str] | None = None,
        enabled: bool | None = None,
        idempotency_key: str | None = None,
    ) -> types.WebhookEndpointWithSecret:
        """X. Takes the scope `spend`."""
        return await self._call(
            "POST",
            "/purser/v1/webhook-endpoints",
            types.WebhookEndpointWithSecret,
            body={"url": url, "eventTypes": event_types, "enabled": enabled},
            idempotency_key=idempotency_key,
        )

    async def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        """X. Takes the scope `spend`."""
        return await self._call("DELETE", f"/purser/v1/webhook-endpoints/{segment(endpoint_id)}", type(None))

    async def test_webhook_endpoint(
        self,
        endpoint_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> types.WebhookAccepted:
        """X. Takes the scope `spend`."""
        return await self._call(
            "POST",
            f"/purser/v1/webhook-endpoints/{segment(endpoint_id)}/test",
            types.WebhookAccepted,
            idempotency_key=idempotency_key,
        )
