//! How much has gone back, and what follows for the credits. Pure.
//!
//! Invariants: taken back + shortfall = the share of the grant whose money is gone, less what had lapsed · the same
//! facts in any order, once or more often, end in the same sums.

use super::{Account, Extent, Policy, Reversal, ReversalFact, ReversalKind, ReversalState};
use crate::auto_recharge::PauseReason;
use crate::payments::{Payment, State};
use crate::provider_events::outcome::Contradiction;
use kernel::money::{AmountError, Credits};

/// How a fact contradicts the payment that it is about.
pub fn contradiction(payment: &Payment, fact: &ReversalFact) -> Option<Contradiction> {
    if payment.provider != fact.provider {
        return Some(Contradiction::Provider);
    }
    if payment.livemode != fact.livemode {
        return Some(Contradiction::Livemode);
    }
    match fact.extent {
        Extent::Part { money, .. } if money.currency != payment.due().currency => {
            Some(Contradiction::Currency)
        }
        Extent::Part { money, paid_minor } if money.minor < 0 || paid_minor.is_some_and(|paid| paid < 0) => {
            Some(Contradiction::Amount)
        }
        _ => None,
    }
}

/// Where the money of a refund is, and how far the refund has come, by the provider's word. Money on its way back is as
/// good as back; a refund may fail even after it succeeded.
pub fn refund_standing(status: &str) -> (ReversalState, i64) {
    match status {
        "pending" | "requires_action" | "requiresAction" => (ReversalState::Taken, 1),
        "succeeded" => (ReversalState::Taken, 2),
        "failed" | "canceled" => (ReversalState::Restored, 3),
        _ => (ReversalState::Announced, 0),
    }
}

/// Whether money of these ids is the payment's. Without ids, or before the payment's own is known, the order that they
/// name decides; an order that was paid twice has the second payment given back without its credits.
pub fn is_of(payment: &Payment, provider_payments: &[String]) -> bool {
    match &payment.provider_payment {
        Some(own) => provider_payments.is_empty() || provider_payments.contains(own),
        None => true,
    }
}

/// What a fact makes of what is known of its object; none if it is older, or known.
pub fn advance(known: Option<&Reversal>, fact: &ReversalFact) -> Option<Reversal> {
    if known.is_some_and(|known| known.step >= fact.step) {
        return None;
    }
    Some(Reversal {
        object_id: fact.object_id.clone(),
        kind: fact.kind,
        standing: fact.standing,
        status: fact.status.clone(),
        step: fact.step,
        extent: fact.extent,
        provider_payments: fact.provider_payments.clone(),
    })
}

/// Why news of a refund or dispute stops the wallet's card from being charged, if it does: money went back, more of it
/// than before, or a dispute or a warning of fraud is heard of for the first time. What is known comes again later,
/// when the owner may have decided to go on.
pub fn stops_charging(known: Option<&Reversal>, reversal: &Reversal) -> Option<PauseReason> {
    let is_gone = |one: &Reversal| one.standing == ReversalState::Taken;
    let more = |known: &Reversal| match (known.extent, reversal.extent) {
        (Extent::Part { money: known, .. }, Extent::Part { money, .. }) => money.minor > known.minor,
        (Extent::Part { .. }, Extent::All) => true,
        (Extent::All, _) => false,
    };
    let is_news = known.is_none_or(|known| !is_gone(known) || more(known));
    match (reversal.kind, reversal.standing) {
        (_, ReversalState::Restored) => None,
        (ReversalKind::Dispute | ReversalKind::Warning, ReversalState::Taken) => {
            is_news.then_some(PauseReason::Disputed)
        }
        (ReversalKind::Dispute, ReversalState::Announced) => known.is_none().then_some(PauseReason::Disputed),
        // It was known before only if its payment was not.
        (ReversalKind::Warning, ReversalState::Announced) => Some(PauseReason::Disputed),
        (ReversalKind::Refund | ReversalKind::Total, ReversalState::Taken) => {
            is_news.then_some(PauseReason::MoneyTakenBack)
        }
        (ReversalKind::Refund | ReversalKind::Total, ReversalState::Announced) => None,
    }
}

/// The gravest reason to stop that the reversals of a payment are, when the payment becomes known only after them.
pub fn stop_charging_at_once(reversals: &[Reversal]) -> Option<PauseReason> {
    let reasons = reversals.iter().filter_map(|reversal| stops_charging(None, reversal));
    reasons.max_by_key(|reason| reason.remedy())
}

/// How much of a payment's money has gone back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// By refunds, in smallest units, as the provider counts.
    pub refunded_minor: i64,
    /// By disputes.
    pub withdrawn_minor: i64,
    /// Whether all is gone, which of an order that cost nothing no sum can say.
    is_whole: bool,
    /// Both, at most what was paid.
    minor: i64,
    /// What was paid, as the provider counts.
    paid_minor: i64,
}

impl Gone {
    /// How much is left of what was paid, in smallest units, as the provider counts.
    pub fn left_minor(&self) -> i64 {
        if self.is_whole { 0 } else { self.paid_minor.saturating_sub(self.minor).max(0) }
    }
}

/// Counts what the reversals of a payment took. A total counts where it is more than the sum of the single ones: both
/// tell of the same money.
pub fn gone(payment: &Payment, reversals: &[Reversal]) -> Gone {
    let own = || reversals.iter().filter(|reversal| is_of(payment, &reversal.provider_payments));
    let paid_minor = own()
        .filter_map(|reversal| match reversal.extent {
            Extent::Part { paid_minor, .. } => paid_minor,
            Extent::All => None,
        })
        .max()
        .or(payment.progress.charged_minor.filter(|charged| *charged > 0))
        .unwrap_or(payment.due().minor);
    let minor = |reversal: &Reversal| match reversal.extent {
        Extent::All => paid_minor,
        Extent::Part { money, .. } => money.minor.min(paid_minor),
    };
    let sum = |kind| {
        let taken = own().filter(|one| one.kind == kind && one.standing == ReversalState::Taken);
        taken.map(minor).fold(0, i64::saturating_add)
    };
    let (refunds, disputes) = (sum(ReversalKind::Refund), sum(ReversalKind::Dispute));
    let single = refunds.saturating_add(disputes);
    let total = sum(ReversalKind::Total);
    let untold = total.saturating_sub(single).max(0);
    let minor = single.max(total).min(paid_minor);
    let is_all = |one: &Reversal| one.standing == ReversalState::Taken && one.extent == Extent::All;
    Gone {
        refunded_minor: refunds.saturating_add(untold),
        withdrawn_minor: disputes,
        is_whole: own().any(is_all) || (minor > 0 && minor >= paid_minor),
        minor,
        paid_minor,
    }
}

/// What a payment granted: what was ordered, and what its coupon added for ordering it.
///
/// # Errors
/// When it does not fit, which no stored payment does.
pub fn granted(payment: &Payment) -> Result<Credits, AmountError> {
    if payment.credits.is_positive() { payment.credits.checked_add(payment.bonus) } else { Ok(Credits::ZERO) }
}

/// The part of the grant whose money is gone: all of it once all money is. Fractions of a millionth are rounded down:
/// the buyer keeps them.
pub fn share(granted: Credits, gone: &Gone) -> Credits {
    if gone.is_whole {
        return granted;
    }
    let product = i128::from(granted.millionths()).saturating_mul(i128::from(gone.minor));
    let share = product.checked_div(i128::from(gone.paid_minor)).unwrap_or(0);
    // It is less than what was granted, so it fits.
    Credits::from_millionths(i64::try_from(share).unwrap_or(granted.millionths())).min(granted)
}

/// How much is to be taken in all, once money for this `share` is gone and this much has `lapsed`: what had lapsed
/// before more was to be taken counts towards it, for it is gone already; what lapses after that changes nothing. When
/// money comes back, what was taken last is given back first.
fn target(account: &Account, share: Credits, lapsed: Credits) -> Result<(Credits, Credits), AmountError> {
    let claimed = account.reversed.checked_add(account.shortfall)?;
    let due = share.checked_sub(lapsed)?;
    if due > claimed {
        return Ok((due, lapsed));
    }
    let kept = share.checked_sub(account.lapsed)?.max(Credits::ZERO);
    Ok((claimed.min(kept), account.lapsed))
}

/// What is to be moved so that the target is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Stay,
    /// Take this much back.
    Take(Credits),
    /// Give this much back.
    Restore(Credits),
}

/// Has the credits follow their money: says what to move, and keeps the account of it. `share` is what the money that
/// is gone bought, and `lapsed` what has lapsed of all that was bought. `available` is what could be spent now, which
/// is all that [`Policy::Clamp`] takes. What was forgiven is forgotten before anything is given back.
///
/// # Errors
/// When an amount does not fit, which none of a stored payment does.
pub fn rebalance(
    account: &mut Account,
    share: Credits,
    lapsed: Credits,
    policy: Policy,
    available: Credits,
) -> Result<Step, AmountError> {
    let before = account.reversed;
    let (target, counted) = target(account, share, lapsed.max(Credits::ZERO))?;
    account.lapsed = counted;
    let claimed = account.reversed.checked_add(account.shortfall)?;
    if target > claimed {
        let more = target.checked_sub(claimed)?;
        let taken = match policy {
            Policy::Debt => more,
            Policy::Clamp => more.min(available.max(Credits::ZERO)),
        };
        account.reversed = account.reversed.checked_add(taken)?;
    } else {
        account.reversed = account.reversed.min(target);
    }
    account.shortfall = target.checked_sub(account.reversed)?;
    Ok(if account.reversed > before {
        Step::Take(account.reversed.checked_sub(before)?)
    } else if account.reversed < before {
        Step::Restore(before.checked_sub(account.reversed)?)
    } else {
        Step::Stay
    })
}

/// Where a paid payment stands once this much is gone.
pub fn state(gone: &Gone) -> State {
    match gone {
        Gone { withdrawn_minor: 1.., .. } => State::Disputed,
        Gone { is_whole: true, .. } => State::Refunded,
        Gone { minor: 1.., .. } => State::PartiallyRefunded,
        Gone { .. } => State::Completed,
    }
}
