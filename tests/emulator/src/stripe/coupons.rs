//! Coupons, and the discounts that come of them: on a Checkout Session, and on the invoices of its subscription.

use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::invoices::Line;
use super::listing::page;
use super::money;
use super::parameters::Params;
use super::store::{flag, integer, new_id, owned, random_text, text, visible};
use super::subscriptions::calendar;
use super::{Call, promotion_codes};
use crate::world::World;

/// Hundredths of a percent in the whole.
const WHOLE: i64 = 10_000;

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("POST", []) => create(world, &call.params),
        ("GET", []) => {
            call.params.only("created ending_before limit starting_after")?;
            let mut list = page(world, call, "coupon", |_| true)?;
            for coupon in list["data"].as_array_mut().into_iter().flatten() {
                *coupon = shown(world, coupon);
            }
            Ok(list)
        }
        ("GET", [id]) => existing(world, id).map(|coupon| shown(world, coupon)),
        ("POST", [id]) => update(world, call, id),
        ("DELETE", [id]) => {
            let coupon = shown(world, existing(world, id)?);
            world.stripe.store.change("coupon", id, [("_deleted", true.into())]);
            emit(world, "coupon.deleted", &coupon);
            Ok(json!({ "id": id, "object": "coupon", "deleted": true }))
        }
        _ => Err(call.unknown()),
    }
}

fn existing<'a>(world: &'a World, id: &str) -> Answer<&'a Value> {
    let coupon = world.stripe.store.find("coupon", id)?;
    if flag(coupon, "_deleted") { Err(ApiError::no_such("coupon", id)) } else { Ok(coupon) }
}

fn shown(world: &World, coupon: &Value) -> Value {
    let mut shown = visible(coupon);
    shown["valid"] = is_valid(world, coupon).into();
    shown
}

pub(crate) fn is_valid(world: &World, coupon: &Value) -> bool {
    let in_time = coupon["redeem_by"].as_i64().is_none_or(|until| world.clock.now() < until);
    let most = coupon["max_redemptions"].as_i64();
    in_time && most.is_none_or(|most| integer(coupon, "times_redeemed") < most)
}

fn create(world: &mut World, params: &Params) -> Answer {
    params.only(
        "amount_off applies_to currency currency_options duration duration_in_months id max_redemptions \
         metadata name percent_off redeem_by",
    )?;
    let id = params.text("id")?.unwrap_or_else(|| random_text(8));
    if existing(world, &id).is_ok() {
        return Err(ApiError::invalid("Coupon already exists.").code("resource_already_exists").param("id"));
    }
    let (percent, hundredths) = match params.text("percent_off")? {
        Some(text) => read_percent(&text)?,
        None => (Value::Null, 0),
    };
    let amount_off = at_least_one(params, "amount_off")?;
    match (hundredths, amount_off) {
        (0, None) => return Err(ApiError::invalid("You must pass either `percent_off` or `amount_off`.")),
        (1.., Some(_)) => {
            return Err(ApiError::invalid("You cannot pass both `percent_off` and `amount_off`."));
        }
        _ => {}
    }
    let currency = match (params.text("currency")?, amount_off) {
        (Some(code), _) => Some(money::currency(&code)?),
        (None, Some(_)) => return Err(ApiError::missing("currency")),
        (None, None) => None,
    };
    let duration = params.choice("duration", &["forever", "once", "repeating"])?;
    let duration = duration.unwrap_or_else(|| "once".to_owned());
    let months = at_least_one(params, "duration_in_months")?;
    if duration == "repeating" && months.is_none() {
        return Err(ApiError::missing("duration_in_months"));
    }
    if duration != "repeating" && months.is_some() {
        let message = "`duration_in_months` can only be used with a duration of `repeating`.";
        return Err(ApiError::invalid(message).param("duration_in_months"));
    }
    let redeem_by = params.integer("redeem_by")?;
    if redeem_by.is_some_and(|until| until <= world.clock.now()) {
        return Err(ApiError::invalid("`redeem_by` must be in the future.").param("redeem_by"));
    }
    let coupon = json!({
        "id": id,
        "object": "coupon",
        "amount_off": amount_off,
        "created": world.clock.now(),
        "currency": currency,
        "duration": duration,
        "duration_in_months": months,
        "livemode": false,
        "max_redemptions": at_least_one(params, "max_redemptions")?,
        "metadata": params.metadata(None)?,
        "name": params.text("name")?,
        "percent_off": percent,
        "redeem_by": redeem_by,
        "times_redeemed": 0,
        "valid": true,
        "_hundredths": hundredths,
    });
    world.stripe.store.insert("coupon", coupon.clone());
    emit(world, "coupon.created", &coupon);
    Ok(visible(&coupon))
}

fn at_least_one(params: &Params, field: &str) -> Answer<Option<i64>> {
    let number = params.integer(field)?;
    if number.is_some_and(|number| number < 1) {
        let message = "This value must be greater than or equal to 1.";
        return Err(ApiError::invalid(message).code("parameter_invalid_integer").param(field));
    }
    Ok(number)
}

/// A percentage with at most two decimals: as the JSON number, and in hundredths of a percent.
fn read_percent(text: &str) -> Answer<(Value, i64)> {
    let refused = || {
        let message = format!("Invalid percent_off: must be between 0 and 100, and is {text}");
        ApiError::invalid(message).param("percent_off")
    };
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || decimals.len() > 2 || !digits(whole) || !digits(decimals) {
        return Err(refused());
    }
    let hundredths: i64 = format!("{whole}{decimals:0<2}").parse().map_err(|_| refused())?;
    if !(1..=WHOLE).contains(&hundredths) {
        return Err(refused());
    }
    // Read from text, so that no arithmetic on fractions is needed.
    let number = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    Ok((serde_json::from_str(&number).unwrap_or_default(), hundredths))
}

fn update(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    call.params.only("currency_options metadata name")?;
    let before = existing(world, id)?.clone();
    let name = call.params.unsettable("name")?.unwrap_or_else(|| before["name"].clone());
    let metadata = call.params.metadata(Some(&before["metadata"]))?;
    world.stripe.store.change("coupon", id, [("name", name), ("metadata", metadata)]);
    let after = shown(world, &world.stripe.store.copy("coupon", id));
    emit_change(world, "coupon.updated", &after, Some(super::changed_fields(&before, &after)));
    Ok(after)
}

/// The coupon that `discounts` of a new session names, if any; it must be redeemable now.
pub(crate) fn read_discounts(world: &World, params: &Params, mode: &str) -> Answer<Option<Value>> {
    let discounts = params.elements("discounts")?;
    let Some(discount) = discounts.first() else { return Ok(None) };
    let refused = |message: &str| Err(ApiError::invalid(message).param("discounts"));
    if mode == "setup" {
        return refused("You can not pass `discounts` in `setup` mode.");
    }
    if discounts.len() > 1 {
        return refused("You can apply at most one discount to a Checkout Session.");
    }
    if params.has("allow_promotion_codes") {
        return refused("You may only specify one of these parameters: allow_promotion_codes, discounts.");
    }
    discount.only("coupon promotion_code")?;
    if let Some(code) = discount.text("promotion_code")? {
        return promotion_codes::redeemable(world, &code, "discounts[0][promotion_code]").map(Some);
    }
    let id = discount.text("coupon")?.ok_or_else(|| ApiError::missing("discounts[0][coupon]"))?;
    let param = "discounts[0][coupon]";
    let coupon = existing(world, &id)
        .map_err(|error| ApiError::invalid(error.message()).code("resource_missing").param(param))?;
    if !is_valid(world, coupon) {
        let message = format!("Coupon expired: {id}");
        return Err(ApiError::invalid(message).code("coupon_expired").param(param));
    }
    Ok(Some(coupon.clone()))
}

/// Takes a coupon off the lines of a session.
pub(crate) fn discount_lines(coupon: &Value, lines: &mut [Value]) -> Answer<()> {
    let wanted = text(coupon, "currency");
    if wanted.is_some() && lines.iter().any(|line| text(line, "currency") != wanted) {
        let message = format!(
            "The coupon is in {}, which is not the currency of the line items.",
            wanted.unwrap_or_default()
        );
        return Err(ApiError::invalid(message).param("discounts[0][coupon]"));
    }
    let amounts: Vec<i64> = lines.iter().map(|line| integer(line, "amount_subtotal")).collect();
    for (line, discount) in lines.iter_mut().zip(shares(coupon, &amounts)) {
        line["amount_discount"] = discount.into();
        line["amount_total"] = (integer(line, "amount_subtotal") - discount).into();
    }
    Ok(())
}

/// What a coupon takes off each of several amounts. Together they never fall below nothing.
fn shares(coupon: &Value, amounts: &[i64]) -> Vec<i64> {
    let hundredths = i128::from(integer(coupon, "_hundredths"));
    if hundredths > 0 {
        let rounded = |amount: &i64| {
            let share =
                (i128::from(*amount) * hundredths * 2 + i128::from(WHOLE)).div_euclid(i128::from(WHOLE) * 2);
            i64::try_from(share).unwrap_or(*amount)
        };
        return amounts.iter().map(rounded).collect();
    }
    // A fixed amount is used up line by line; what is given back is left alone.
    let mut left = integer(coupon, "amount_off");
    let take = |amount: &i64| {
        let taken = left.min((*amount).max(0));
        left -= taken;
        taken
    };
    amounts.iter().map(take).collect()
}

/// Counts that a coupon was redeemed, and records what it gives: to a subscription, or to one payment.
/// Returns the id of the discount.
pub(crate) fn redeem(
    world: &mut World,
    coupon: &Value,
    session: &str,
    customer: &str,
    subscription: Option<&str>,
) -> String {
    let (id, coupon_id, now) = (new_id("di"), owned(coupon, "id"), world.clock.now());
    let count = integer(&world.stripe.store.copy("coupon", &coupon_id), "times_redeemed") + 1;
    world.stripe.store.change("coupon", &coupon_id, [("times_redeemed", count.into())]);
    if let Some(promotion) = text(coupon, "_promotion") {
        promotion_codes::count(world, promotion);
    }
    let end = coupon["duration_in_months"].as_i64().map(|months| calendar::after(now, "month", months));
    let discount = json!({
        "id": id,
        "object": "discount",
        "checkout_session": session,
        "customer": customer,
        "customer_account": null,
        "end": end,
        "invoice": null,
        "invoice_item": null,
        "promotion_code": coupon["_promotion"],
        "source": { "coupon": coupon_id, "type": "coupon" },
        "start": now,
        "subscription": subscription,
        "subscription_item": null,
        // The coupon may be deleted while what it gave still holds.
        "_coupon": coupon,
    });
    world.stripe.store.insert("di", discount);
    id
}

/// The discount that holds for an invoice of a subscription whose period begins at `start`. One that is over is
/// taken off the subscription.
pub(crate) fn holding(world: &mut World, subscription: &str, start: i64) -> Option<String> {
    let id = world.stripe.store.get("sub", subscription)?["discounts"][0].as_str()?.to_owned();
    let discount = world.stripe.store.copy("di", &id);
    let holds = match text(&discount["_coupon"], "duration") {
        Some("forever") => true,
        Some("repeating") => start < integer(&discount, "end"),
        // Only for the first invoice, which has been made before anybody asks this.
        _ => false,
    };
    if !holds {
        world.stripe.store.change("sub", subscription, [("discounts", json!([]))]);
    }
    holds.then_some(id)
}

/// Takes a discount off the lines of an invoice.
pub(crate) fn discount_invoice(world: &World, discount: &str, lines: &mut [Line]) {
    let coupon = world.stripe.store.copy("di", discount)["_coupon"].clone();
    let amounts: Vec<i64> = lines.iter().map(|line| line.amount).collect();
    for (line, discount) in lines.iter_mut().zip(shares(&coupon, &amounts)) {
        line.discount = discount;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn percentages_are_read_exactly() {
        let (number, hundredths) = read_percent("12.5").expect("a percentage");
        assert_eq!((number.to_string().as_str(), hundredths), ("12.5", 1250));
        assert_eq!(read_percent("100").expect("a percentage").1, WHOLE);
        for wrong in ["0", "100.01", "-5", "1.234", "", "ten"] {
            assert!(read_percent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_coupon_takes_no_more_than_there_is() {
        let fixed = json!({"amount_off": 700});
        assert_eq!(shares(&fixed, &[500, -100, 900]), [500, 0, 200]);
        assert_eq!(shares(&fixed, &[300]), [300]);
        let half = json!({"_hundredths": 5000});
        assert_eq!(shares(&half, &[999, -1000]), [500, -500]);
    }
}
