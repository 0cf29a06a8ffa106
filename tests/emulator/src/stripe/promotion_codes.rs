//! Promotion codes: what a buyer types on the page to get the discount of a coupon.
//! <https://docs.stripe.com/api/promotion_codes/object>

use serde_json::{Value, json};

use super::Call;
use super::coupons;
use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::listing::{agrees, page};
use super::money;
use super::parameters::Params;
use super::store::{flag, integer, new_id, owned, random_text, text, visible};
use crate::world::World;

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("POST", []) => create(world, &call.params),
        ("GET", []) => {
            call.params.only("active code coupon created customer ending_before limit starting_after")?;
            let active = call.params.flag("active")?;
            let code = call.params.text("code")?;
            let coupon = call.params.text("coupon")?;
            page(world, call, "promo", |one| {
                active.is_none_or(|wanted| flag(one, "active") == wanted)
                    && agrees(code.as_ref(), one, "code")
                    && agrees(coupon.as_ref(), &one["promotion"], "coupon")
            })
        }
        ("GET", [id]) => Ok(visible(world.stripe.store.find("promo", id)?)),
        ("POST", [id]) => {
            call.params.only("active metadata restrictions")?;
            let before = world.stripe.store.find("promo", id)?.clone();
            let active = call.params.flag("active")?.unwrap_or(flag(&before, "active"));
            let metadata = call.params.metadata(Some(&before["metadata"]))?;
            world.stripe.store.change("promo", id, [("active", active.into()), ("metadata", metadata)]);
            let after = world.stripe.store.copy("promo", id);
            emit_change(
                world,
                "promotion_code.updated",
                &after,
                Some(super::changed_fields(&before, &after)),
            );
            Ok(visible(&after))
        }
        _ => Err(call.unknown()),
    }
}

fn create(world: &mut World, params: &Params) -> Answer {
    params.only(
        "active code customer customer_account expires_at max_redemptions metadata promotion restrictions",
    )?;
    let promotion = params.nested("promotion")?.ok_or_else(|| ApiError::missing("promotion"))?;
    promotion.choice("type", &["coupon"])?.ok_or_else(|| ApiError::missing("promotion[type]"))?;
    let coupon = promotion.required_text("coupon")?;
    world.stripe.store.named_by("promotion[coupon]", "coupon", &coupon)?;
    let code = params.text("code")?.unwrap_or_else(|| random_text(8).to_ascii_uppercase());
    if find(world, &code).is_some() {
        let message = "An active promotion code with this code already exists.";
        return Err(ApiError::invalid(message).code("resource_already_exists").param("code"));
    }
    let restrictions = params.nested("restrictions")?.unwrap_or_default();
    restrictions.only("currency_options first_time_transaction minimum_amount minimum_amount_currency")?;
    let currency =
        restrictions.text("minimum_amount_currency")?.map(|code| money::currency(&code)).transpose()?;
    let made = json!({
        "id": new_id("promo"),
        "object": "promotion_code",
        "active": params.flag("active")?.unwrap_or(true),
        "code": code,
        "created": world.clock.now(),
        "customer": params.text("customer")?,
        "customer_account": null,
        "expires_at": params.integer("expires_at")?,
        "livemode": false,
        "max_redemptions": params.integer("max_redemptions")?,
        "metadata": params.metadata(None)?,
        "promotion": { "coupon": coupon, "type": "coupon" },
        "restrictions": {
            "first_time_transaction": restrictions.flag("first_time_transaction")?.unwrap_or(false),
            "minimum_amount": restrictions.integer("minimum_amount")?,
            "minimum_amount_currency": currency,
        },
        "times_redeemed": 0,
    });
    world.stripe.store.insert("promo", made.clone());
    emit(world, "promotion_code.created", &made);
    Ok(visible(&made))
}

/// The active promotion code that a text stands for; letters in either case.
fn find<'a>(world: &'a World, code: &str) -> Option<&'a Value> {
    let mut codes = world.stripe.store.newest_first("promo");
    codes.find(|one| {
        flag(one, "active") && text(one, "code").is_some_and(|known| known.eq_ignore_ascii_case(code))
    })
}

/// The coupon of a code that a buyer types on the page of a session.
pub(crate) fn typed(world: &World, code: &str, session: &Value) -> Answer {
    let invalid = || ApiError::invalid("This code is invalid.").code("promotion_code_invalid");
    if !flag(session, "allow_promotion_codes") {
        return Err(ApiError::invalid("This Checkout Session does not accept promotion codes."));
    }
    let promotion = find(world, code.trim()).ok_or_else(invalid)?;
    let customer = text(promotion, "customer");
    if customer.is_some() && customer != text(session, "customer") {
        return Err(invalid());
    }
    let restrictions = &promotion["restrictions"];
    if let Some(least) = restrictions["minimum_amount"].as_i64()
        && (integer(session, "amount_subtotal") < least
            || restrictions["minimum_amount_currency"] != session["currency"])
    {
        return Err(ApiError::invalid("This code can only be used for a larger order."));
    }
    redeemable(world, &owned(promotion, "id"), "promotion_code")
}

/// The coupon of a promotion code by its id, which the coupon remembers.
pub(crate) fn redeemable(world: &World, id: &str, param: &str) -> Answer {
    let promotion = world.stripe.store.named_by(param, "promo", id)?;
    let in_time = promotion["expires_at"].as_i64().is_none_or(|until| world.clock.now() < until);
    let most = promotion["max_redemptions"].as_i64();
    let left = most.is_none_or(|most| integer(promotion, "times_redeemed") < most);
    let coupon =
        world.stripe.store.get("coupon", text(&promotion["promotion"], "coupon").unwrap_or_default());
    match coupon {
        Some(coupon) if flag(promotion, "active") && in_time && left && coupons::is_valid(world, coupon) => {
            let mut coupon = coupon.clone();
            coupon["_promotion"] = id.into();
            Ok(coupon)
        }
        _ => Err(ApiError::invalid("This promotion code has expired.").code("coupon_expired").param(param)),
    }
}

/// Counts that a promotion code was used.
pub(crate) fn count(world: &mut World, id: &str) {
    let times = integer(&world.stripe.store.copy("promo", id), "times_redeemed") + 1;
    world.stripe.store.change("promo", id, [("times_redeemed", times.into())]);
}
