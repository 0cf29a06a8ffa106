//! What a sale amounts to: the price, less the discount, with the sales tax in it or on top of it. All amounts
//! are in the smallest unit of the currency.

/// A discount as it applies to one payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Nothing,
    /// Percent of the price, at most 100.
    Percent(i64),
    Fixed(i64),
}

/// The parts of one payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Amounts {
    /// The price before discount and tax.
    pub(crate) sub_total: i64,
    pub(crate) discount: i64,
    pub(crate) tax: i64,
    /// What the buyer pays, tax included.
    pub(crate) paid: i64,
}

/// Adds up one payment.
pub(crate) fn add_up(sub_total: i64, cut: Cut, tax_basis_points: u32, tax_is_included: bool) -> Amounts {
    let discount = match cut {
        Cut::Nothing => 0,
        Cut::Percent(percent) => rounded_share(sub_total, percent, 100),
        Cut::Fixed(amount) => amount,
    };
    // A discount never pays anything out.
    let discount = discount.clamp(0, sub_total);
    let net = sub_total - discount;
    let rate = i64::from(tax_basis_points);
    if tax_is_included {
        return Amounts { sub_total, discount, tax: rounded_share(net, rate, 10_000 + rate), paid: net };
    }
    let tax = rounded_share(net, rate, 10_000);
    Amounts { sub_total, discount, tax, paid: net.saturating_add(tax) }
}

/// `amount` × `part` / `whole`, rounded half up.
pub(crate) fn rounded_share(amount: i64, part: i64, whole: i64) -> i64 {
    let (amount, part, whole) = (i128::from(amount), i128::from(part), i128::from(whole.max(1)));
    i64::try_from((amount * part * 2 + whole).div_euclid(whole * 2)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_comes_on_top_or_is_inside() {
        let on_top = add_up(1000, Cut::Nothing, 2100, false);
        assert_eq!(on_top, Amounts { sub_total: 1000, discount: 0, tax: 210, paid: 1210 });
        let inside = add_up(1210, Cut::Nothing, 2100, true);
        assert_eq!(inside, Amounts { sub_total: 1210, discount: 0, tax: 210, paid: 1210 });
    }

    #[test]
    fn a_discount_comes_before_the_tax_and_stops_at_nothing() {
        let half = add_up(999, Cut::Percent(50), 1000, false);
        assert_eq!(half, Amounts { sub_total: 999, discount: 500, tax: 50, paid: 549 });
        let all = add_up(999, Cut::Fixed(5000), 1000, false);
        assert_eq!(all, Amounts { sub_total: 999, discount: 999, tax: 0, paid: 0 });
    }
}
