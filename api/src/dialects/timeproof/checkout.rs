//! Buying packs, for the caller or for an organization.

use billing::catalog::Pack;
use billing::catalog::cart::Cart;
use billing::catalog::operations::packs_by_id;
use billing::payments::{Dialect, Kind, Labels, Mode, NewOrder, Payment, Provider};
use identity::rules::may_buy;
use kernel::ids::OrganizationId;
use warp::http::{HeaderValue, StatusCode, header};

use super::membership;
use super::types::{CheckoutBody, CheckoutFields, QUANTITY_MAX};
use crate::auth::Principal;
use crate::checkout::{self, Ordered, PAYABLE};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

/// Stripe shows no more lines on a page.
const LINES_MAX: usize = 100;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::post(
        "/api/payments/checkout",
        start,
        Description::new(Access::User, "Buy packs")
            .says(
                "Answers the address of a payment page. When the page takes long, or with `Prefer: respond-async`, the \
                 answer is 202 and the order is polled at `statusUrl`. For an organization its admins and owners buy.",
            )
            .idempotency_key()
            .header::<String>("Prefer", "`respond-async` asks not to wait for the page.")
            .takes::<CheckoutFields>()
            .answers::<CheckoutBody>(StatusCode::OK, "The page is open.")
            .answers::<CheckoutBody>(StatusCode::ACCEPTED, "The order is taken; its page will be open soon.")
            .refuses(&[
                StatusCode::PAYMENT_REQUIRED,
                StatusCode::FORBIDDEN,
                StatusCode::NOT_FOUND,
                StatusCode::UNPROCESSABLE_ENTITY,
            ]),
    )]
}

async fn start(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let fields: CheckoutFields = read_json(&call)?;
    let organization = fields.org_id;
    let requested = requested_packs(fields)?;
    let wallet_id = match organization {
        Some(organization) => {
            let membership = membership(&api, &principal, organization).await?;
            if !may_buy(membership.role) {
                let message = "Only admins and owners buy credits for their organization.";
                return Err(Problem::forbidden(message));
            }
            membership.wallet_id
        }
        None => principal.wallet_id,
    };
    let lines = lines(&api, &requested).await?;
    let order = NewOrder { wallet_id, ..order(&api, &principal, organization, &lines)? };
    let count = lines.iter().map(|(_, quantity)| quantity).sum();
    let scope = format!("timeproof:{}", principal.user_id);
    match checkout::order(&api, &call, scope, "/api/payments/checkout", &order).await? {
        Ordered::Open(payment) => Ok(answer(StatusCode::OK, &opened(*payment, count))),
        Ordered::Accepted { payment, preferred } => Ok(accepted(&payment, count, preferred)),
        Ordered::Refused { status, message } => Err(checkout::refused(status, message)),
    }
}

/// The packs that are named, and how many of each.
fn requested_packs(fields: CheckoutFields) -> Result<Vec<(String, i64)>, Problem> {
    let items = match (fields.items, fields.pack_id) {
        (Some(items), None) => items,
        (None, Some(pack_id)) => return Ok(vec![(pack_id, 1)]),
        (Some(_), Some(_)) | (None, None) => {
            let message = "Provide either items or packId, not both.";
            return Err(Problem::invalid(message));
        }
    };
    if items.is_empty() || items.len() > LINES_MAX {
        return Err(Problem::invalid(format!("items must have 1 to {LINES_MAX} entries.")));
    }
    items
        .into_iter()
        .map(|item| match item.quantity() {
            Some(quantity) => Ok((item.pack_id, quantity)),
            None => {
                let message = format!("quantity must be a whole number from 1 to {QUANTITY_MAX}.");
                Err(Problem::invalid(message))
            }
        })
        .collect()
}

/// The packs themselves, in the order in which they were named.
async fn lines(api: &SharedState, requested: &[(String, i64)]) -> Result<Vec<(Pack, i64)>, Problem> {
    let ids: Vec<String> = requested.iter().map(|(id, _)| id.clone()).collect();
    let packs = packs_by_id(&mut *api.pool.acquire().await?, &ids).await?;
    requested
        .iter()
        .map(|(id, quantity)| {
            let pack =
                packs.iter().find(|pack| pack.id == *id && pack.is_sold_by(Dialect::Timeproof.as_str()));
            let unknown = || Problem::invalid(format!("Unknown packId: {}", shortened(id)));
            pack.map(|pack| (pack.clone(), *quantity)).ok_or_else(unknown)
        })
        .collect()
}

/// As much of a text as fits an error.
fn shortened(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(64).collect()
}

fn order(
    api: &SharedState,
    principal: &Principal,
    organization_id: Option<OrganizationId>,
    lines: &[(Pack, i64)],
) -> Result<NewOrder, Problem> {
    let cart = Cart::of(lines)?;
    let credits = cart.credits;
    Ok(NewOrder {
        user_id: principal.user_id.clone(),
        wallet_id: principal.wallet_id,
        organization_id,
        dialect: Dialect::Timeproof,
        kind: Kind::OneTime,
        provider: Provider::Stripe,
        mode: Mode::Payment,
        livemode: api.config.mode.is_live(),
        items: cart.items,
        credits,
        amount: cart.price,
        summary: format!("Purchase {credits} credits"),
        return_urls: None,
        expires_at: api.clock.now() + PAYABLE,
        plan: None,
        redemption: None,
        expires_after_days: cart.expires_after_days,
        labels: Labels::default(),
        request: None,
    })
}

fn opened(payment: Payment, item_count: i64) -> CheckoutBody {
    CheckoutBody {
        session_id: payment.provider_session,
        payment_id: payment.number,
        url: payment.checkout_url,
        item_count,
        status: None,
        status_url: None,
    }
}

/// The order is taken; its page is not open yet.
fn accepted(payment: &Payment, item_count: i64, preferred: bool) -> Response {
    let endpoint = format!("/api/payments/session/{}", payment.number);
    let location = HeaderValue::from_str(&endpoint);
    let body = CheckoutBody {
        session_id: None,
        payment_id: payment.number,
        url: None,
        item_count,
        status: Some("pending"),
        status_url: Some(endpoint),
    };
    let mut response = answer(StatusCode::ACCEPTED, &body);
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    if preferred {
        let applied = HeaderValue::from_static("respond-async");
        response.headers_mut().insert("preference-applied", applied);
    }
    response
}
