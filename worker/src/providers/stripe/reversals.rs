//! What Stripe says about money that goes back: the few fields that matter of refunds and disputes, read tolerantly,
//! and the facts that they become.
//!
//! A payment may have several refunds, and each has an event for each of its steps: created, perhaps settled later,
//! perhaps failed after it had succeeded. `charge.refunded` only says that there are some.

use serde::Deserialize;

use super::objects::money;
use crate::providers::Reference;
use billing::payments::Provider;
use billing::reversals::disputes::{self, Moved, Unit, rate_billionths};
use billing::reversals::rules::refund_standing;
use billing::reversals::{Extent, ReversalFact, ReversalKind, ReversalState};

#[derive(Clone, Debug, Deserialize)]
pub struct Refund {
    /// `re_…`
    pub id: String,
    /// Smallest units.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
    pub status: String,
    #[serde(default)]
    pub charge: Option<Reference>,
    #[serde(default)]
    pub payment_intent: Option<Reference>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Dispute {
    /// `dp_…` or `du_…`
    pub id: String,
    /// Smallest units.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
    pub livemode: bool,
    /// `needs_response`, `under_review`, `won`, `lost`, `warning_…` for an inquiry, …
    pub status: String,
    /// What moved because of it, in the currency of the account.
    #[serde(default)]
    pub balance_transactions: Vec<BalanceTransaction>,
    #[serde(default)]
    pub charge: Option<Reference>,
    #[serde(default)]
    pub payment_intent: Option<Reference>,
}

/// A warning of a card's bank that a payment may be fraud. Nothing has moved, and a dispute is likely to follow.
#[derive(Clone, Debug, Deserialize)]
pub struct FraudWarning {
    /// `issfr_…`
    pub id: String,
    /// The charge it is about.
    #[serde(default)]
    pub charge: Option<Reference>,
    /// The payment it is about.
    #[serde(default)]
    pub payment_intent: Option<Reference>,
}

/// A movement of the account's balance.
#[derive(Clone, Debug, Deserialize)]
pub struct BalanceTransaction {
    /// Negative when it is taken.
    pub amount: i64,
    /// Lower case.
    #[serde(default)]
    pub currency: Option<String>,
    /// What a unit of the dispute's currency was worth, if that is another one.
    #[serde(default)]
    pub exchange_rate: Option<serde_json::Number>,
}

impl BalanceTransaction {
    fn moved(&self, dispute: &Dispute) -> Moved {
        let is_other = match &self.currency {
            Some(currency) => !currency.eq_ignore_ascii_case(&dispute.currency),
            None => self.amount.saturating_abs() > dispute.amount,
        };
        let rate = || self.exchange_rate.as_ref().and_then(|rate| rate_billionths(&rate.to_string()));
        let unit = if is_other { Unit::Other { rate_billionths: rate() } } else { Unit::Disputed };
        Moved { minor: self.amount, unit }
    }
}

impl Refund {
    /// Where its money is; none if its currency cannot be read. It does not say itself whether it is real money.
    pub fn fact(self, livemode: bool) -> Option<ReversalFact> {
        let (standing, step) = refund_standing(&self.status);
        Some(ReversalFact {
            provider: Provider::Stripe,
            livemode,
            object_id: self.id,
            kind: ReversalKind::Refund,
            standing,
            status: self.status,
            step,
            extent: part(self.amount, &self.currency)?,
            installation: None,
            payment_id: None,
            provider_payments: ids(self.payment_intent, self.charge),
        })
    }
}

impl Dispute {
    /// Where its money is; none if its currency cannot be read. The movements of the balance tell that, and how far it
    /// has come: a dispute that has begun, and every inquiry, has moved nothing; one that is lost may have given a part
    /// back.
    pub fn fact(self) -> Option<ReversalFact> {
        let moved: Vec<Moved> = self.balance_transactions.iter().map(|one| one.moved(&self)).collect();
        let (standing, minor) = disputes::standing(self.amount, &moved);
        let steps = moved.iter().filter(|one| one.minor != 0).count();
        let is_over = matches!(self.status.as_str(), "won" | "lost" | "warning_closed" | "prevented");
        let steps = i64::try_from(steps).unwrap_or(i64::MAX);
        Some(ReversalFact {
            provider: Provider::Stripe,
            livemode: self.livemode,
            object_id: self.id,
            kind: ReversalKind::Dispute,
            standing,
            status: self.status,
            step: steps.saturating_mul(2).saturating_add(i64::from(is_over)),
            extent: part(minor, &self.currency)?,
            installation: None,
            payment_id: None,
            provider_payments: ids(self.payment_intent, self.charge),
        })
    }
}

impl FraudWarning {
    /// That it was given. It says of no amount, and is never taken back.
    pub fn fact(self, livemode: bool) -> ReversalFact {
        ReversalFact {
            provider: Provider::Stripe,
            livemode,
            object_id: self.id,
            kind: ReversalKind::Warning,
            standing: ReversalState::Announced,
            status: "early_fraud_warning".to_owned(),
            step: 0,
            extent: Extent::All,
            installation: None,
            payment_id: None,
            provider_payments: ids(self.payment_intent, self.charge),
        }
    }
}

fn part(minor: i64, currency: &str) -> Option<Extent> {
    Some(Extent::Part { money: money(minor, Some(currency))?, paid_minor: None })
}

fn ids(intent: Option<Reference>, charge: Option<Reference>) -> Vec<String> {
    [intent, charge].into_iter().flatten().map(|reference| reference.id().to_owned()).collect()
}

impl From<stripe_shared::Refund> for Refund {
    fn from(refund: stripe_shared::Refund) -> Self {
        Self {
            id: refund.id.to_string(),
            amount: refund.amount,
            currency: refund.currency.to_string(),
            status: refund.status.unwrap_or_default(),
            charge: refund.charge.map(|charge| Reference::Id(charge.id().to_string())),
            payment_intent: refund.payment_intent.map(|intent| Reference::Id(intent.id().to_string())),
        }
    }
}

impl From<stripe_shared::Dispute> for Dispute {
    fn from(dispute: stripe_shared::Dispute) -> Self {
        Self {
            id: dispute.id.to_string(),
            amount: dispute.amount,
            currency: dispute.currency.to_string(),
            livemode: dispute.livemode,
            status: dispute.status.as_str().to_owned(),
            balance_transactions: dispute
                .balance_transactions
                .iter()
                .map(|moved| BalanceTransaction {
                    amount: moved.amount,
                    currency: Some(moved.currency.to_string()),
                    exchange_rate: moved.exchange_rate.and_then(|rate| rate.to_string().parse().ok()),
                })
                .collect(),
            charge: Some(Reference::Id(dispute.charge.id().to_string())),
            payment_intent: dispute.payment_intent.map(|intent| Reference::Id(intent.id().to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use billing::reversals::ReversalState;
    use serde_json::json;

    /// In dollars, at a rate for which all that is disputed is what moved.
    fn dispute(status: &str, moved: &[i64]) -> ReversalFact {
        let moved: Vec<_> = moved
            .iter()
            .map(|amount| {
                let rate = format!("{}.{:03}", amount.abs() / 1_000, amount.abs() % 1_000);
                let rate: serde_json::Number = rate.parse().unwrap();
                json!({"amount": amount, "currency": "usd", "exchange_rate": rate})
            })
            .collect();
        let object = json!({"id": "dp_1", "amount": 1000, "currency": "eur", "livemode": false, "status": status,
                            "charge": "ch_1", "payment_intent": {"id": "pi_1"}, "balance_transactions": moved});
        serde_json::from_value::<Dispute>(object).unwrap().fact().unwrap()
    }

    #[test]
    fn only_money_that_moved_is_taken_and_each_word_is_newer_than_the_one_before() {
        let story = [
            ("needs_response", &[][..], ReversalState::Announced),
            ("needs_response", &[-1_100], ReversalState::Taken),
            ("lost", &[-1_100], ReversalState::Taken),
            // At another rate of exchange than before.
            ("under_review", &[-1_100, 1_090], ReversalState::Restored),
            ("won", &[-1_100, 1_090], ReversalState::Restored),
            ("lost", &[-1_100, 1_090, -1_120], ReversalState::Taken),
        ];
        let facts = story.map(|(status, moved, _)| dispute(status, moved));
        for (fact, (status, _, standing)) in facts.iter().zip(story) {
            assert_eq!(fact.standing, standing, "{status}");
        }
        assert!(facts.windows(2).all(|pair| pair[0].step < pair[1].step), "{facts:?}");
        assert_eq!(facts[0].provider_payments, ["pi_1", "ch_1"]);
    }

    #[test]
    fn what_came_back_is_added_not_counted() {
        let of = |moved: serde_json::Value| {
            let object = json!({"id": "dp_1", "amount": 10_000, "currency": "usd", "livemode": false, "status": "lost",
                                "charge": "ch_1", "payment_intent": "pi_1", "balance_transactions": moved});
            let fact = serde_json::from_value::<Dispute>(object).unwrap().fact().unwrap();
            let Extent::Part { money, .. } = fact.extent else { panic!("{fact:?}") };
            (fact.standing, money.minor)
        };
        let usd = |amount: i64| json!({"amount": amount, "currency": "usd", "exchange_rate": null});
        assert_eq!(of(json!([usd(-10_000), usd(1)])), (ReversalState::Taken, 9_999));
        assert_eq!(of(json!([{"amount": -10_000}, {"amount": 1}])), (ReversalState::Taken, 9_999));
        let eur = |amount: i64, rate: &str| {
            let rate: serde_json::Number = rate.parse().unwrap();
            json!({"amount": amount, "currency": "eur", "exchange_rate": rate})
        };
        assert_eq!(of(json!([eur(-9_000, "0.9"), eur(2_300, "0.92")])), (ReversalState::Taken, 7_500));
        assert_eq!(of(json!([eur(-9_000, "0.9"), eur(9_200, "0.92")])), (ReversalState::Restored, 10_000));
    }

    #[test]
    fn an_inquiry_takes_nothing() {
        assert_eq!(dispute("warning_needs_response", &[]).standing, ReversalState::Announced);
        assert_eq!(dispute("warning_closed", &[]).standing, ReversalState::Announced);
    }
}
