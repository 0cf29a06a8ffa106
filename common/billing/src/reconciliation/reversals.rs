//! Comparing the refunds and disputes that a provider lists with those that are recorded, of payments of any age. Pure.

use std::collections::{HashMap, HashSet};

use super::{Comparison, Difference, Finding, ProviderReversal, RecordedOrder};
use crate::reversals::{Reversal, ReversalFact, ReversalKind, ReversalState};
use kernel::clock::Timestamp;

/// Those that are not recorded as they stand now. What has moved no money is no news, unless it is a dispute, which
/// stops a card from being charged.
pub fn not_known<'a>(
    told: &'a [ProviderReversal],
    known: &HashMap<String, Reversal>,
) -> Vec<&'a ProviderReversal> {
    told.iter().filter(|one| is_news(&one.fact, known.get(&one.fact.object_id))).collect()
}

fn is_news(fact: &ReversalFact, known: Option<&Reversal>) -> bool {
    match known {
        Some(known) => {
            fact.step > known.step && (fact.standing, fact.extent) != (known.standing, known.extent)
        }
        None => match (fact.standing, fact.kind) {
            (ReversalState::Taken, _) | (ReversalState::Announced, ReversalKind::Dispute) => true,
            (ReversalState::Announced | ReversalState::Restored, _) => false,
        },
    }
}

/// Whose money went back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// An order's of this installation, with the fact as it is about it; of a later period of a subscription that is
    /// not credited there is no order yet.
    Ours(Box<ReversalFact>, Option<RecordedOrder>),
    /// Another product's on the same account.
    Nobody,
    /// The provider's answer cannot be read.
    NotSaid,
}

/// What one that is not known is, once it was asked whose it is. One that is newer than `settled_before` is in flight,
/// one that an operator has dismissed is no difference.
pub fn compare_one(
    told: &ProviderReversal,
    owner: &Owner,
    settled_before: Timestamp,
    dismissed: &HashSet<String>,
) -> Comparison {
    let mut comparison = Comparison::default();
    let (fact, order) = match owner {
        Owner::Nobody => {
            comparison.foreign = 1;
            return comparison;
        }
        Owner::Ours(fact, order) => (fact.as_ref(), *order),
        Owner::NotSaid => (&told.fact, None),
    };
    if told.at > settled_before {
        comparison.in_flight = 1;
    } else if !dismissed.contains(&fact.object_id) {
        comparison.findings.push(finding(fact, order));
    }
    comparison
}

fn finding(fact: &ReversalFact, order: Option<RecordedOrder>) -> Finding {
    let is_dispute = fact.kind == ReversalKind::Dispute;
    // The charge, where it is told: then all of its refunds are asked about, and a payment that tells of them too asks
    // the same.
    let charge = fact.provider_payments.iter().find(|id| id.starts_with("ch_") || id.starts_with("py_"));
    let asked = charge.filter(|_| !is_dispute).unwrap_or(&fact.object_id);
    let is_unknown_order = order.is_none() && fact.payment_id.is_some();
    let difference = if is_unknown_order {
        Difference::UnknownOrder
    } else if is_dispute {
        Difference::DisputeNotKnown
    } else {
        Difference::RefundNotKnown
    };
    Finding {
        difference,
        provider: fact.provider,
        order: order.map(|order| order.id).or(fact.payment_id),
        object: Some(fact.object_id.clone()),
        ours: order.map(|order| order.money),
        theirs: fact.money(),
        repair: (!is_unknown_order).then(|| asked.clone()),
    }
}
