//! Pages of payment providers, on which something is paid or a card is saved: how one stands, for who sent a buyer
//! there and for where the buyer comes back to.

use billing::payments::store::{payment_by_id, payment_by_provider_id};
use billing::payments::{Mode, Payment, State};
use identity::rights::Scope;
use kernel::ids::PaymentId;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use super::wallets::check_reach;
use crate::checkout::refresh;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Amount, Id, one_of};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/purser/v1/checkouts/{checkoutId}",
            find,
            Description::new(Access::Allowed(Scope::Read), "How a payment page stands")
                .says(
                    "That of an order, whose id it has, or one on which a card is saved (`setup.paymentId`). While it \
                     is open, asking has the provider asked too, every few seconds at most.",
                )
                .path_parameter::<Id>("checkoutId", "The id of the order, or of the saving of a card.")
                .answers::<CheckoutView>(StatusCode::OK, "The page.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::get(
            "/purser/v1/checkout-results/{sessionId}",
            result,
            Description::new(Access::Public, "What came of a payment page, for the page that buyers come back to")
                .says(
                    "The session's id is in the address that the provider sends the buyer back to; who knows it may \
                     know this.",
                )
                .path_parameter::<String>("sessionId", "The session's id at the provider.")
                .answers::<ResultView>(StatusCode::OK, "What came of it.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
    ]
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::CheckoutResult)]
struct ResultView {
    /// What the page is for.
    #[schema(schema_with = modes_schema)]
    mode: &'static str,
    /// `completed` once it is paid and the credits are in the wallet, or the card is saved.
    #[schema(schema_with = statuses_schema)]
    status: &'static str,
    /// What is granted once it is paid.
    credits: Amount,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Checkout)]
struct CheckoutView {
    #[schema(value_type = Uuid)]
    checkout_id: PaymentId,
    #[serde(flatten)]
    result: ResultView,
    /// The page; null until it is open, and once it is over.
    #[schema(required)]
    checkout_url: Option<String>,
}

const MODES: &[&str] = &["payment", "setup", "subscription"];
const STATUSES: &[&str] = &["open", "completed", "failed", "expired"];

fn modes_schema() -> Object {
    one_of(MODES)
}

fn statuses_schema() -> Object {
    one_of(STATUSES)
}

impl From<&Payment> for ResultView {
    fn from(payment: &Payment) -> Self {
        Self {
            mode: match payment.mode {
                Mode::Payment => "payment",
                Mode::Setup => "setup",
                Mode::Subscription => "subscription",
            },
            status: match payment.state {
                State::Created | State::Pending => "open",
                State::Completed | State::Refunded | State::PartiallyRefunded | State::Disputed => {
                    "completed"
                }
                State::Failed => "failed",
                State::Expired => "expired",
            },
            credits: Amount(payment.credits),
        }
    }
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let id: PaymentId = call.path_parameter("checkoutId").parse().map_err(|_| none())?;
    let payment = payment_by_id(&mut *api.pool.acquire().await?, id).await?.ok_or_else(none)?;
    check_reach(&api, &caller, payment.wallet_id, Scope::Read, none).await?;
    refresh(&api, &mut *api.pool.acquire().await?, &payment).await?;
    let result = ResultView::from(&payment);
    let view = CheckoutView { checkout_id: id, result, checkout_url: payment.checkout_url };
    Ok(answer(StatusCode::OK, &view))
}

async fn result(api: SharedState, call: Call) -> Result<Response, Problem> {
    let session = call.path_parameter("sessionId");
    let mut connection = api.pool.acquire().await?;
    let found = payment_by_provider_id(&mut connection, session).await?;
    // Payments have ids that are found the same way, but those are no secret.
    let payment =
        found.filter(|payment| payment.provider_session.as_deref() == Some(session)).ok_or_else(none)?;
    refresh(&api, &mut connection, &payment).await?;
    Ok(answer(StatusCode::OK, &ResultView::from(&payment)))
}

fn none() -> Problem {
    Problem::not_found("There is no such payment page.")
}
