//! What happens when a period is over: the next payment, what follows a refused card, the end.

use serde_json::Value;

use super::amounts::{Amounts, Cut, add_up};
use super::errors::{Answer, ApiError};
use super::moments::iso;
use super::purchase::read_card;
use super::subscriptions::{end, set_period, tell};
use super::timers::Timer;
use super::transactions::{self, Payment};
use super::{checkouts, discounts, products};
use crate::stripe::cards::Authentication;
use crate::stripe::store::{integer, owned, text};
use crate::stripe::subscriptions::calendar;
use crate::world::World;

/// Seconds between attempts to collect a payment that was refused.
const RETRY_AFTER: i64 = 3 * 86_400;
/// After so many refusals the subscription counts as expired; after one more it is over.
const MOST_ATTEMPTS: i64 = 4;

/// The timer at the end of a period has run out.
pub(super) fn end_period(world: &mut World, id: &str) {
    let subscription = world.creem.store.copy("sub", id);
    if integer(&subscription, "_end") > world.clock.now() {
        return;
    }
    match text(&subscription, "status") {
        Some("scheduled_cancel") => end(world, id),
        Some("active") => collect(world, id),
        _ => {}
    }
}

/// The timer of a refused payment has run out.
pub(super) fn try_again(world: &mut World, id: &str) {
    let subscription = world.creem.store.copy("sub", id);
    if matches!(text(&subscription, "status"), Some("past_due" | "unpaid")) {
        collect(world, id);
    }
}

/// Collects the payment for the next period, as the clock and the control do.
pub(super) fn collect(world: &mut World, id: &str) {
    let subscription = world.creem.store.copy("sub", id);
    if require_payable(&subscription).is_err() {
        note_refusal(world, id, &subscription);
        return;
    }
    let product = world.creem.store.copy("prod", text(&subscription, "product").unwrap_or_default());
    let start = integer(&subscription, "_end");
    let periods = integer(&subscription, "_periods") + 1;
    let (interval, count) = products::rhythm(&product);
    let next = calendar::after(integer(&subscription, "_anchor"), interval, count.saturating_mul(periods));
    let amounts = amounts(world, &subscription, &product);
    let fields = [
        ("status", "active".into()),
        ("_periods", periods.into()),
        ("_attempts", 0.into()),
        ("_carried", 0.into()),
    ];
    world.creem.store.change("sub", id, fields);
    set_period(world, id, (start, next));
    record_payment(world, id, amounts, (start, next), "Subscription payment");
    tell(world, id, "subscription.paid");
}

fn amounts(world: &World, subscription: &Value, product: &Value) -> Amounts {
    let cut = match text(subscription, "_discount") {
        Some(discount) => {
            let discount = world.creem.store.copy("dis", discount);
            let (began, start) = (integer(subscription, "_began"), integer(subscription, "_end"));
            discounts::cut_of_renewal(&discount, began, start)
        }
        None => Cut::Nothing,
    };
    let price = integer(product, "price").saturating_mul(integer(&subscription["items"][0], "units"));
    let price = price.saturating_add(integer(subscription, "_carried")).max(0);
    add_up(price, cut, world.creem.tax_basis_points, checkouts::tax_is_included(product))
}

/// Whether the saved card can be charged while its holder is away.
pub(super) fn require_payable(subscription: &Value) -> Answer<()> {
    let card = read_card(text(subscription, "_card").unwrap_or_default())?;
    match card.decline {
        Some(decline) => Err(ApiError::bad_request(decline.message)),
        None if card.authentication == Authentication::Always => {
            Err(ApiError::bad_request("Your card was declined. This transaction requires authentication."))
        }
        None => Ok(()),
    }
}

/// Records a payment of a subscription for a period. It does not count as a change of the subscription: `updated_at`
/// stays, as in the sample of `subscription.paid` (<https://docs.creem.io/code/webhooks>).
pub(super) fn record_payment(
    world: &mut World,
    id: &str,
    amounts: Amounts,
    period: (i64, i64),
    description: &str,
) {
    let subscription = world.creem.store.copy("sub", id);
    let product = world.creem.store.copy("prod", text(&subscription, "product").unwrap_or_default());
    let payment = Payment {
        amounts,
        product: &product,
        customer: text(&subscription, "customer").unwrap_or_default(),
        order: text(&subscription, "_order").unwrap_or_default(),
        checkout: text(&subscription, "_checkout").unwrap_or_default(),
        subscription: Some(id),
        period: Some(period),
        description,
    };
    let transaction = transactions::record(world, &payment);
    let now = iso(world.clock.now());
    world.creem.store.change(
        "sub",
        id,
        [("last_transaction_id", transaction.into()), ("last_transaction_date", now.as_str().into())],
    );
}

fn note_refusal(world: &mut World, id: &str, subscription: &Value) {
    let attempts = integer(subscription, "_attempts") + 1;
    if attempts > MOST_ATTEMPTS {
        end(world, id);
        return;
    }
    let status = if attempts < MOST_ATTEMPTS { "past_due" } else { "unpaid" };
    let was = owned(subscription, "status");
    let now = iso(world.clock.now());
    let fields = [("_attempts", attempts.into()), ("status", status.into()), ("updated_at", now.into())];
    world.creem.store.change("sub", id, fields);
    world.creem.timers.after(&world.clock, RETRY_AFTER, Timer::Retry(id.to_owned()));
    if status == "unpaid" {
        tell(world, id, "subscription.unpaid");
        tell(world, id, "subscription.expired");
    } else if was != status {
        tell(world, id, "subscription.past_due");
    }
}
