//! The movements of the ledger that a paid order makes.

use super::{Kind, Payment, Provider};
use kernel::ids::GrantId;
use kernel::money::Credits;
use ledger::{Cause, Change, CounterAccount, EntryNote, GrantSource, Movement, NewGrant};

/// Where purchased credits burn among those that expire together: after what was given away.
pub(crate) const PURCHASE_PRIORITY: i16 = 100;
/// Where credits burn that were given away.
const GIVEN_PRIORITY: i16 = 50;

/// The movement that a paid order makes; none for an order without credits.
pub(crate) fn purchase(payment: &Payment) -> Option<Movement> {
    let cause = Cause { kind: "payment", id: payment.id.to_string() };
    payment.credits.is_positive().then(|| sold(payment, payment.credits, cause, true))
}

/// The movement by which a paid period gets back what it made up for; none if that is nothing. `in_all` is what it has
/// got back with this one, and `payment` is as it was before.
pub(crate) fn given_back(payment: &Payment, amount: Credits, in_all: Credits) -> Option<Movement> {
    // It happens once that it is so much in all.
    let cause = Cause { kind: "reversal", id: format!("{}:made-up:{}", payment.id, in_all.millionths()) };
    let is_own = !payment.credits.is_positive();
    amount.is_positive().then(|| sold(payment, amount, cause, is_own))
}

/// The movement by which an order grants what was paid for: by its own grant, of which it has one, or by another that
/// belongs to it.
fn sold(payment: &Payment, amount: Credits, cause: Cause, is_own: bool) -> Movement {
    let counter_account = match payment.provider {
        Provider::Stripe => CounterAccount::Stripe,
        Provider::Creem => CounterAccount::Creem,
        Provider::Revenuecat => CounterAccount::Revenuecat,
        Provider::Manual => CounterAccount::Manual,
    };
    Movement {
        wallet_id: payment.wallet_id,
        cause,
        change: Change::Grant(NewGrant {
            id: GrantId::new(),
            source: grant_source(payment),
            amount,
            priority: PURCHASE_PRIORITY,
            expires_at: payment.credits_lapse_at(),
            payment_id: is_own.then_some(payment.id),
            origin_payment_id: (!is_own).then_some(payment.id),
        }),
        counter_account,
        entry_type: if payment.kind == Kind::Subscription { "subscription" } else { "purchase" }.to_owned(),
        description: Some(payment.summary.clone()),
        note: EntryNote::default(),
    }
}

/// The movement that the coupon of a paid order makes, if it adds credits.
pub(crate) fn bonus(payment: &Payment) -> Option<Movement> {
    payment.bonus.is_positive().then(|| Movement {
        wallet_id: payment.wallet_id,
        cause: Cause { kind: "coupon", id: payment.id.to_string() },
        change: Change::Grant(NewGrant {
            id: GrantId::new(),
            source: GrantSource::Coupon,
            amount: payment.bonus,
            priority: GIVEN_PRIORITY,
            expires_at: payment.bonus_lapses_at(),
            payment_id: None,
            origin_payment_id: Some(payment.id),
        }),
        counter_account: CounterAccount::Promotion,
        entry_type: "coupon".to_owned(),
        description: Some(payment.summary.clone()),
        note: EntryNote::default(),
    })
}

/// Where what a payment grants comes from.
pub(crate) fn grant_source(payment: &Payment) -> GrantSource {
    match (payment.provider, payment.kind) {
        (Provider::Stripe | Provider::Creem, Kind::Subscription) => GrantSource::Plan,
        (Provider::Stripe | Provider::Creem, Kind::OneTime | Kind::AutoRecharge) => GrantSource::Purchase,
        (Provider::Revenuecat, _) => GrantSource::Store,
        (Provider::Manual, _) => GrantSource::Manual,
    }
}
