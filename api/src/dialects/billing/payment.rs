//! Payment sessions: a plan or a pack, through Stripe or Creem, perhaps with a coupon.

use billing::catalog::operations::packs_by_id;
use billing::coupons::operations::worth;
use billing::coupons::{Redemption, Target};
use billing::payments::superseding::page_with_coupon;
use billing::payments::{
    Dialect, Item, Kind, Labels, Mode, NewOrder, Payment, PlanPeriod, Provider, ReturnUrls,
};
use billing::plans::Interval;
use billing::plans::operations::plan;
use kernel::money::{Credits, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::{HeaderValue, StatusCode, header};

use super::check_return_url;
use super::envelope::{Success, success};
use crate::auth::Principal;
use crate::checkout::{self, Ordered, PAYABLE, PAYABLE_WITH_COUPON};
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::problem::{ErrorCode, Problem};
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::post(
        "/payment/create-session",
        create_session,
        Description::new(Access::User, "Open a payment page")
            .says(
                "For a plan (`type` is `subscription`) or a pack (`credits`). Send the buyer to `url`; the credits \
                 arrive with the provider's webhook. If the page takes long the answer is 202: ask for the order. \
                 `success_url` and `cancel_url` must be on an allowed site.",
            )
            .idempotency_key()
            .takes::<SessionInput>()
            .answers::<Success<SessionView>>(StatusCode::CREATED, "The page is open.")
            .answers::<Success<SessionView>>(StatusCode::ACCEPTED, "The order is taken; its page opens soon.")
            .refuses(&[
                StatusCode::PAYMENT_REQUIRED,
                StatusCode::NOT_FOUND,
                StatusCode::CONFLICT,
                StatusCode::UNPROCESSABLE_ENTITY,
            ]),
    )]
}

/// Who takes the money.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = billing::Channel)]
enum Channel {
    Stripe,
    Creem,
}

/// What is bought.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = billing::SessionType)]
enum Type {
    /// A plan, paid again every period.
    Subscription,
    /// A pack, paid once.
    Credits,
}

/// How long a period of a plan is.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = billing::Interval)]
enum Period {
    Month,
    Year,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = billing::NewSession)]
struct SessionInput {
    channel: Channel,
    r#type: Type,
    /// For `subscription`.
    plan_id: Option<String>,
    /// For `credits`.
    pack_id: Option<String>,
    /// For `subscription`: `month` unless given.
    interval: Option<Period>,
    /// Where the buyer goes after paying; the configured page unless given.
    success_url: Option<String>,
    /// Where the buyer goes after giving up; the configured page unless given. Creem has no such address.
    cancel_url: Option<String>,
    coupon_code: Option<String>,
}

/// An order and its page.
#[derive(Serialize, ToSchema)]
#[schema(as = billing::Session)]
struct SessionView {
    /// Where the buyer pays; null until the page is open, and when it cannot be paid on any more.
    #[schema(required)]
    url: Option<String>,
    /// The provider's session.
    #[schema(required)]
    session_id: Option<String>,
    order_id: String,
}

impl SessionView {
    fn of(payment: &Payment) -> Self {
        Self {
            url: payment.checkout_url.clone(),
            session_id: payment.provider_session.clone(),
            order_id: payment.id.to_string(),
        }
    }
}

/// The plan or pack to buy, at its price before a coupon.
struct Goods {
    kind: Kind,
    mode: Mode,
    item: Item,
    price: Money,
    plan: Option<PlanPeriod>,
    expires_after_days: Option<i32>,
}

async fn create_session(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let request: SessionInput = read_json(&call)?;
    let return_urls = return_urls(&api, &request)?;
    let provider = provider(&api, request.channel)?;
    let goods = match request.r#type {
        Type::Subscription => plan_goods(&api, &request, provider).await?,
        Type::Credits => pack_goods(&api, &request).await?,
    };
    let redemption = redemption_of(&api, &request, &goods).await?;
    let order = order(&api, &principal, provider, goods, redemption, return_urls);
    // Creem keeps a page open: who orders the same again with the same coupon gets it again.
    if let (Provider::Creem, Some(redemption)) = (provider, &order.redemption)
        && let Some(page) = page_with_coupon(&api.pool, redemption.coupon_id, &order).await?
    {
        return Ok(success(StatusCode::CREATED, SessionView::of(&page)));
    }
    let scope = format!("billing:{}", principal.user_id);
    match checkout::order(&api, &call, scope, "/payment/create-session", &order).await? {
        Ordered::Open(payment) => Ok(success(StatusCode::CREATED, SessionView::of(&payment))),
        Ordered::Accepted { payment, .. } => {
            let mut response = success(StatusCode::ACCEPTED, SessionView::of(&payment));
            if let Ok(location) = HeaderValue::from_str(&format!("/orders/{}", payment.id)) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            Ok(response)
        }
        Ordered::Refused { status, message } => Err(checkout::refused(status, message)),
    }
}

fn return_urls(api: &SharedState, request: &SessionInput) -> Result<Option<ReturnUrls>, Problem> {
    for (field, url) in [("success_url", &request.success_url), ("cancel_url", &request.cancel_url)] {
        if let Some(url) = url {
            check_return_url(api, field, url)?;
        }
    }
    Ok(match (&request.success_url, &request.cancel_url) {
        (None, None) => None,
        // A buyer who gives up returns to the other address.
        (Some(success), cancel) => {
            Some(ReturnUrls { success: success.clone(), cancel: cancel.as_ref().unwrap_or(success).clone() })
        }
        (None, Some(cancel)) => Some(ReturnUrls { success: cancel.clone(), cancel: cancel.clone() }),
    })
}

fn provider(api: &SharedState, channel: Channel) -> Result<Provider, Problem> {
    match channel {
        Channel::Stripe => Ok(Provider::Stripe),
        // Without its webhooks, what is sold over Creem could not be credited.
        Channel::Creem if api.config.creem_webhook_secrets.is_empty() => {
            Err(Problem::invalid("The channel creem is not configured."))
        }
        Channel::Creem => Ok(Provider::Creem),
    }
}

async fn plan_goods(api: &SharedState, request: &SessionInput, provider: Provider) -> Result<Goods, Problem> {
    let id = request.plan_id.as_deref().ok_or_else(|| Problem::invalid("plan_id is missing"))?;
    let stored = plan(&mut *api.pool.acquire().await?, id).await?;
    let plan = stored.map(|stored| stored.plan).filter(|plan| plan.is_active);
    let plan = plan.ok_or_else(|| Problem::not_found("There is no such plan."))?;
    let (interval, word) = match request.interval.unwrap_or(Period::Month) {
        Period::Month => (Interval::Month, "monthly"),
        Period::Year => (Interval::Year, "yearly"),
    };
    let terms = plan.terms_at(provider, interval);
    let terms = terms.ok_or_else(|| Problem::invalid("This plan is not sold for this interval."))?;
    match request.channel {
        // Stripe takes the price with the order where it has none of its own.
        Channel::Stripe => {}
        Channel::Creem if terms.provider_price.is_none() => return Err(not_at_creem("plan")),
        Channel::Creem => {}
    }
    let name = format!("{} ({word})", plan.name);
    Ok(Goods {
        kind: Kind::Subscription,
        mode: Mode::Subscription,
        item: item(None, name, terms.credits, terms.price.minor),
        price: terms.price,
        plan: Some(PlanPeriod { plan_id: terms.plan_id, interval }),
        expires_after_days: None,
    })
}

async fn pack_goods(api: &SharedState, request: &SessionInput) -> Result<Goods, Problem> {
    let id = request.pack_id.as_ref().ok_or_else(|| Problem::invalid("pack_id is missing"))?;
    let found = packs_by_id(&mut *api.pool.acquire().await?, std::slice::from_ref(id)).await?;
    let pack = found.into_iter().find(|pack| pack.is_sold_by(Dialect::Billing.as_str()));
    let pack = pack.ok_or_else(|| Problem::not_found("There is no such pack."))?;
    match request.channel {
        Channel::Stripe => {}
        Channel::Creem if pack.creem_product_id.is_none() => return Err(not_at_creem("pack")),
        Channel::Creem => {}
    }
    Ok(Goods {
        kind: Kind::OneTime,
        mode: Mode::Payment,
        item: item(Some(pack.id), pack.name, pack.credits, pack.price.minor),
        price: pack.price,
        plan: None,
        expires_after_days: pack.expires_after_days,
    })
}

fn not_at_creem(what: &str) -> Problem {
    let message = format!("This {what} has no creem_product_id: it is not sold over Creem.");
    Problem::invalid(message).coded(ErrorCode::CreemProductMissing)
}

fn item(pack_id: Option<String>, name: String, credits: Credits, amount_minor: i64) -> Item {
    Item { pack_id, name, quantity: 1, credits, amount_minor }
}

async fn redemption_of(
    api: &SharedState,
    request: &SessionInput,
    goods: &Goods,
) -> Result<Option<Redemption>, Problem> {
    let Some(code) = request.coupon_code.as_deref().filter(|code| !code.trim().is_empty()) else {
        return Ok(None);
    };
    let target = match (&goods.plan, &goods.item.pack_id) {
        (Some(plan), _) => Target::Plan(&plan.plan_id),
        (None, pack) => Target::Pack(pack.as_deref().unwrap_or_default()),
    };
    let mut connection = api.pool.acquire().await?;
    Ok(Some(worth(&mut connection, api.clock.now(), code, target, goods.price).await?))
}

fn order(
    api: &SharedState,
    principal: &Principal,
    provider: Provider,
    goods: Goods,
    redemption: Option<Redemption>,
    return_urls: Option<ReturnUrls>,
) -> NewOrder {
    // A discount is never more than the price.
    let discount = redemption.as_ref().map_or(0, |redemption| redemption.discount_minor);
    let amount = Money::new(goods.price.minor.saturating_sub(discount), goods.price.currency);
    let payable = if redemption.is_some() { PAYABLE_WITH_COUPON } else { PAYABLE };
    NewOrder {
        user_id: principal.user_id.clone(),
        wallet_id: principal.wallet_id,
        organization_id: None,
        dialect: Dialect::Billing,
        kind: goods.kind,
        provider,
        mode: goods.mode,
        livemode: api.config.mode.is_live(),
        credits: goods.item.credits,
        amount,
        summary: goods.item.name.clone(),
        items: vec![goods.item],
        return_urls,
        expires_at: api.clock.now() + payable,
        plan: goods.plan,
        redemption,
        expires_after_days: goods.expires_after_days,
        labels: Labels::default(),
        request: None,
    }
}
