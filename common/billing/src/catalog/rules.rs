//! What a pack must look like. Pure.

use super::{CatalogError, Pack};
use kernel::money::Credits;

/// The APIs that may be named as sellers; `native` is this system's own.
pub const SELLERS: [&str; 6] = ["allmine", "billing", "native", "samsar", "timeproof", "wasdi"];

/// A billion credits: far above any pack, far below what could overflow when multiplied by a quantity.
const CREDITS_MAX: Credits = Credits::from_millionths(1_000_000_000_000_000);
/// The largest amount that Stripe takes has eight digits.
pub(crate) const PRICE_MAX: i64 = 99_999_999;
/// Ten years.
const DAYS_MAX: i32 = 3_650;

/// What is to be said of a number of days that [`lasts`] does not accept.
pub(crate) const DAYS_COMPLAINT: &str = "expiresAfterDays must be between 1 and 3650";

/// Whether credits can last for so many days.
pub(crate) fn lasts(days: Option<i32>) -> bool {
    days.is_none_or(|days| (1..=DAYS_MAX).contains(&days))
}

/// Checks a pack.
///
/// # Errors
/// [`CatalogError::Invalid`], naming the field.
pub fn check_pack(pack: &Pack) -> Result<(), CatalogError> {
    let id_shaped = (1..=64).contains(&pack.id.len())
        && pack.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    let link_shaped = pack.stripe_payment_link.as_deref().is_none_or(|link| {
        link.len() <= 2_000 && (link.starts_with("https://") || link.starts_with("http://"))
    });
    let texts = [Some(&pack.name), Some(&pack.description), pack.store_product_id.as_ref()];
    let printable = texts
        .into_iter()
        .flatten()
        .all(|text| !text.chars().any(|letter| letter.is_control() && letter != '\n'));
    let checks = [
        (printable, "name, description and storeProductId must not have control characters"),
        (id_shaped, "packId must have 1 to 64 letters, digits, _, . or -"),
        ((1..=200).contains(&pack.name.chars().count()), "name must have 1 to 200 characters"),
        (pack.description.chars().count() <= 2_000, "description must have at most 2000 characters"),
        (
            pack.credits.is_positive() && pack.credits <= CREDITS_MAX,
            "credits must be positive, up to 1000000000",
        ),
        ((0..=PRICE_MAX).contains(&pack.price.minor), "price must be between 0 and 99999999"),
        (
            pack.dialects.iter().all(|name| SELLERS.contains(&name.as_str())),
            "dialects may name allmine, billing, native, samsar, timeproof and wasdi",
        ),
        (lasts(pack.expires_after_days), DAYS_COMPLAINT),
        (link_shaped, "stripePaymentLink must be a URL"),
        (
            pack.store_product_id.as_deref().is_none_or(|id| (1..=200).contains(&id.len())),
            "storeProductId must have 1 to 200 characters",
        ),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, complaint)) => Err(CatalogError::Invalid((*complaint).to_owned())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::money::{Currency, Money};

    fn pack() -> Pack {
        Pack {
            id: "basic".to_owned(),
            name: "Basic".to_owned(),
            description: String::new(),
            credits: Credits::from_millionths(350_000_000),
            price: Money::new(4_900, Currency::USD),
            expires_after_days: None,
            dialects: vec!["timeproof".to_owned()],
            stripe_payment_link: None,
            store_product_id: None,
            creem_product_id: None,
            is_active: true,
            sort_order: 0,
        }
    }

    #[test]
    fn each_broken_field_is_named() {
        assert!(check_pack(&pack()).is_ok());
        let broken: [(&str, Pack); 7] = [
            ("expiresAfterDays", Pack { expires_after_days: Some(0), ..pack() }),
            ("packId", Pack { id: "a b".to_owned(), ..pack() }),
            ("name", Pack { name: String::new(), ..pack() }),
            ("credits", Pack { credits: Credits::ZERO, ..pack() }),
            ("price", Pack { price: Money::new(-1, Currency::USD), ..pack() }),
            ("dialects", Pack { dialects: vec!["wasdi".to_owned(), "wasd".to_owned()], ..pack() }),
            ("stripePaymentLink", Pack { stripe_payment_link: Some("javascript:1".to_owned()), ..pack() }),
        ];
        for (field, pack) in broken {
            let complaint = check_pack(&pack).map_err(|error| error.to_string());
            assert!(complaint.as_ref().is_err_and(|text| text.starts_with(field)), "{field}: {complaint:?}");
        }
    }

    #[test]
    fn a_pack_without_sellers_is_sold_by_all_while_active() {
        let everywhere = Pack { dialects: Vec::new(), ..pack() };
        assert!(everywhere.is_sold_by("samsar") && !pack().is_sold_by("samsar"));
        assert!(!Pack { is_active: false, ..everywhere }.is_sold_by("samsar"));
    }
}
