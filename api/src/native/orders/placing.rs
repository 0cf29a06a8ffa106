//! Placing an order.

use billing::coupons::Redemption;
use billing::coupons::operations::worth;
use billing::payments::superseding::page_with_coupon;
use billing::payments::{Dialect, Labels, NewOrder, Payment, Provider, RequestMark, ReturnUrls};
use identity::rights::{OwnedWallet, Scope};
use kernel::ids::UserId;
use kernel::money::Money;
use warp::http::{HeaderValue, StatusCode};

use super::goods::{Goods, goods};
use super::input::{OrderInput, Seller};
use super::views::OrderView;
use super::{buyer, checked_reference, is_same, located, mark, shown};
use crate::checkout::{self, Ordered, PAYABLE, PAYABLE_WITH_COUPON, place, placed_before};
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::native::wallets::addressed;
use crate::problem::{ErrorCode, Problem};
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::post(
        "/purser/v1/orders",
        order,
        Description::new(Access::Allowed(Scope::Buy), "Buy something for a wallet")
            .says(
                "A pack, several packs, an amount of credits, or a plan: exactly one of `packId`, `items`, `credits` \
                 and `planId`. Send the buyer to `checkoutUrl`; the credits arrive once the provider says that it is \
                 paid. If the page takes long, or with `Prefer: respond-async`, the answer is 202: ask at `Location` \
                 for the order. Sent again with its `Idempotency-Key`, it is the same order for ever.",
            )
            .idempotency_key()
            .header::<String>("Prefer", "`respond-async` asks not to wait for the page.")
            .takes::<OrderInput>()
            .answers::<OrderView>(StatusCode::CREATED, "The order, whose page is open.")
            .answers::<OrderView>(StatusCode::ACCEPTED, "The order is taken; its page will be open soon.")
            .refuses(&[
                StatusCode::PAYMENT_REQUIRED,
                StatusCode::FORBIDDEN,
                StatusCode::NOT_FOUND,
                StatusCode::UNPROCESSABLE_ENTITY,
            ]),
    )]
}

async fn order(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Buy).await?;
    let input: OrderInput = read_object(&call)?;
    let request = mark(&call, &caller, "order")?;
    if let Some(payment) = placed_before(&api, request.as_ref()).await? {
        return respond(&api, checkout::open(&api, &call, payment, None).await?).await;
    }
    let wallet = addressed(&api, &caller, &input.wallet, Scope::Buy).await?;
    let user = buyer(&api, &caller, &wallet).await?;
    let provider = provider(&api, &input)?;
    let return_urls = return_urls(&api, &input)?;
    let reference = input.reference.as_deref().map(checked_reference).transpose()?;
    let goods = goods(&api, &input, provider).await?;
    let redemption = redemption(&api, &input, &goods).await?;
    let placed = Placed { user, wallet, provider, goods, redemption, return_urls, request };
    let order = placed.order(&api, Labels { reference, metadata: input.metadata });
    // Creem keeps a page open: who orders the same again with the same coupon gets it again.
    if let (Provider::Creem, Some(redemption)) = (provider, &order.redemption)
        && let Some(page) = page_with_coupon(&api.pool, redemption.coupon_id, &order).await?
        && is_same(&page, &order)
    {
        return Ok(located(StatusCode::CREATED, &shown(&api, page.id).await?));
    }
    respond(&api, place(&api, &call, &order).await?).await
}

async fn respond(api: &SharedState, ordered: Ordered) -> Result<Response, Problem> {
    let (status, payment, preferred): (_, Box<Payment>, _) = match ordered {
        Ordered::Open(payment) => (StatusCode::CREATED, payment, false),
        Ordered::Accepted { payment, preferred } => (StatusCode::ACCEPTED, payment, preferred),
        Ordered::Refused { status, message } => return Err(checkout::refused(status, message)),
    };
    let mut response = located(status, &shown(api, payment.id).await?);
    if preferred {
        let applied = HeaderValue::from_static("respond-async");
        response.headers_mut().insert("preference-applied", applied);
    }
    Ok(response)
}

/// All that makes an order.
struct Placed {
    user: UserId,
    wallet: OwnedWallet,
    provider: Provider,
    goods: Goods,
    redemption: Option<Redemption>,
    return_urls: Option<ReturnUrls>,
    request: Option<RequestMark>,
}

impl Placed {
    fn order(self, api: &SharedState, labels: Labels) -> NewOrder {
        let Self { user, wallet, provider, goods, redemption, return_urls, request } = self;
        // A discount is never more than the price.
        let discount = redemption.as_ref().map_or(0, |redemption| redemption.discount_minor);
        let payable = if redemption.is_some() { PAYABLE_WITH_COUPON } else { PAYABLE };
        NewOrder {
            user_id: user,
            wallet_id: wallet.id,
            organization_id: wallet.organization_id,
            dialect: Dialect::Native,
            kind: goods.kind,
            provider,
            mode: goods.mode,
            livemode: api.config.mode.is_live(),
            items: goods.items,
            credits: goods.credits,
            amount: Money::new(goods.price.minor.saturating_sub(discount), goods.price.currency),
            summary: goods.summary,
            return_urls,
            expires_at: api.clock.now() + payable,
            plan: goods.plan,
            redemption,
            expires_after_days: goods.expires_after_days,
            labels,
            request,
        }
    }
}

fn provider(api: &SharedState, input: &OrderInput) -> Result<Provider, Problem> {
    match input.provider {
        None | Some(Seller::Stripe) => Ok(Provider::Stripe),
        // Without its webhooks, what is sold over Creem could not be credited.
        Some(Seller::Creem) if api.config.creem_webhook_secrets.is_empty() => {
            Err(Problem::invalid("provider: Creem is not configured here; set CREEM_WEBHOOK_SECRET"))
        }
        Some(Seller::Creem) => Ok(Provider::Creem),
    }
}

fn return_urls(api: &SharedState, input: &OrderInput) -> Result<Option<ReturnUrls>, Problem> {
    for (field, url) in [("successUrl", &input.success_url), ("cancelUrl", &input.cancel_url)] {
        if url.as_ref().is_some_and(|url| !api.return_origins.allow(url)) {
            return Err(Problem::invalid(format!("{field} is not on an allowed site"))
                .coded(ErrorCode::UrlNotAllowed));
        }
    }
    let (success, cancel) = (input.success_url.as_ref(), input.cancel_url.as_ref());
    let pair = success.or(cancel).zip(cancel.or(success));
    Ok(pair.map(|(success, cancel)| ReturnUrls { success: success.clone(), cancel: cancel.clone() }))
}

async fn redemption(
    api: &SharedState,
    input: &OrderInput,
    goods: &Goods,
) -> Result<Option<Redemption>, Problem> {
    let Some(code) = &input.coupon else { return Ok(None) };
    let mut connection = api.pool.acquire().await?;
    let worth = worth(&mut connection, api.clock.now(), code, goods.target(), goods.price).await?;
    Ok(Some(worth))
}
