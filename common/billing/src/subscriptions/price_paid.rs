//! Which price a payment was for, where the provider names only the one that the subscription is on. Pure.
//!
//! Creem's transactions have an amount and a period but no product, and the order that they name is that of the first
//! payment (<https://docs.creem.io/api-reference/endpoint/get-transaction>). Between a payment and what is heard of it
//! the seller may have moved the subscription to another product, without any payment for that.

use crate::plans::Terms;

/// A price that the provider names for a payment.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The price that the subscription is on.
    pub price: &'a str,
    /// What was charged for, before discounts and tax. Smallest units.
    pub amount: i64,
    /// Whether nothing of the subscription was changed since the payment.
    pub is_unchanged: bool,
    /// Whether another payment has paid for the same time: then this one is what a change in its midst cost.
    pub is_in_paid_period: bool,
}

/// The price that a later payment was for; none where nothing tells. `own` are the terms that were paid for last, and
/// `sold` is all that the provider sells of the catalog. A whole period is told by what it costs. A part of one may
/// cost anything, so only a subscription that was not changed since tells what it is a part of.
pub fn price_paid<'a>(named: &Named<'a>, own: &'a Terms, sold: &'a [Terms]) -> Option<&'a str> {
    let unchanged = named.is_unchanged.then_some(named.price);
    if named.is_in_paid_period {
        return unchanged;
    }
    let is_price = |terms: &&Terms| terms.price.minor == named.amount;
    let own_price = own.provider_price.as_deref();
    let is_own = own_price == Some(named.price);
    let on = if is_own { Some(own) } else { sold.iter().find(|terms| is_for(terms, named.price)) };
    match (on.filter(is_price), Some(own).filter(is_price)) {
        // Both cost as much.
        (Some(_), Some(_)) if !is_own => unchanged,
        (Some(_), _) => Some(named.price),
        // What is not of the catalog may cost as much as its own plan does.
        (None, Some(_)) if on.is_none() => unchanged.or(own_price),
        (None, Some(_)) => own_price,
        (None, None) => {
            let is_another =
                |terms: &&Terms| !is_for(terms, named.price) && terms.provider_price != own.provider_price;
            let mut others = sold.iter().filter(is_price).filter(is_another);
            match (others.next(), others.next()) {
                (Some(only), None) if on.is_some() => only.provider_price.as_deref(),
                (Some(_), _) if on.is_some() => None,
                (Some(_), _) | (None, _) => unchanged,
            }
        }
    }
}

/// The price that the first payment was for. That it was for the terms is certain; the price may be another than is
/// known, but not one that stands for another plan.
pub fn first_price<'a>(named: &Named<'a>, own: &'a Terms, sold: &[Terms]) -> Option<&'a str> {
    let own_price = own.provider_price.as_deref();
    let is_of_another_plan =
        || own_price != Some(named.price) && sold.iter().any(|terms| is_for(terms, named.price));
    if named.is_unchanged && !is_of_another_plan() { Some(named.price) } else { own_price }
}

fn is_for(terms: &Terms, price: &str) -> bool {
    terms.provider_price.as_deref() == Some(price)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plans::Interval;
    use kernel::money::{Credits, Currency, Money};

    fn terms(plan: &str, price: i64) -> Terms {
        Terms {
            plan_id: plan.to_owned(),
            interval: Interval::Month,
            price: Money::new(price, Currency::USD),
            credits: Credits::from_whole(price * 10).unwrap(),
            rollover: false,
            provider_price: Some(plan.to_owned()),
        }
    }

    fn sold() -> Vec<Terms> {
        [("small", 1_000), ("medium", 2_000), ("large", 3_000), ("new", 1_000)]
            .map(|(plan, price)| terms(plan, price))
            .to_vec()
    }

    /// A payment for a period that nothing has paid for yet.
    fn renewal(price: &str, amount: i64, is_unchanged: bool) -> Named<'_> {
        Named { price, amount, is_unchanged, is_in_paid_period: false }
    }

    #[test]
    fn a_whole_period_is_for_the_plan_that_costs_as_much() {
        let (sold, own) = (sold(), terms("small", 1_000));
        for is_unchanged in [true, false] {
            let price = |price, amount| price_paid(&renewal(price, amount, is_unchanged), &own, &sold);
            assert_eq!(price("small", 1_000), Some("small"));
            assert_eq!(price("large", 1_000), Some("small"), "moved after it was paid");
            assert_eq!(price("large", 3_000), Some("large"), "moved before");
            assert_eq!(price("small", 3_000), Some("large"), "moved before, and back afterwards");
            // Two plans cost as much: only a subscription that was not changed tells which.
            assert_eq!(price("new", 1_000), is_unchanged.then_some("new"));
            // So it is where the amount is no plan's price, as with several seats.
            assert_eq!(price("large", 6_000), is_unchanged.then_some("large"));
        }
    }

    #[test]
    fn two_plans_that_cost_as_much_are_not_chosen_from() {
        let mut sold = sold();
        sold.push(terms("other", 3_000));
        for is_unchanged in [true, false] {
            let named = renewal("small", 3_000, is_unchanged);
            assert_eq!(price_paid(&named, &terms("small", 1_000), &sold), None);
        }
    }

    #[test]
    fn the_terms_that_were_agreed_on_count_and_not_those_of_the_catalog() {
        let (sold, own) = (sold(), terms("small", 599));
        for is_unchanged in [true, false] {
            let price = |price, amount| price_paid(&renewal(price, amount, is_unchanged), &own, &sold);
            assert_eq!(price("small", 599), Some("small"));
            assert_eq!(price("large", 599), Some("small"));
        }
    }

    /// Moving up at once costs the whole difference, which may well be what a plan costs.
    #[test]
    fn what_a_change_costs_is_a_part_of_the_plan_that_it_is_to() {
        let (sold, own) = (sold(), terms("small", 1_000));
        for amount in [1_000, 2_000, 1_377] {
            let change =
                |is_unchanged| Named { is_in_paid_period: true, ..renewal("large", amount, is_unchanged) };
            assert_eq!(price_paid(&change(true), &own, &sold), Some("large"));
            assert_eq!(price_paid(&change(false), &own, &sold), None);
        }
    }

    #[test]
    fn a_product_that_is_no_plan_is_never_taken_for_one() {
        let (sold, own) = (sold(), terms("small", 1_000));
        let price = |amount, is_unchanged| price_paid(&renewal("theirs", amount, is_unchanged), &own, &sold);
        assert_eq!(price(1_000, true), Some("theirs"));
        assert_eq!(price(3_000, true), Some("theirs"));
        assert_eq!(price(1_000, false), Some("small"), "moved there afterwards");
        assert_eq!(price(3_000, false), None);
    }

    #[test]
    fn the_first_payment_teaches_no_other_plans_price() {
        let (sold, own) = (sold(), terms("small", 1_000));
        let price = |price, is_unchanged| first_price(&renewal(price, 1_000, is_unchanged), &own, &sold);
        for is_unchanged in [true, false] {
            assert_eq!(price("large", is_unchanged), Some("small"));
            assert_eq!(price("small", is_unchanged), Some("small"));
        }
        // The plan had another product when the order was made.
        assert_eq!(price("old", true), Some("old"));
        assert_eq!(price("old", false), Some("small"));
    }
}
