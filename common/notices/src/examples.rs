//! An example of every event, for the documentation.

use kernel::ids::{EntryId, GrantId, PaymentId, SubscriptionId, UserId};
use kernel::money::{Credits, Currency, Money};
use time::macros::datetime;
use uuid::Uuid;

use crate::{Amount, Event, Moment, MoneyValue, Order, Reason};

const ORDER: PaymentId = PaymentId(Uuid::from_u128(0x019a_c7f0_5b1e_7c3d_8a54_1f2e_3d4c_5b6a));
const ENTRY: EntryId = EntryId(Uuid::from_u128(0x019a_c7f0_5b20_7e11_9c02_6a7b_8c9d_0e1f));
const GRANT: GrantId = GrantId(Uuid::from_u128(0x019a_c7f0_5b21_7d42_b3a4_c5d6_e7f8_0912));
const SUBSCRIPTION: SubscriptionId =
    SubscriptionId(Uuid::from_u128(0x019a_c7f0_5b22_7a10_8f6e_5d4c_3b2a_1908));

fn credits(millionths: i64) -> Amount {
    Amount(Credits::from_millionths(millionths))
}

fn money(minor: i64) -> MoneyValue {
    MoneyValue::from(Money::new(minor, Currency::USD))
}

fn order() -> Order {
    Order {
        order_id: ORDER,
        number: 42,
        reference: Some("cart-7".to_owned()),
        kind: "one_time",
        provider: "stripe",
        credits: credits(2_500_000_000),
        amount: money(2_500),
    }
}

/// One event of each type.
pub fn examples() -> Vec<Event> {
    let mut all = of_wallets();
    all.extend(of_orders());
    all.extend(of_payments());
    all.extend(of_recharges());
    all
}

fn of_wallets() -> Vec<Event> {
    vec![
        Event::WalletChanged {
            reason: Reason::Debit,
            credits: credits(-500_000),
            balance: credits(112_000_000),
            available: credits(100_000_000),
            held: credits(12_000_000),
            debt: credits(0),
            entry_id: Some(ENTRY),
        },
        Event::BalanceLow { balance: credits(9_750_000), level: credits(10_000_000) },
        Event::GrantExpired { grant_id: GRANT, credits: credits(20_000_000), balance: credits(92_000_000) },
        Event::GrantExpiring {
            grant_id: GRANT,
            credits: credits(20_000_000),
            expires_at: Moment(datetime!(2026-12-05 08:00 UTC)),
        },
        Event::LimitReached {
            member_id: UserId::try_from("bob".to_owned()).ok(),
            api_key_id: None,
            per: "day",
            credits: Some(credits(100_000_000)),
            left: Some(credits(2_500_000)),
            resets_at: Moment(datetime!(2026-11-29 00:00 UTC)),
        },
    ]
}

fn of_orders() -> Vec<Event> {
    vec![
        Event::OrderCreated { order: order() },
        Event::OrderPaid { order: order() },
        Event::OrderFailed { order: order(), failure: Some("card_declined".to_owned()) },
        Event::OrderExpired { order: order() },
        Event::OrderRefunded { order: order(), refunded: money(1_000) },
    ]
}

fn of_payments() -> Vec<Event> {
    let (payment_id, order_id) = (42, ORDER);
    vec![
        Event::CreditsAdded {
            credits: credits(2_500_000_000),
            balance: credits(2_612_500_000),
            payment_id,
            order_id,
        },
        Event::CreditsRemoved {
            credits: credits(1_000_000_000),
            balance: credits(1_612_500_000),
            payment_id,
            order_id,
            reason: "refund",
        },
        Event::CreditsRestored {
            credits: credits(1_000_000_000),
            balance: credits(2_612_500_000),
            payment_id,
            order_id,
            reason: "dispute",
        },
        Event::PaymentFailed { payment_id, order_id },
        Event::PaymentExpired { payment_id, order_id },
        Event::SubscriptionUpdated {
            subscription_id: SUBSCRIPTION,
            plan_id: "studio".to_owned(),
            status: "active",
            cancel_at_period_end: false,
        },
    ]
}

fn of_recharges() -> Vec<Event> {
    let month_ends = Moment(datetime!(2026-12-01 00:00 UTC));
    vec![
        Event::RechargeEnabled { card_brand: Some("visa".to_owned()), card_last4: Some("4242".to_owned()) },
        Event::RechargeSucceeded {
            amount_cents: 2_000,
            credits: credits(2_000_000_000),
            payment_id: 43,
            order_id: ORDER,
        },
        Event::RechargeCapWarning {
            percent: 80,
            charged_cents: 8_000,
            max_monthly_cents: Some(10_000),
            resets_at: month_ends,
        },
        Event::RechargeFailed {
            amount_cents: 2_000,
            reason: "insufficient_funds".to_owned(),
            next_attempt_at: Moment(datetime!(2026-11-29 08:00 UTC)),
        },
        Event::RechargePaused { reason: "declined" },
        Event::RechargeResumed { reason: "declined" },
        Event::RechargeActionRequired {
            amount_cents: 2_000,
            url: "https://checkout.stripe.com/c/pay/cs_live_a1".to_owned(),
        },
        Event::RechargeSkipped {
            reason: "monthly_cap_reached",
            max_monthly_cents: Some(10_000),
            resets_at: month_ends,
        },
        Event::RechargeAmountTooSmall { amount_cents: 500, threshold_credits: credits(1_000_000_000) },
    ]
}
