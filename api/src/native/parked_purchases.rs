//! Purchases in app stores by unknown buyers, and assigning one to a user by hand.

use billing::app_stores::operations::{self, assign, is_awaited, parked, purchase};
use billing::app_stores::rules::QUANTITY_MAX;
use billing::app_stores::{ClaimError, ClaimPurchases, StorePurchase};
use identity::operators::OperatorRole;
use identity::rights::Scope;
use jobs::outbox;
use kernel::ids::{PaymentId, StorePurchaseId, UserId};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::pages_of::{Cursor, paged};
use super::reasons::checked_reason;
use crate::commands::carry_out;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::{read_object, read_object_or_default};
use crate::http::values::{Id, Moment, one_of};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

/// The most purchases in a page.
const LIMIT: i64 = 500;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/purser/v1/parked-purchases",
            list,
            paged(
                Description::new(
                    Access::Operator(Scope::Admin),
                    "Purchases in app stores that wait for their buyers or products",
                ),
                LIMIT,
            )
            .says("Oldest first. A purchase of several waits for somebody who says how many they are.")
            .answers::<PurchasesView>(StatusCode::OK, "The purchases."),
        ),
        Endpoint::get(
            "/purser/v1/parked-purchases/{purchaseId}",
            show,
            about("A purchase in an app store").answers::<PurchaseView>(StatusCode::OK, "The purchase."),
        ),
        Endpoint::post(
            "/purser/v1/parked-purchases/{purchaseId}/claim",
            claim,
            settles("Give a parked purchase to a user")
                .takes::<ClaimInput>()
                .answers::<ClaimView>(StatusCode::OK, "The credits are there.")
                .answers::<ClaimView>(
                    StatusCode::ACCEPTED,
                    "The purchase is the user's; the credits follow.",
                ),
        ),
        Endpoint::post(
            "/purser/v1/parked-purchases/{purchaseId}/retry",
            retry,
            settles("Have a parked purchase looked at again")
                .says("It is credited if its buyer and its product are known now.")
                .may_take::<RetryInput>()
                .answers::<PurchaseView>(StatusCode::ACCEPTED, "It is on its way."),
        ),
        Endpoint::post(
            "/purser/v1/parked-purchases/{purchaseId}/dismiss",
            dismiss,
            settles("Decide that nobody gets a parked purchase")
                .takes::<DismissInput>()
                .answers::<PurchaseView>(StatusCode::OK, "The purchase is dismissed."),
        ),
    ]
}

fn about(summary: &str) -> Description {
    Description::new(Access::Operator(Scope::Admin), summary)
        .path_parameter::<Id>("purchaseId", "The purchase's id.")
        .refuses(&[StatusCode::NOT_FOUND])
}

fn settles(summary: &str) -> Description {
    about(summary).role(OperatorRole::Finance).idempotency_key().refuses(&[StatusCode::CONFLICT])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::DismissParkedPurchase, example = json!({"reason": "A purchase of a tester"}))]
struct DismissInput {
    /// Why, for the record.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::RetryParkedPurchase, example = json!({"reason": "The user is registered now"}))]
struct RetryInput {
    /// Why, for the record.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::ParkedPurchases)]
#[serde(rename_all = "camelCase")]
struct PurchasesView {
    data: Vec<PurchaseView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ParkedPurchase)]
struct PurchaseView {
    #[schema(value_type = Uuid)]
    purchase_id: StorePurchaseId,
    /// As RevenueCat spells it, such as `APP_STORE`.
    store: String,
    /// The store's own id.
    transaction_id: String,
    product_id: String,
    /// `PRODUCTION` or `SANDBOX`.
    environment: String,
    /// What RevenueCat calls the buyer.
    buyers: Vec<String>,
    /// When it was bought.
    #[schema(value_type = Option<Moment>, required)]
    bought_at: Option<Moment>,
    /// When it was first told of.
    created_at: Moment,
    /// How many were bought, where that is told.
    #[schema(value_type = Option<i64>, required)]
    quantity: Option<i64>,
    /// Why it waits: nobody knows its buyer or its product, or its price says that several were bought and nobody says
    /// how many.
    #[schema(schema_with = reason_schema)]
    reason: &'static str,
}

/// Why a purchase waits.
const REASONS: [&str; 2] = ["buyer_or_product_unknown", "quantity_unknown"];

fn reason_schema() -> Object {
    one_of(&REASONS)
}

impl From<StorePurchase> for PurchaseView {
    fn from(purchase: StorePurchase) -> Self {
        Self {
            purchase_id: purchase.id,
            store: purchase.store,
            transaction_id: purchase.transaction_id,
            product_id: purchase.product_id,
            environment: purchase.environment,
            buyers: purchase.buyers,
            bought_at: purchase.bought_at.map(Moment),
            created_at: Moment(purchase.created_at),
            quantity: purchase.quantity,
            reason: if purchase.is_held { "quantity_unknown" } else { "buyer_or_product_unknown" },
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::Claim, example = json!({"userId": "alice"}))]
struct ClaimInput {
    /// Who gets it.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
    /// How many were bought: needed for a purchase whose reason is `quantity_unknown`.
    #[schema(minimum = 1, maximum = 1000)]
    quantity: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Claimed)]
struct ClaimView {
    #[schema(value_type = Uuid)]
    purchase_id: StorePurchaseId,
    #[schema(value_type = String)]
    user_id: UserId,
    /// Its payment, once it is credited.
    #[schema(value_type = Option<Uuid>, required)]
    payment_id: Option<PaymentId>,
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let page = Cursor::<StorePurchaseId>::read(&call, LIMIT)?;
    let found = parked(&mut *api.pool.acquire().await?, page.after, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |purchase| purchase.id.to_string());
    let data = found.into_iter().map(PurchaseView::from).collect();
    Ok(answer(StatusCode::OK, &PurchasesView { data, next_cursor }))
}

fn id(call: &Call) -> Result<StorePurchaseId, Problem> {
    call.path_parameter("purchaseId").parse().map_err(|_| Problem::from(ClaimError::NoPurchase))
}

async fn show(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let found = purchase(&mut *api.pool.acquire().await?, id(&call)?).await?;
    Ok(answer(StatusCode::OK, &PurchaseView::from(found.ok_or(ClaimError::NoPurchase)?)))
}

async fn retry(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let reason = read_object_or_default::<RetryInput>(&call)?.reason.map(checked_reason).transpose()?;
    let (id, actor) = (id(&call)?, caller.actor.clone());
    let work = {
        let api = SharedState::clone(&api);
        async move {
            let now = api.clock.now();
            let mut transaction = api.pool.begin().await?;
            let purchase = operations::retry(&mut transaction, now, &actor, id, reason.as_deref()).await?;
            let written = outbox::insert(&mut transaction, now, &ClaimPurchases {}).await?;
            transaction.commit().await?;
            messaging::outbox::publish(&api.pool, &api.publisher, &[written]).await;
            Ok((StatusCode::ACCEPTED, PurchaseView::from(purchase)))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}

async fn dismiss(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let reason = checked_reason(read_object::<DismissInput>(&call)?.reason)?;
    let (id, actor) = (id(&call)?, caller.actor.clone());
    let work = {
        let api = SharedState::clone(&api);
        async move {
            let mut transaction = api.pool.begin().await?;
            let dismissed =
                operations::dismiss(&mut transaction, api.clock.now(), &actor, id, &reason).await?;
            transaction.commit().await?;
            Ok((StatusCode::OK, PurchaseView::from(dismissed)))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}

async fn claim(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let ClaimInput { user_id, quantity } = read_object(&call)?;
    if quantity.is_some_and(|quantity| !(1..=QUANTITY_MAX).contains(&quantity)) {
        return Err(Problem::invalid(format!("quantity must be between 1 and {QUANTITY_MAX}")));
    }
    let id = id(&call)?;
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let now = api.clock.now();
            let mut transaction = api.pool.begin().await?;
            assign(&mut transaction, now, &actor, id, &user_id, quantity).await?;
            let job = ClaimPurchases {};
            let outbox_id = outbox::insert(&mut transaction, now, &job).await?;
            transaction.commit().await?;
            carry_out::<IgnoredAny>(&api, &job, outbox_id).await;
            let found = purchase(&mut *api.pool.acquire().await?, id).await?;
            let payment_id = found.and_then(|purchase| purchase.payment_id);
            let status = if payment_id.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
            Ok((status, ClaimView { purchase_id: id, user_id, payment_id }))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}

/// Starts crediting the purchases that are parked for a new user, in the background. If that fails, the scheduler does
/// it within a minute.
pub(super) fn claim_for_new_user(api: &SharedState, user: UserId) {
    let api = SharedState::clone(api);
    tokio::spawn(async move {
        let awaited = match api.pool.acquire().await {
            Ok(mut connection) => is_awaited(&mut connection, &user).await,
            Err(error) => Err(error),
        };
        if awaited.is_ok_and(|awaited| awaited)
            && let Err(error) = api.publisher.publish(&ClaimPurchases {}).await
        {
            tracing::debug!(%error, "a parked purchase waits for the scheduler");
        }
    });
}
