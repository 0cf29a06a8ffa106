//! What follows from a provider's word about an order. Pure.
//!
//! Amount, currency, owner and credits come from the order. A fact that contradicts the order credits nothing, even
//! though its signature is genuine: a real payment of one dollar may carry the id of an order of two thousand
//! (CVE-2026-9189 was that).

use kernel::money::Money;

use super::{Fact, Kind, Mode, Payment, Progress, Provider, Stage, State};
use crate::provider_events::outcome::Contradiction;
use kernel::clock::Timestamp;

/// What a fact leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Paid for the first time: grant its credits.
    Credit,
    /// The payment has ended unpaid.
    Ended(State),
    /// Only details changed.
    Noted,
    /// Known already.
    Nothing,
    /// It contradicts the order: credit nothing, show it to a person.
    Quarantine(Contradiction),
}

/// Compares a fact with its order, changes the order accordingly, and says what follows.
pub fn decide(payment: &mut Payment, fact: &Fact, now: Timestamp) -> Decision {
    if is_beside(payment, fact) {
        return Decision::Nothing;
    }
    if let Some(contradiction) = contradiction(payment, fact) {
        return Decision::Quarantine(contradiction);
    }
    let over = matches!(fact.stage, Stage::Failed | Stage::Expired) && fact.session.is_some();
    if over && payment.takes_any_page() && payment.state.is_open() {
        leave_page(payment);
        return Decision::Noted;
    }
    let paid_before = payment.state.is_paid();
    let mut changed = note(payment, fact);
    let decision = match fact.stage {
        Stage::Paid if paid_before => None,
        Stage::Paid => {
            complete(payment, now);
            Some(Decision::Credit)
        }
        // Money that arrived is not unmade by a late word that it did not.
        Stage::Failed if payment.state.is_open() => Some(end(payment, State::Failed)),
        Stage::Expired if payment.state.is_open() => Some(end(payment, State::Expired)),
        Stage::Open if payment.state == State::Created => {
            payment.state = State::Pending;
            changed = true;
            None
        }
        Stage::Open | Stage::Failed | Stage::Expired | Stage::Details => None,
    };
    decision.unwrap_or(if changed { Decision::Noted } else { Decision::Nothing })
}

/// Has an order be paid by what a fact reports although the fact contradicts it, because an operator says so. Who was
/// paid, on which page, by whom and how much is the fact's from now on: later facts, refunds and the provider's books
/// are compared with that. An order that is paid is not paid again.
pub fn accept(payment: &mut Payment, fact: &Fact, now: Timestamp) -> Decision {
    if payment.state.is_paid() {
        return Decision::Quarantine(Contradiction::PaidTwice);
    }
    payment.provider = fact.provider;
    payment.provider_session.clone_from(&fact.session);
    payment.provider_payment.clone_from(&fact.provider_payment);
    payment.provider_customer = fact.customer.clone().or(payment.provider_customer.take());
    payment.accepted = fact.money.filter(|money| *money != payment.amount);
    note(payment, fact);
    complete(payment, now);
    Decision::Credit
}

fn complete(payment: &mut Payment, now: Timestamp) {
    payment.completed_at = Some(now);
    payment.progress.failure = None;
    payment.checkout_url = None;
    payment.page_expires_at = None;
    payment.state = State::Completed;
}

/// Has an unpaid order let go of a page on which it cannot be paid any more, if it may be paid on another one; says
/// whether it did. A page that was completed stays: its money is on the way.
pub fn reopen(payment: &mut Payment, now: Timestamp) -> bool {
    let is_over = match payment.state {
        State::Created | State::Pending => {
            payment.progress.session_status.as_deref() != Some("complete")
                && payment.page_expires_at.is_some_and(|at| at <= now)
        }
        State::Failed => true,
        State::Expired | State::Completed | State::Refunded | State::PartiallyRefunded | State::Disputed => {
            false
        }
    };
    let reopens = is_over && payment.takes_any_page();
    if reopens {
        leave_page(payment);
    }
    reopens
}

fn end(payment: &mut Payment, state: State) -> Decision {
    payment.state = state;
    payment.checkout_url = None;
    Decision::Ended(state)
}

/// Unpaid and without a page, as when it was ordered. The next page is another attempt: asked for under the old one
/// the provider would answer with the old page.
fn leave_page(payment: &mut Payment) {
    payment.state = State::Created;
    payment.attempt = payment.attempt.saturating_add(1);
    payment.provider_session = None;
    payment.provider_payment = None;
    payment.checkout_url = None;
    payment.page_expires_at = None;
    payment.progress = Progress::default();
}

/// Whether a fact is about another page or payment than the order's own and brings no money: it says nothing of the
/// order then. Anyone who follows a Payment Link opens a page that names an order, and may leave it.
fn is_beside(payment: &Payment, fact: &Fact) -> bool {
    let is_own_page = fact.session.is_some() && fact.session == payment.provider_session;
    match fact.stage {
        Stage::Paid => includes_tax(payment, fact),
        Stage::Expired => fact.session.is_some() && !is_own_page,
        Stage::Failed => payment.takes_any_page() && !is_own_page,
        // Of an order without a page, the first that is heard of becomes its own.
        Stage::Open => {
            let is_first = fact.session.is_some() && payment.provider_session.is_none();
            payment.takes_any_page() && !is_own_page && !is_first
        }
        Stage::Details => {
            payment.state.is_paid()
                && differs(payment.provider_payment.as_deref(), fact.provider_payment.as_deref())
        }
    }
}

/// Whether a payment was made cheaper only by a discount that the seller gave at the provider, such as a code that the
/// buyer typed on its page: what is charged without it is what the order costs without its coupon.
fn is_discounted(payment: &Payment, fact: &Fact, money: Money) -> bool {
    let charged = fact.discount_minor.filter(|discount| *discount > 0);
    let charged = charged.and_then(|discount| money.minor.checked_add(discount));
    charged.is_some() && charged == payment.amount.minor.checked_add(payment.discount_minor)
}

/// Whether a provider's payment reports more than the order costs: it includes tax, which only the page shows apart.
/// The page's own event credits the order.
fn includes_tax(payment: &Payment, fact: &Fact) -> bool {
    payment.provider == Provider::Stripe
        && payment.kind == Kind::OneTime
        && payment.mode == Mode::Payment
        && fact.session.is_none()
        && fact.money.is_some_and(|money| {
            money.currency == payment.due().currency && money.minor > payment.due().minor
        })
}

/// Whether both are known and not the same.
fn differs(ours: Option<&str>, theirs: Option<&str>) -> bool {
    matches!((ours, theirs), (Some(a), Some(b)) if a != b)
}

fn contradiction(payment: &Payment, fact: &Fact) -> Option<Contradiction> {
    if payment.provider != fact.provider {
        return Some(Contradiction::Provider);
    }
    if payment.livemode != fact.livemode {
        return Some(Contradiction::Livemode);
    }
    if fact.user_id.as_deref().is_some_and(|user| user != payment.user_id.as_str())
        || fact.payment_id.is_some_and(|id| id != payment.id)
    {
        return Some(Contradiction::Owner);
    }
    if let Some(contradiction) = other_page(payment, fact) {
        return Some(contradiction);
    }
    // Whoever pays on a page that anyone can open need not be the customer of the order's own page.
    if !payment.takes_any_page() && differs(payment.provider_customer.as_deref(), fact.customer.as_deref()) {
        return Some(Contradiction::Customer);
    }
    if fact.mode.is_some_and(|mode| mode != payment.mode) {
        return Some(Contradiction::Mode);
    }
    match fact.money {
        Some(money) if money.currency != payment.due().currency => Some(Contradiction::Currency),
        // A payment with tax that fails, or is given up, is of this order too.
        Some(money)
            if money.minor != payment.due().minor
                && !is_discounted(payment, fact, money)
                && !includes_tax(payment, fact) =>
        {
            Some(Contradiction::Amount)
        }
        // Who says "paid" must say how much, except where nothing is.
        None if fact.stage == Stage::Paid && payment.mode != Mode::Setup => Some(Contradiction::Amount),
        _ => None,
    }
}

/// Another page than the order's is a second payment of a paid order. Of an unpaid one it is a stranger's, unless
/// the order takes any page: then its money is welcome.
fn other_page(payment: &Payment, fact: &Fact) -> Option<Contradiction> {
    let pays_again = payment.state.is_paid() && fact.stage == Stage::Paid;
    let is_other_payment = differs(payment.provider_payment.as_deref(), fact.provider_payment.as_deref());
    if differs(payment.provider_session.as_deref(), fact.session.as_deref()) {
        // The event of the payment may arrive before that of its page.
        let is_same_payment = fact.provider_payment.is_some()
            && fact.provider_payment == payment.provider_payment
            && payment.takes_any_page();
        return match (pays_again, is_same_payment) {
            (true, true) => None,
            (true, false) => Some(Contradiction::PaidTwice),
            (false, _) if fact.stage == Stage::Paid && payment.takes_any_page() => None,
            (false, _) => Some(Contradiction::Session),
        };
    }
    (pays_again && is_other_payment).then_some(Contradiction::PaidTwice)
}

/// Takes over the details; says whether any was new. What is final is not overwritten by what came before it.
fn note(payment: &mut Payment, fact: &Fact) -> bool {
    let late = payment.state.is_paid() && fact.stage != Stage::Paid && fact.stage != Stage::Details;
    if late {
        return false;
    }
    let mut changed = false;
    let mut take = |ours: &mut Option<String>, theirs: &Option<String>| {
        if theirs.is_some() && ours != theirs {
            ours.clone_from(theirs);
            changed = true;
        }
    };
    take(&mut payment.provider_session, &fact.session);
    take(&mut payment.provider_payment, &fact.provider_payment);
    take(&mut payment.progress.receipt_url, &fact.progress.receipt_url);
    take(&mut payment.progress.session_status, &fact.progress.session_status);
    take(&mut payment.progress.payment_status, &fact.progress.payment_status);
    take(&mut payment.progress.payment_intent_status, &fact.progress.payment_intent_status);
    take(&mut payment.progress.failure, &fact.progress.failure);
    let charged = fact.progress.charged_minor;
    if charged.is_some() && payment.progress.charged_minor != charged {
        payment.progress.charged_minor = charged;
        changed = true;
    }
    if fact.progress.invoice.is_some() && payment.progress.invoice != fact.progress.invoice {
        payment.progress.invoice.clone_from(&fact.progress.invoice);
        changed = true;
    }
    changed
}
