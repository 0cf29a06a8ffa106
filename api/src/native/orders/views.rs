//! Orders as callers see them.

use billing::payments::{Item, Kind, Provider, State};
use billing::plans::Interval;
use billing::refunds::{RefundRequest, RefundState};
use billing::reversals::{Extent, Reversal, ReversalKind, ReversalState};
use billing::sales::Sale;
use kernel::ids::{PaymentId, RefundRequestId, UserId, WalletId};
use kernel::metadata::Metadata;
use kernel::money::{Currency, Money};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::http::values::{Amount, Moment, MoneyValue, OrgId, one_of};

/// How orders stand.
pub(super) const STATUSES: &[&str] =
    &[PENDING, PAID, "failed", "expired", "refunded", "partially_refunded", "disputed"];
const PENDING: &str = "pending";
const PAID: &str = "paid";

fn status(state: State) -> &'static str {
    match state {
        State::Created | State::Pending => PENDING,
        State::Completed => PAID,
        State::Failed | State::Expired | State::Refunded | State::PartiallyRefunded | State::Disputed => {
            state.as_str()
        }
    }
}

/// The states that a status stands for; none if it is no status.
pub(super) fn states_of(status: &str) -> Option<Vec<State>> {
    Some(match status {
        PENDING => vec![State::Created, State::Pending],
        PAID => vec![State::Completed],
        "failed" => vec![State::Failed],
        "expired" => vec![State::Expired],
        "refunded" => vec![State::Refunded],
        "partially_refunded" => vec![State::PartiallyRefunded],
        "disputed" => vec![State::Disputed],
        _ => return None,
    })
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Orders)]
pub(super) struct Orders {
    pub(super) data: Vec<OrderView>,
    /// Where the next page begins; null on the last one.
    #[schema(required)]
    pub(super) next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Order)]
pub(in super::super) struct OrderView {
    #[schema(value_type = uuid::Uuid)]
    pub(in super::super) order_id: PaymentId,
    /// Its number, which some APIs show as its id.
    number: i64,
    #[schema(value_type = uuid::Uuid)]
    wallet_id: WalletId,
    /// Who buys.
    #[schema(value_type = String)]
    user_id: UserId,
    /// The organization whose wallet it is.
    #[schema(required)]
    org_id: Option<OrgId>,
    #[schema(schema_with = status_schema)]
    status: &'static str,
    /// Why it is bought.
    #[schema(schema_with = kind_schema)]
    kind: &'static str,
    #[schema(schema_with = provider_schema)]
    provider: &'static str,
    /// The provider's own id of the payment, once there is one.
    #[schema(required)]
    provider_payment: Option<String>,
    /// For people.
    summary: String,
    items: Vec<ItemView>,
    /// The plan, for a period of one.
    #[schema(required)]
    plan_id: Option<String>,
    #[schema(required, schema_with = interval_schema)]
    interval: Option<&'static str>,
    /// What it grants, without what a coupon adds.
    credits: Amount,
    /// What a coupon adds, or a code gives.
    bonus_credits: Amount,
    /// For how many days the credits last from when they are paid; null: for good, or as long as the plan says.
    #[schema(required)]
    expires_after_days: Option<i32>,
    /// What is to be paid, after a coupon and before tax that the provider adds.
    amount: MoneyValue,
    /// What a coupon took off.
    discount: MoneyValue,
    /// What the buyer was charged, with tax, once the provider has said so.
    #[schema(required)]
    charged: Option<MoneyValue>,
    /// Where the buyer pays, while that is possible.
    #[schema(required)]
    checkout_url: Option<String>,
    /// Why it failed.
    #[schema(required)]
    failure: Option<String>,
    /// The provider's page with the receipt. Anyone who has the address can read it.
    #[schema(required)]
    receipt_url: Option<String>,
    /// The host application's own id.
    #[schema(required)]
    reference: Option<String>,
    #[schema(value_type = BTreeMap<String, String>)]
    metadata: Metadata,
    created_at: Moment,
    /// Until when it can be paid.
    expires_at: Moment,
    #[schema(required)]
    paid_at: Option<Moment>,
    /// Money back by refunds, as the provider counts, which may be with tax.
    refunded: MoneyValue,
    /// Money back by disputes.
    withdrawn: MoneyValue,
    /// Credits that are taken back.
    credits_reversed: Amount,
    /// Credits that had been spent before their money went back, and are forgiven.
    credits_shortfall: Amount,
    /// What the provider tells of refunds and disputes.
    reversals: Vec<ReversalView>,
    /// The refunds that were asked for here.
    refunds: Vec<RefundView>,
}

/// A line of an order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::OrderItem)]
struct ItemView {
    /// The pack, if it is one of the catalog.
    #[schema(required)]
    pack_id: Option<String>,
    name: String,
    quantity: i64,
    /// Of one.
    credits: Amount,
    /// Of one, before a coupon.
    price: MoneyValue,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Reversal)]
struct ReversalView {
    /// The provider's id of it.
    id: String,
    #[schema(schema_with = reversal_schema)]
    kind: &'static str,
    /// Where its money is: `announced`, nothing has moved; `taken`, it is with the buyer; `restored`, it is here again.
    #[schema(schema_with = standing_schema)]
    standing: &'static str,
    /// The provider's word for how it stands.
    status: String,
    /// How much it is about; null: all.
    #[schema(required)]
    amount: Option<MoneyValue>,
}

/// A refund that was asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Refund)]
pub(super) struct RefundView {
    #[schema(value_type = uuid::Uuid)]
    refund_id: RefundRequestId,
    #[schema(value_type = uuid::Uuid)]
    order_id: PaymentId,
    /// `requested`: the provider is to make it; `done`: it has; `unclear`: whether it has, only the provider knows.
    #[schema(schema_with = refund_schema)]
    state: &'static str,
    /// With tax, as it was charged.
    amount: MoneyValue,
    reason: String,
    /// Why it is refused, in the provider's words, or unclear.
    #[schema(required)]
    refusal: Option<String>,
    /// Its id at the provider, where the provider tells one.
    #[schema(required)]
    provider_refund: Option<String>,
    created_at: Moment,
}

fn status_schema() -> Object {
    one_of(STATUSES)
}

fn kind_schema() -> Object {
    one_of(Kind::NAMES)
}

fn provider_schema() -> Object {
    one_of(Provider::NAMES)
}

fn interval_schema() -> Object {
    let text = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    text.enum_values(Some(Interval::NAMES.iter().copied().map(Some).chain([None]))).build()
}

fn reversal_schema() -> Object {
    one_of(ReversalKind::NAMES)
}

fn standing_schema() -> Object {
    one_of(ReversalState::NAMES)
}

fn refund_schema() -> Object {
    one_of(RefundState::NAMES)
}

impl From<Sale> for OrderView {
    fn from(sale: Sale) -> Self {
        let Sale { payment, items, account, reversals, refunds } = sale;
        let currency = payment.amount.currency;
        // What came back is counted in what was paid, which an operator may have accepted in another currency.
        let back = |minor: i64| Money::new(minor, payment.due().currency).into();
        Self {
            order_id: payment.id,
            number: payment.number,
            wallet_id: payment.wallet_id,
            org_id: payment.organization_id.map(OrgId),
            status: status(payment.state),
            kind: payment.kind.as_str(),
            provider: payment.provider.as_str(),
            items: items.into_iter().map(|item| ItemView::of(item, currency)).collect(),
            interval: payment.plan.as_ref().map(|plan| plan.interval.as_str()),
            plan_id: payment.plan.as_ref().map(|plan| plan.plan_id.clone()),
            credits: Amount(payment.credits),
            bonus_credits: Amount(payment.bonus),
            expires_after_days: payment.expires_after_days,
            amount: payment.amount.into(),
            discount: Money::new(payment.discount_minor, currency).into(),
            charged: payment.progress.charged_minor.map(back),
            created_at: Moment(payment.created_at),
            expires_at: Moment(payment.expires_at),
            paid_at: payment.completed_at.map(Moment),
            refunded: back(account.refunded_minor),
            withdrawn: back(account.withdrawn_minor),
            credits_reversed: Amount(account.reversed),
            credits_shortfall: Amount(account.shortfall),
            reversals: reversals.into_iter().map(ReversalView::from).collect(),
            refunds: refunds.into_iter().map(|one| RefundView::of(one, payment.due().currency)).collect(),
            user_id: payment.user_id,
            provider_payment: payment.provider_payment,
            summary: payment.summary,
            checkout_url: payment.checkout_url,
            failure: payment.progress.failure,
            receipt_url: payment.progress.receipt_url,
            reference: payment.labels.reference,
            metadata: payment.labels.metadata,
        }
    }
}

impl ItemView {
    fn of(item: Item, currency: Currency) -> Self {
        Self {
            pack_id: item.pack_id,
            name: item.name,
            quantity: item.quantity,
            credits: Amount(item.credits),
            price: Money::new(item.amount_minor, currency).into(),
        }
    }
}

impl From<Reversal> for ReversalView {
    fn from(reversal: Reversal) -> Self {
        Self {
            id: reversal.object_id,
            kind: reversal.kind.as_str(),
            standing: reversal.standing.as_str(),
            status: reversal.status,
            amount: match reversal.extent {
                Extent::All => None,
                Extent::Part { money, .. } => Some(money.into()),
            },
        }
    }
}

impl RefundView {
    pub(super) fn of(request: RefundRequest, currency: Currency) -> Self {
        Self {
            refund_id: request.id,
            order_id: request.payment_id,
            state: request.state.as_str(),
            amount: Money::new(request.amount_minor, currency).into(),
            reason: request.reason,
            refusal: request.refusal,
            provider_refund: request.provider_refund,
            created_at: Moment(request.created_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_stands_for_its_states() {
        let all: Vec<State> = STATUSES.iter().filter_map(|name| states_of(name)).flatten().collect();
        assert_eq!(all.len(), State::NAMES.len());
        for name in STATUSES {
            assert!(states_of(name).is_some_and(|states| states.iter().all(|state| status(*state) == *name)));
        }
        assert_eq!(states_of("completed"), None);
    }
}
