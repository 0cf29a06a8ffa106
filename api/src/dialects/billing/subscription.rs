//! The caller's subscription, and the provider's page on which it is managed.

use billing::payments::Provider;
use billing::payments::store::customer;
use billing::subscriptions::operations::{newest_of_user, others_live};
use billing::subscriptions::{OpenPortal, PortalReply, Subscription, SubscriptionState};
use kernel::ids::SubscriptionId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::check_return_url;
use super::envelope::{Moment, Success, success};
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::problem::{ErrorCode, Problem};
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/subscription",
            current,
            Description::new(Access::User, "The caller's subscription")
                .says("One that is not over, if there is one, else the last.")
                .answers::<Success<SubscriptionView>>(StatusCode::OK, "The subscription.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/subscription/portal",
            portal,
            Description::new(Access::User, "Open the page on which the subscription is managed")
                .says("`return_url` must be on an allowed site. Creem's page returns to nowhere.")
                .takes::<PortalInput>()
                .answers::<Success<PortalView>>(StatusCode::CREATED, "The page is open.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
    ]
}

/// A subscription.
#[derive(Serialize, ToSchema)]
#[schema(as = billing::Subscription)]
struct SubscriptionView {
    id: String,
    plan_id: String,
    /// `month` or `year`.
    interval: &'static str,
    /// `stripe` or `creem`.
    channel: &'static str,
    /// `incomplete`, `active`, `past_due`, `paused` or `canceled`.
    status: &'static str,
    /// Whether it ends with the current period.
    cancel_at_period_end: bool,
    #[schema(required)]
    current_period_end: Option<Moment>,
    created_at: Moment,
    #[schema(required)]
    canceled_at: Option<Moment>,
    /// Other subscriptions that bill for the same wallet, by their ids; left out if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<String>,
}

impl SubscriptionView {
    fn new(subscription: Subscription, others: &[SubscriptionId]) -> Self {
        let (plan_id, interval) = subscription.plan();
        Self {
            id: subscription.id.to_string(),
            plan_id: plan_id.to_owned(),
            interval: interval.as_str(),
            channel: subscription.provider.as_str(),
            status: subscription.state.as_str(),
            cancel_at_period_end: subscription.cancel_at_period_end,
            current_period_end: subscription.current_period_end.map(Moment),
            created_at: Moment(subscription.created_at),
            canceled_at: subscription.canceled_at.map(Moment),
            others: others.iter().map(ToString::to_string).collect(),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = billing::NewPortal)]
struct PortalInput {
    /// Where the page returns to.
    return_url: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = billing::Portal)]
struct PortalView {
    url: String,
}

async fn current(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let mut connection = api.pool.acquire().await?;
    let found = newest_of_user(&mut connection, &principal.user_id).await?;
    let subscription = found.ok_or_else(no_subscription)?;
    let others = others_live(&mut connection, &subscription).await?;
    Ok(success(StatusCode::OK, SubscriptionView::new(subscription, &others)))
}

async fn portal(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let request: PortalInput = read_json(&call)?;
    check_return_url(&api, "return_url", &request.return_url)?;
    let mut connection = api.pool.acquire().await?;
    let subscription = newest_of_user(&mut connection, &principal.user_id).await?;
    let subscription = subscription
        .filter(|known| known.state != SubscriptionState::Incomplete)
        .ok_or_else(no_subscription)?;
    let known = match (subscription.provider_customer, subscription.provider) {
        (Some(known), _) => Some(known),
        (None, Provider::Stripe) => customer(&mut connection, Provider::Stripe, principal.wallet_id).await?,
        // Creem names the customer with the subscription; the others have no page to manage one.
        (None, Provider::Creem | Provider::Revenuecat | Provider::Manual) => None,
    };
    drop(connection);
    let job = OpenPortal {
        provider: subscription.provider,
        customer: known.ok_or_else(no_subscription)?,
        return_url: request.return_url,
    };
    let reply = api.inbox.call(&job, api.config.checkout_deadline).await.map_err(Problem::unavailable)?;
    match reply {
        PortalReply::Opened { url } => Ok(success(StatusCode::CREATED, PortalView { url })),
        PortalReply::NoCustomer => Err(no_subscription()),
        PortalReply::Refused { message } => Err(Problem::internal(message)),
        PortalReply::Unavailable { reason } => Err(Problem::unavailable(reason)),
    }
}

fn no_subscription() -> Problem {
    Problem::not_found("You have no subscription.").coded(ErrorCode::NoSubscription)
}
