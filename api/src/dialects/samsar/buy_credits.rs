//! Buying credits.

use billing::payments::{Dialect, Item, Kind, Mode, NewOrder, Payment, Provider};
use kernel::money::{Credits, Currency, Money};
use warp::http::{HeaderValue, StatusCode, header};

use super::types::{self, Fields, RechargeBody};
use crate::auth::Principal;
use crate::checkout::{self, Ordered, PAYABLE};
use crate::http::call::Call;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

/// Stripe charges no less than 50 US cents…
const CREDITS_MIN: i64 = 50;
/// …and no more than eight digits.
const CREDITS_MAX: i64 = 99_999_999;

pub(super) async fn buy_credits(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let credits = Fields::read(&call)?.credits()?;
    if credits < CREDITS_MIN {
        let message = format!("credits must be at least {CREDITS_MIN}: Stripe's minimum charge is $0.50.");
        return Err(Problem::invalid(message));
    }
    if credits > CREDITS_MAX {
        return Err(types::too_many());
    }
    let order = order(&api, &principal, credits)?;
    let scope = format!("samsar:{}", principal.user_id);
    match checkout::order(&api, &call, scope, "/credits/recharge", &order).await? {
        Ordered::Open(payment) => {
            let session = payment.provider_session.as_deref();
            Ok(answer(StatusCode::OK, &types::recharge(&payment, session, payment.checkout_url.as_deref())))
        }
        Ordered::Accepted { payment, preferred } => {
            let mut response = accepted(&payment);
            if preferred {
                let applied = HeaderValue::from_static("respond-async");
                response.headers_mut().insert("preference-applied", applied);
            }
            Ok(response)
        }
        Ordered::Refused { status, message } => Err(checkout::refused(status, message)),
    }
}

fn order(api: &SharedState, principal: &Principal, credits: i64) -> Result<NewOrder, Problem> {
    let summary = format!("Purchase {credits} credits");
    let amount = Money::new(credits, Currency::USD);
    let credits = Credits::from_whole(credits).map_err(|_| types::too_many())?;
    Ok(NewOrder {
        user_id: principal.user_id.clone(),
        wallet_id: principal.wallet_id,
        organization_id: None,
        dialect: Dialect::Samsar,
        kind: Kind::OneTime,
        provider: Provider::Stripe,
        mode: Mode::Payment,
        livemode: api.config.mode.is_live(),
        items: vec![Item {
            pack_id: None,
            name: summary.clone(),
            quantity: 1,
            credits,
            amount_minor: amount.minor,
        }],
        credits,
        amount,
        summary,
        return_urls: None,
        expires_at: api.clock.now() + PAYABLE,
        plan: None,
        redemption: None,
    })
}

/// The order is taken; its page is not open yet.
fn accepted(payment: &Payment) -> Response {
    let endpoint = format!("/v1/payment_status?paymentId={}", payment.id);
    let body = RechargeBody {
        status: Some("pending"),
        payment_id: Some(payment.id),
        payment_status_endpoint: &endpoint,
        ..types::recharge(payment, None, None)
    };
    let mut response = answer(StatusCode::ACCEPTED, &body);
    if let Ok(location) = HeaderValue::from_str(&endpoint) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
