//! What a coupon must look like, whether it is accepted, and what it is worth. Pure.

use super::{Benefit, Coupon, CouponError, CouponRefusal, Redemption, Target};
use crate::catalog::rules::{DAYS_COMPLAINT, lasts};
use kernel::clock::Timestamp;
use kernel::money::{Credits, Money};

/// A billion credits.
const BONUS_MAX: Credits = Credits::from_millionths(1_000_000_000_000_000);
/// The largest amount that Stripe takes has eight digits.
const AMOUNT_MAX: i64 = 99_999_999;

/// A code as it is kept: buyers may type small letters and spaces around it.
pub fn normalized(code: &str) -> String {
    code.trim().to_ascii_uppercase()
}

/// Checks a coupon.
///
/// # Errors
/// [`CouponError::Invalid`], naming the field.
pub fn check_coupon(coupon: &Coupon) -> Result<(), CouponError> {
    let shaped = (1..=64).contains(&coupon.code.len())
        && coupon.code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"_-".contains(&b));
    let worth = match coupon.benefit {
        Benefit::Percent(percent) => (1..=100).contains(&percent),
        Benefit::Amount(minor, _) => (1..=AMOUNT_MAX).contains(&minor),
        Benefit::BonusCredits(credits) | Benefit::Credits(credits) => {
            credits.is_positive() && credits <= BONUS_MAX
        }
    };
    let limits = [coupon.max_redemptions, coupon.max_per_user];
    let checks = [
        (shaped, "code must have 1 to 64 letters, digits, _ or -"),
        (
            worth,
            "value must be positive: at most 100 for percent, 99999999 for amount, 1000000000 for bonus_credits and \
             credits",
        ),
        (
            limits.into_iter().flatten().all(|limit| limit > 0),
            "max_redemptions and max_per_user must be positive",
        ),
        (lasts(coupon.expires_after_days), DAYS_COMPLAINT),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, complaint)) => Err(CouponError::Invalid((*complaint).to_owned())),
        None => Ok(()),
    }
}

/// What a coupon is worth for this purchase. Its limits are checked when the order is stored.
///
/// # Errors
/// [`CouponRefusal`].
pub fn redeem(
    coupon: &Coupon,
    target: Target<'_>,
    price: Money,
    now: Timestamp,
) -> Result<Redemption, CouponRefusal> {
    check_open(coupon, now)?;
    let named = match target {
        Target::Plan(id) => coupon.plan_ids.iter().any(|plan| plan == id),
        Target::Pack(id) => coupon.pack_ids.iter().any(|pack| pack == id),
        Target::Unnamed => false,
    };
    let for_everything = coupon.plan_ids.is_empty() && coupon.pack_ids.is_empty();
    if !named && !for_everything {
        return Err(CouponRefusal::OtherTarget);
    }
    let (discount_minor, bonus) = match coupon.benefit {
        Benefit::Percent(percent) => {
            let off = i128::from(price.minor) * i128::from(percent) / 100;
            (i64::try_from(off).unwrap_or(price.minor), Credits::ZERO)
        }
        Benefit::Amount(_, currency) if currency != price.currency => {
            return Err(CouponRefusal::OtherCurrency);
        }
        Benefit::Amount(minor, _) => (minor.min(price.minor), Credits::ZERO),
        Benefit::BonusCredits(credits) => (0, credits),
        Benefit::Credits(_) => return Err(CouponRefusal::ForNoPurchase),
    };
    let expires_after_days = coupon.expires_after_days;
    Ok(Redemption { coupon_id: coupon.id, discount_minor, bonus, expires_after_days })
}

/// What a coupon gives at once, without a purchase. Its limits are checked when it is redeemed.
///
/// # Errors
/// [`CouponRefusal`].
pub fn redeem_at_once(coupon: &Coupon, now: Timestamp) -> Result<Redemption, CouponRefusal> {
    check_open(coupon, now)?;
    let Benefit::Credits(bonus) = coupon.benefit else { return Err(CouponRefusal::ForPurchases) };
    let expires_after_days = coupon.expires_after_days;
    Ok(Redemption { coupon_id: coupon.id, discount_minor: 0, bonus, expires_after_days })
}

fn check_open(coupon: &Coupon, now: Timestamp) -> Result<(), CouponRefusal> {
    if !coupon.is_active {
        return Err(CouponRefusal::Unknown);
    }
    if coupon.expires_at.is_some_and(|at| at <= now) {
        return Err(CouponRefusal::Expired);
    }
    Ok(())
}

/// Whether one more order of a user, who has used it `used` times, may use a coupon.
///
/// # Errors
/// [`CouponRefusal`].
pub fn may_take(coupon: &Coupon, used: i64) -> Result<(), CouponRefusal> {
    if !coupon.is_active {
        return Err(CouponRefusal::Unknown);
    }
    if coupon.max_redemptions.is_some_and(|most| coupon.redemptions >= most) {
        return Err(CouponRefusal::Exhausted);
    }
    if coupon.max_per_user.is_some_and(|most| used >= most) {
        return Err(CouponRefusal::UsedByBuyer);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use kernel::ids::CouponId;
    use kernel::money::Currency;
    use proptest::prelude::*;

    const NOW: Timestamp = time::macros::datetime!(2026-11-24 08:00 UTC);

    fn coupon(benefit: Benefit) -> Coupon {
        Coupon {
            id: CouponId::new(),
            code: "SPRING".to_owned(),
            benefit,
            max_redemptions: None,
            max_per_user: None,
            redemptions: 0,
            expires_at: None,
            plan_ids: Vec::new(),
            pack_ids: Vec::new(),
            expires_after_days: None,
            is_active: true,
            created_at: NOW,
        }
    }

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::USD)
    }

    #[test]
    fn a_third_of_a_cent_stays_with_the_seller() {
        let worth = |percent, price| {
            redeem(&coupon(Benefit::Percent(percent)), Target::Plan("pro"), usd(price), NOW)
                .unwrap()
                .discount_minor
        };
        assert_eq!(worth(20, 999), 199);
        assert_eq!(worth(100, 999), 999);
        assert_eq!(worth(1, 99), 0);
    }

    #[test]
    fn it_is_good_only_for_what_it_names_until_it_expires() {
        let mut coupon = coupon(Benefit::Percent(10));
        coupon.plan_ids = vec!["pro".to_owned()];
        let try_it = |coupon: &Coupon, target: Target<'_>| redeem(coupon, target, usd(999), NOW);
        assert!(try_it(&coupon, Target::Plan("pro")).is_ok());
        assert_eq!(try_it(&coupon, Target::Plan("team")), Err(CouponRefusal::OtherTarget));
        // A pack that happens to have the name of a plan.
        assert_eq!(try_it(&coupon, Target::Pack("pro")), Err(CouponRefusal::OtherTarget));
        coupon.expires_at = Some(NOW);
        assert_eq!(try_it(&coupon, Target::Plan("pro")), Err(CouponRefusal::Expired));
        coupon.is_active = false;
        assert_eq!(try_it(&coupon, Target::Plan("pro")), Err(CouponRefusal::Unknown));
        let euros = self::coupon(Benefit::Amount(100, "eur".parse().unwrap()));
        assert_eq!(try_it(&euros, Target::Plan("pro")), Err(CouponRefusal::OtherCurrency));
    }

    #[test]
    fn a_code_gives_credits_at_once_or_goes_with_a_purchase() {
        let credits = Credits::from_millionths(5_000_000);
        let gift = Coupon { expires_after_days: Some(30), ..coupon(Benefit::Credits(credits)) };
        let redeemed = redeem_at_once(&gift, NOW).unwrap();
        assert_eq!(
            (redeemed.bonus, redeemed.discount_minor, redeemed.expires_after_days),
            (credits, 0, Some(30))
        );
        assert_eq!(redeem(&gift, Target::Unnamed, usd(999), NOW), Err(CouponRefusal::ForNoPurchase));
        let bonus = coupon(Benefit::BonusCredits(credits));
        assert_eq!(redeem_at_once(&bonus, NOW), Err(CouponRefusal::ForPurchases));
        assert_eq!(
            redeem_at_once(&Coupon { expires_at: Some(NOW), ..gift }, NOW),
            Err(CouponRefusal::Expired)
        );
        let named = Coupon { pack_ids: vec!["micro".to_owned()], ..bonus };
        assert_eq!(redeem(&named, Target::Unnamed, usd(999), NOW), Err(CouponRefusal::OtherTarget));
    }

    proptest! {
        #[test]
        fn no_one_is_paid_for_buying(price in 0..=AMOUNT_MAX, percent in 1..=100_i64, minor in 1..=AMOUNT_MAX) {
            for benefit in [Benefit::Percent(percent), Benefit::Amount(minor, Currency::USD)] {
                let worth = redeem(&coupon(benefit), Target::Pack("micro"), usd(price), NOW).unwrap();
                prop_assert!((0..=price).contains(&worth.discount_minor));
            }
        }
    }
}
