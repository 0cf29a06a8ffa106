//! What an order is for, at the price of the catalog.

use billing::catalog::Pack;
use billing::catalog::cart::Cart;
use billing::catalog::operations::packs_by_id;
use billing::catalog::prices::prices;
use billing::coupons::Target;
use billing::payments::{Dialect, Item, Kind, Mode, PlanPeriod, Provider};
use billing::plans::Interval;
use billing::plans::operations::plan;
use kernel::money::{Credits, Currency, Money};

use super::super::debits::positive;
use super::input::{ItemInput, OrderInput};
use crate::http::values::GivenAmount;
use crate::problem::{ErrorCode, Problem};
use crate::state::SharedState;

/// Stripe shows no more lines on a page…
const LINES_MAX: usize = 100;
/// …and no larger quantity in one…
const QUANTITY_MAX: i64 = 999_999;
/// …and charges no more than eight digits.
const AMOUNT_MAX: i64 = 99_999_999;

/// What is bought, before a coupon.
pub(super) struct Goods {
    pub(super) kind: Kind,
    pub(super) mode: Mode,
    pub(super) items: Vec<Item>,
    pub(super) credits: Credits,
    pub(super) price: Money,
    pub(super) summary: String,
    pub(super) plan: Option<PlanPeriod>,
    pub(super) expires_after_days: Option<i32>,
}

impl Goods {
    /// What a coupon may be good for.
    pub(super) fn target(&self) -> Target<'_> {
        match (&self.plan, self.items.as_slice()) {
            (Some(plan), _) => Target::Plan(&plan.plan_id),
            (None, [Item { pack_id: Some(pack), .. }]) => Target::Pack(pack),
            (None, _) => Target::Unnamed,
        }
    }
}

pub(super) async fn goods(
    api: &SharedState,
    input: &OrderInput,
    provider: Provider,
) -> Result<Goods, Problem> {
    let line =
        |pack_id: &String| ItemInput { pack_id: pack_id.clone(), quantity: input.quantity.unwrap_or(1) };
    if input.quantity.is_some() && input.pack_id.is_none() {
        return Err(Problem::invalid("quantity goes with packId: items have quantities of their own"));
    }
    if input.interval.is_some() && input.plan_id.is_none() {
        return Err(Problem::invalid("interval goes with planId"));
    }
    let goods = match (&input.pack_id, &input.items, &input.credits, &input.plan_id) {
        (Some(pack_id), None, None, None) => packs(api, &[line(pack_id)], provider).await?,
        (None, Some(items), None, None) => packs(api, items, provider).await?,
        (None, None, Some(credits), None) => credits_of(api, credits, input.currency, provider).await?,
        (None, None, None, Some(id)) => {
            period(api, id, input.interval.unwrap_or(Interval::Month), provider).await?
        }
        _ => {
            let message = "Say what is bought: one of packId, items, credits and planId.";
            return Err(Problem::invalid(message));
        }
    };
    match input.currency {
        Some(currency) if currency != goods.price.currency => {
            let message = format!("currency: this is sold in {}", goods.price.currency);
            Err(Problem::invalid(message).coded(ErrorCode::OtherCurrency))
        }
        Some(_) | None => Ok(goods),
    }
}

async fn packs(api: &SharedState, items: &[ItemInput], provider: Provider) -> Result<Goods, Problem> {
    if items.is_empty() || items.len() > LINES_MAX {
        return Err(Problem::invalid(format!("items must have 1 to {LINES_MAX} entries")));
    }
    if items.iter().any(|item| !(1..=QUANTITY_MAX).contains(&item.quantity)) {
        return Err(Problem::invalid(format!("quantity must be between 1 and {QUANTITY_MAX}")));
    }
    let ids: Vec<String> = items.iter().map(|item| item.pack_id.clone()).collect();
    let found = packs_by_id(&mut *api.pool.acquire().await?, &ids).await?;
    let sold = |id: &str| {
        let pack = found.iter().find(|pack| pack.id == id);
        pack.filter(|pack| pack.is_sold_by(Dialect::Native.as_str())).cloned()
    };
    let mut lines = Vec::with_capacity(items.len());
    for item in items {
        let pack = sold(&item.pack_id).ok_or_else(|| {
            Problem::not_found(
                "There is no such pack for sale: `GET /purser/v1/products` lists those there are.",
            )
            .about("packId")
        })?;
        lines.push((pack, item.quantity));
    }
    if provider == Provider::Creem {
        check_creem(&lines)?;
    }
    let cart = Cart::of(&lines)?;
    let summary = match lines.as_slice() {
        [(pack, 1)] => pack.name.clone(),
        [(pack, quantity)] => format!("{} × {quantity}", pack.name),
        _ => format!("Purchase {} credits", cart.credits),
    };
    Ok(Goods {
        kind: Kind::OneTime,
        mode: Mode::Payment,
        items: cart.items,
        credits: cart.credits,
        price: cart.price,
        summary,
        plan: None,
        expires_after_days: cart.expires_after_days,
    })
}

/// Creem sells a product on a page, and a product of its own for each pack.
fn check_creem(lines: &[(Pack, i64)]) -> Result<(), Problem> {
    match lines {
        [(pack, _)] if pack.creem_product_id.is_some() => Ok(()),
        [_] => Err(not_at_creem("This pack")),
        _ => Err(Problem::invalid("Creem sells one pack at a time: buy them one after the other.")),
    }
}

fn not_at_creem(what: &str) -> Problem {
    let message = format!("{what} has no product at Creem: it is not sold over Creem.");
    Problem::invalid(message).coded(ErrorCode::CreemProductMissing)
}

/// An amount of credits at its price in a currency; the only one there is, if none is named.
async fn credits_of(
    api: &SharedState,
    given: &GivenAmount,
    currency: Option<Currency>,
    provider: Provider,
) -> Result<Goods, Problem> {
    if provider == Provider::Creem {
        return Err(not_at_creem("An amount of credits"));
    }
    let credits = positive(given)?;
    let all = prices(&api.pool).await?;
    let price = match (currency, all.as_slice()) {
        (None, [only]) => Some(only),
        (None, [_, _, ..]) => {
            let names: Vec<String> = all.iter().map(|price| price.price.currency.to_string()).collect();
            let message = format!("currency is missing: credits are sold in {}", names.join(", "));
            return Err(Problem::invalid(message));
        }
        (currency, all) => all.iter().find(|price| Some(price.price.currency) == currency),
    };
    let price = price.ok_or_else(|| {
        let message = "Credits have no price in this currency: set one with \
                       PUT /purser/v1/catalog/credit-prices/{currency}.";
        Problem::conflict(ErrorCode::NoCreditPrice, message)
    })?;
    let minor = price.amount_for(credits)?;
    if minor > AMOUNT_MAX {
        return Err(Problem::invalid("The total is more than can be charged at once."));
    }
    let summary = format!("Purchase {credits} credits");
    Ok(Goods {
        kind: Kind::OneTime,
        mode: Mode::Payment,
        items: vec![Item { pack_id: None, name: summary.clone(), quantity: 1, credits, amount_minor: minor }],
        credits,
        price: Money::new(minor, price.price.currency),
        summary,
        plan: None,
        expires_after_days: None,
    })
}

/// The first period of a plan.
async fn period(
    api: &SharedState,
    id: &str,
    interval: Interval,
    provider: Provider,
) -> Result<Goods, Problem> {
    let stored = plan(&mut *api.pool.acquire().await?, id).await?;
    let plan = stored.map(|stored| stored.plan).filter(|plan| plan.is_active).ok_or_else(|| {
        Problem::not_found("There is no such plan for sale: `GET /purser/v1/products` lists those there are.")
    })?;
    let terms = plan.terms_at(provider, interval);
    let terms = terms.ok_or_else(|| Problem::invalid("This plan is not sold for this interval."))?;
    if provider == Provider::Creem && terms.provider_price.is_none() {
        return Err(not_at_creem("This plan"));
    }
    let word = match interval {
        Interval::Month => "monthly",
        Interval::Year => "yearly",
    };
    let summary = format!("{} ({word})", plan.name);
    Ok(Goods {
        kind: Kind::Subscription,
        mode: Mode::Subscription,
        items: vec![Item {
            pack_id: None,
            name: summary.clone(),
            quantity: 1,
            credits: terms.credits,
            amount_minor: terms.price.minor,
        }],
        credits: terms.credits,
        price: terms.price,
        summary,
        plan: Some(PlanPeriod { plan_id: terms.plan_id, interval }),
        expires_after_days: None,
    })
}
