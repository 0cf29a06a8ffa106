//! Subscriptions: who may look at a wallet sees its own, who may buy for it ends them with their period and moves them
//! to other plans. Servers and operators also end them at once. A worker does it at the provider.

use billing::plans::Interval;
use billing::subscriptions::SubscriptionState;
use billing::subscriptions::instructions::operations::{self, Operator};
use billing::subscriptions::instructions::{
    ChangeRefusal, ChangeState, End, Ending, EndingState, Instructed, InstructionError, InstructionReply,
    PlanChange,
};
use identity::operators::OperatorRole;
use identity::rights::{Reach, Scope};
use jobs::EncodedJob;
use kernel::ids::{OutboxId, PaymentId, SubscriptionId, UserId, WalletId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use super::idempotent::{Answer, Keep, once};
use super::reasons::checked_reason;
use super::wallets::{addressed, check_reach};
use crate::auth::Caller;
use crate::checkout::wants_async;
use crate::commands::{carry_out, publish_soon};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Amount, Id, Moment, one_of};
use crate::http::{Response, answer};
use crate::problem::{ErrorCode, Problem};
use crate::state::SharedState;

/// Far more than any wallet has.
const LIMIT: i64 = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let instructs = |access: Access, summary: &str| {
        Description::new(access, summary)
            .path_parameter::<Id>("subscriptionId", "The subscription's id.")
            .idempotency_key()
            .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT])
    };
    vec![
        Endpoint::get(
            "/purser/v1/wallets/{wallet}/subscriptions",
            list,
            Description::new(Access::Allowed(Scope::Read), "The subscriptions of a wallet")
                .says("Those that are not over first, then the newest first; 200 at most.")
                .wallet()
                .answers::<Subscriptions>(StatusCode::OK, "The subscriptions."),
        ),
        Endpoint::post(
            "/purser/v1/subscriptions/{subscriptionId}/cancel",
            cancel,
            instructs(Access::Allowed(Scope::Buy), "End a subscription at its provider")
                .role(OperatorRole::Finance)
                .header::<String>("Prefer", "`respond-async` asks not to wait for the provider.")
                .says(
                    "With its period, as who buys for the wallet may have it; a server needs the scope `manage`, and \
                     it may also end it now; then with `refund` its last payment is given back as well, as far as \
                     that has not happened, and the credits follow the money. A subscription's money is given back \
                     once, however often that is asked for. What the provider refuses is 409 in its words, and in \
                     the subscription's `ending`.",
                )
                .takes::<CancelInput>()
                .answers::<SubscriptionView>(StatusCode::OK, "It is so at the provider.")
                .answers::<SubscriptionView>(StatusCode::ACCEPTED, "It will be, unless the provider refuses."),
        ),
        Endpoint::post(
            "/purser/v1/subscriptions/{subscriptionId}/change",
            change,
            instructs(Access::Allowed(Scope::Buy), "Move a subscription to another plan")
                .role(OperatorRole::Finance)
                .header::<String>("Prefer", "`respond-async` asks not to wait for the provider.")
                .says(
                    "As who buys for the wallet may have it; a server needs the scope `manage`. The provider charges \
                     the difference for the rest of the period at once, or keeps it for the next payment; what is \
                     paid is credited. If the payment fails, nothing changes. The plan must have a price or product \
                     of its own at the provider, in the same currency.",
                )
                .takes::<ChangeInput>()
                .answers::<SubscriptionView>(StatusCode::OK, "It is on the plan at the provider.")
                .answers::<SubscriptionView>(StatusCode::ACCEPTED, "It will be, unless the provider refuses."),
        ),
    ]
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum When {
    Now,
    PeriodEnd,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::CancelSubscription, example = json!({"when": "now", "refund": true, "reason": "Bought twice"}))]
struct CancelInput {
    #[schema(schema_with = when_schema)]
    when: When,
    /// Whether its last payment is given back. Goes with `now` only: what is given back does not last.
    #[serde(default)]
    refund: bool,
    /// For the audit log.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::ChangeSubscription, example = json!({"planId": "team", "reason": "The team grows"}))]
struct ChangeInput {
    #[schema(min_length = 1, max_length = 64)]
    plan_id: String,
    /// How often it is paid from now on; left out, as before.
    #[schema(schema_with = interval_schema)]
    interval: Option<Interval>,
    /// For the audit log.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

const NOW: &str = "now";
const PERIOD_END: &str = "period_end";

fn when_schema() -> Object {
    one_of(&[NOW, PERIOD_END])
}

pub(super) fn interval_schema() -> Object {
    one_of(Interval::NAMES)
}

fn state_schema() -> Object {
    one_of(SubscriptionState::NAMES)
}

fn ending_schema() -> Object {
    one_of(EndingState::NAMES)
}

fn change_schema() -> Object {
    one_of(ChangeState::NAMES)
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Subscriptions)]
struct Subscriptions {
    data: Vec<SubscriptionView>,
}

/// A subscription, as far as the provider's word of it has come.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Subscription)]
pub(super) struct SubscriptionView {
    #[schema(value_type = Uuid)]
    subscription_id: SubscriptionId,
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
    #[schema(value_type = String)]
    user_id: UserId,
    /// The order that began it.
    #[schema(value_type = Uuid)]
    payment_id: PaymentId,
    /// `stripe` or `creem`.
    provider: &'static str,
    provider_subscription: String,
    plan_id: String,
    #[schema(schema_with = interval_schema)]
    interval: &'static str,
    /// What a period costs, in the currency's smallest unit.
    price_minor: i64,
    /// An ISO 4217 code in lower case.
    currency: String,
    /// What a period grants.
    credits: Amount,
    #[schema(schema_with = state_schema)]
    state: &'static str,
    /// Whether another one of the wallet bills at the same time.
    doubled: bool,
    cancel_at_period_end: bool,
    #[schema(required)]
    current_period_end: Option<Moment>,
    created_at: Moment,
    #[schema(required)]
    canceled_at: Option<Moment>,
    /// The last time that its end was asked for.
    #[schema(required)]
    ending: Option<EndingView>,
    /// The last time that a move to another plan was asked for.
    #[schema(required)]
    change: Option<ChangeView>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::SubscriptionEnding)]
struct EndingView {
    #[schema(schema_with = when_schema)]
    when: &'static str,
    refund: bool,
    /// `ended`: the money is still to be given back; `unclear`: whether it was, has to be looked up at the provider.
    #[schema(schema_with = ending_schema)]
    state: &'static str,
    /// Why it is refused, or unclear.
    #[schema(required)]
    refusal: Option<String>,
    /// The payment that is given back, by its id at the provider.
    #[schema(required)]
    refund_of: Option<String>,
    asked_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::SubscriptionChange)]
struct ChangeView {
    plan_id: String,
    #[schema(schema_with = interval_schema)]
    interval: &'static str,
    #[schema(schema_with = change_schema)]
    state: &'static str,
    #[schema(required)]
    refusal: Option<String>,
    asked_at: Moment,
}

impl From<Ending> for EndingView {
    fn from(ending: Ending) -> Self {
        Self {
            when: if ending.end == End::AtPeriodEnd { PERIOD_END } else { NOW },
            refund: ending.end == End::Now { refund: true },
            state: ending.state.as_str(),
            refusal: ending.refusal,
            refund_of: ending.refund_of,
            asked_at: Moment(ending.asked_at),
        }
    }
}

impl From<PlanChange> for ChangeView {
    fn from(change: PlanChange) -> Self {
        Self {
            plan_id: change.plan_id,
            interval: change.interval.as_str(),
            state: change.state.as_str(),
            refusal: change.refusal,
            asked_at: Moment(change.asked_at),
        }
    }
}

impl From<Instructed> for SubscriptionView {
    fn from(found: Instructed) -> Self {
        let Instructed { subscription, is_doubled, ending, change } = found;
        let (plan_id, interval) = subscription.plan();
        Self {
            subscription_id: subscription.id,
            wallet_id: subscription.wallet_id,
            plan_id: plan_id.to_owned(),
            interval: interval.as_str(),
            user_id: subscription.user_id,
            payment_id: subscription.payment_id,
            provider: subscription.provider.as_str(),
            provider_subscription: subscription.provider_subscription,
            price_minor: subscription.terms.price.minor,
            currency: subscription.terms.price.currency.to_string(),
            credits: Amount(subscription.terms.credits),
            state: subscription.state.as_str(),
            doubled: is_doubled,
            cancel_at_period_end: subscription.cancel_at_period_end,
            current_period_end: subscription.current_period_end.map(Moment),
            created_at: Moment(subscription.created_at),
            canceled_at: subscription.canceled_at.map(Moment),
            ending: ending.map(EndingView::from),
            change: change.map(ChangeView::from),
        }
    }
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Read).await?;
    let found = operations::of_wallet(&mut *api.pool.acquire().await?, wallet.id, LIMIT).await?;
    let data = found.into_iter().map(SubscriptionView::from).collect();
    Ok(answer(StatusCode::OK, &Subscriptions { data }))
}

/// Who buys decides what is bought, and when no more; a server that only sells does not decide that.
fn scope(reach: &Reach) -> Scope {
    if *reach == Reach::Everyone { Scope::Manage } else { Scope::Buy }
}

async fn cancel(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed_as(&api, |caller| scope(&caller.reach)).await?;
    let request: CancelInput = read_object(&call)?;
    let (id, reason) = (subscription_id(&call)?, checked_reason(request.reason)?);
    let end = match (request.when, request.refund) {
        (When::PeriodEnd, false) => End::AtPeriodEnd,
        (When::Now, refund) => End::Now { refund },
        (When::PeriodEnd, true) => {
            return Err(Problem::invalid("refund goes with when \"now\": what is given back does not last"));
        }
    };
    if end != End::AtPeriodEnd {
        caller.check_everyone(Scope::Manage)?;
    }
    check(&api, &caller, id).await?;
    let waits = !wants_async(&call.headers);
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let by = Operator { actor: &actor, reason: &reason };
            let mut transaction = api.pool.begin().await?;
            let taken = operations::end(&mut transaction, api.clock.now(), by, id, end).await?;
            transaction.commit().await?;
            let Some((job, outbox_id)) = taken else {
                return Ok((StatusCode::OK, find(&api, id).await?.into()));
            };
            if !waits {
                publish_soon(&api, outbox_id);
                return Ok((StatusCode::ACCEPTED, find(&api, id).await?.into()));
            }
            let (status, found) = carried_out(&api, id, EncodedJob::from(&job), outbox_id).await?;
            match &found.ending {
                Some(Ending { state: EndingState::Refused | EndingState::Unclear, refusal, .. }) => {
                    Err(refused(refusal.as_deref()))
                }
                Some(_) | None => Ok((status, found.into())),
            }
        }
    };
    once::<_, SubscriptionView>(&api, &call, caller.key_space(), Keep::Answer, work).await
}

/// Whether the subscription is there for a caller who is to decide about it.
async fn check(api: &SharedState, caller: &Caller, id: SubscriptionId) -> Result<(), Problem> {
    let wallet = find(api, id).await?.subscription.wallet_id;
    check_reach(api, caller, wallet, scope(&caller.reach), no_subscription).await
}

async fn change(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed_as(&api, |caller| scope(&caller.reach)).await?;
    let request: ChangeInput = read_object(&call)?;
    let reason = request.reason.map(checked_reason).transpose()?.unwrap_or_default();
    let (id, plan, interval) = (subscription_id(&call)?, request.plan_id, request.interval);
    if plan.contains('\0') {
        return Err(Problem::not_found("There is no such plan."));
    }
    check(&api, &caller, id).await?;
    let waits = !wants_async(&call.headers);
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let by = Operator { actor: &actor, reason: &reason };
            let mut transaction = api.pool.begin().await?;
            let (job, outbox_id) =
                operations::change(&mut transaction, api.clock.now(), by, id, &plan, interval).await?;
            transaction.commit().await?;
            if !waits {
                publish_soon(&api, outbox_id);
                return Ok((StatusCode::ACCEPTED, find(&api, id).await?.into()));
            }
            let (status, found) = carried_out(&api, id, EncodedJob::from(&job), outbox_id).await?;
            match &found.change {
                Some(PlanChange { state: ChangeState::Refused, refusal, .. }) => {
                    Err(refused(refusal.as_deref()))
                }
                Some(_) | None => Ok((status, found.into())),
            }
        }
    };
    once::<_, SubscriptionView>(&api, &call, caller.key_space(), Keep::Answer, work).await
}

/// Waits for a worker, and answers what there is then.
async fn carried_out(
    api: &SharedState,
    id: SubscriptionId,
    job: EncodedJob,
    outbox_id: OutboxId,
) -> Result<Answer<Instructed>, Problem> {
    let status = match carry_out::<InstructionReply>(api, job, outbox_id).await {
        Some(InstructionReply::Settled) => StatusCode::OK,
        None => StatusCode::ACCEPTED,
    };
    Ok((status, find(api, id).await?))
}

pub(super) async fn find(api: &SharedState, id: SubscriptionId) -> Result<Instructed, Problem> {
    let found = operations::find(&mut *api.pool.acquire().await?, id).await?;
    found.ok_or_else(no_subscription)
}

pub(super) fn subscription_id(call: &Call) -> Result<SubscriptionId, Problem> {
    call.path_parameter("subscriptionId").parse().map_err(|_| no_subscription())
}

pub(super) fn no_subscription() -> Problem {
    Problem::not_found("There is no such subscription.")
}

fn refused(words: Option<&str>) -> Problem {
    let words = words.unwrap_or("The payment provider refuses.").to_owned();
    Problem::conflict(ErrorCode::ProviderRefused, words)
}

impl From<InstructionError> for Problem {
    fn from(error: InstructionError) -> Self {
        let refusal = match error {
            InstructionError::NoSubscription => return no_subscription(),
            InstructionError::NoPlan => return Self::not_found("There is no such plan."),
            InstructionError::Database(error) => return error.into(),
            InstructionError::Change(refusal) => refusal,
        };
        let message = match refusal {
            ChangeRefusal::NotActive => "Only an active subscription can be moved to another plan.",
            ChangeRefusal::Ends => {
                "The subscription ends with its period: have it go on first, at the provider."
            }
            ChangeRefusal::NotSold => "The plan is not sold, or not for such a period.",
            ChangeRefusal::NotAtProvider => {
                "The plan has no price or product of its own at the provider, by which its payments would be known."
            }
            ChangeRefusal::OtherCurrency => "The plan has another currency than the subscription.",
        };
        let code = match refusal {
            ChangeRefusal::NotActive => ErrorCode::SubscriptionNotActive,
            ChangeRefusal::Ends => ErrorCode::SubscriptionEnds,
            ChangeRefusal::NotSold => ErrorCode::PlanNotSold,
            ChangeRefusal::NotAtProvider => ErrorCode::PlanNotAtProvider,
            ChangeRefusal::OtherCurrency => ErrorCode::OtherCurrency,
        };
        Self::conflict(code, message)
    }
}
