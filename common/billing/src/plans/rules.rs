//! What a plan must look like. Pure.

use super::{Plan, PlanError};
use kernel::money::Credits;

/// A billion credits a month is far above any plan; twelve times that does not overflow.
const CREDITS_MAX: Credits = Credits::from_millionths(1_000_000_000_000_000);
/// The largest amount that Stripe takes has eight digits.
const PRICE_MAX: i64 = 99_999_999;

/// Checks a plan.
///
/// # Errors
/// [`PlanError::Invalid`], naming the field.
pub fn check_plan(plan: &Plan) -> Result<(), PlanError> {
    let printable = |text: &str| !text.chars().any(|letter| letter.is_control() && letter != '\n');
    let id_shaped = |id: &str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    let provider_ids = [
        &plan.stripe_price_id_monthly,
        &plan.stripe_price_id_yearly,
        &plan.creem_product_id,
        &plan.creem_product_id_yearly,
    ];
    let checks = [
        (id_shaped(&plan.id), "id must have 1 to 64 letters, digits, _, . or -"),
        (
            (1..=200).contains(&plan.name.chars().count()) && printable(&plan.name),
            "name must have 1 to 200 characters",
        ),
        (
            plan.description.chars().count() <= 2_000 && printable(&plan.description),
            "description must have at most 2000 characters",
        ),
        ((0..=PRICE_MAX).contains(&plan.price_monthly), "price_monthly must be between 0 and 99999999"),
        (
            plan.price_yearly.is_none_or(|price| (0..=PRICE_MAX).contains(&price)),
            "price_yearly must be between 0 and 99999999",
        ),
        (
            plan.credits_included.is_positive() && plan.credits_included <= CREDITS_MAX,
            "credits_included must be positive, up to 1000000000",
        ),
        (plan.credits_included_yearly.is_positive(), "credits_included_yearly must be positive"),
        (
            plan.features.len() <= 50
                && plan.features.iter().all(|text| text.chars().count() <= 200 && printable(text)),
            "features must be up to 50 texts of up to 200 characters",
        ),
        (
            provider_ids.into_iter().flatten().all(|id| id_shaped(id)),
            "price and product ids must have 1 to 64 letters, digits, _, . or -",
        ),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, complaint)) => Err(PlanError::Invalid((*complaint).to_owned())),
        None => Ok(()),
    }
}
