//! Buying credits.

use billing::auto_recharge::rules::{CHARGE_MAX_MINOR, CHARGE_MIN_MINOR};
use billing::catalog::prices::{CreditPrice, price};
use billing::payments::{Dialect, Item, Kind, Labels, Mode, NewOrder, Payment, Provider};
use kernel::money::{Credits, Currency, Money};
use warp::http::{HeaderValue, StatusCode, header};

use super::types::{self, Fields, RechargeBody};
use crate::auth::Principal;
use crate::checkout::{self, Ordered, PAYABLE};
use crate::http::call::Call;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

/// No more than eight digits, as of money.
const CREDITS_MAX: i64 = 99_999_999;

pub(super) async fn buy_credits(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let credits = Fields::read(&call)?.credits()?;
    let price = price(&mut *api.pool.acquire().await?, Currency::USD).await?;
    let price = price.unwrap_or(api.config.contract_price);
    if credits > CREDITS_MAX {
        return Err(types::too_many());
    }
    let whole = Credits::from_whole(credits).map_err(|_| types::too_many())?;
    let cents = price.amount_for(whole).map_err(|_| types::too_many())?;
    if cents < CHARGE_MIN_MINOR {
        let message =
            format!("credits must be at least {}: Stripe's minimum charge is $0.50.", least(&price)?);
        return Err(Problem::invalid(message));
    }
    if cents > CHARGE_MAX_MINOR {
        return Err(types::too_many());
    }
    let order = order(&api, &principal, whole, Money::new(cents, Currency::USD));
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

/// The fewest whole credits that cost what can be charged.
fn least(price: &CreditPrice) -> Result<i64, Problem> {
    let too_few = price.credits_for(CHARGE_MIN_MINOR.saturating_sub(1));
    Ok(too_few.map_err(|_| types::too_many())?.floor_whole().saturating_add(1))
}

fn order(api: &SharedState, principal: &Principal, credits: Credits, amount: Money) -> NewOrder {
    let summary = format!("Purchase {credits} credits");
    NewOrder {
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
        expires_after_days: None,
        labels: Labels::default(),
        request: None,
    }
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
