//! Sales tax: one rate for every sale, on top of the price or inside of it, as the seller's Dashboard has it.
//! Shapes: <https://docs.stripe.com/api/invoices/object> (`total_taxes`) and
//! <https://docs.stripe.com/api/checkout/sessions/object> (`total_details`).

use serde_json::{Value, json};

use super::store::text;
use crate::creem::rounded_share;

/// Hundredths of a percent in the whole.
const WHOLE: i64 = 10_000;

/// The tax that applies to every sale; none at a rate of 0.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tax {
    pub(crate) basis_points: i64,
    /// Whether a price without a `tax_behavior` of its own has the tax in it.
    pub(crate) inclusive: bool,
}

/// The tax in, or on top of, one amount.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taxed {
    pub(crate) amount: i64,
    pub(crate) inclusive: bool,
    /// The amount that the tax is a share of.
    pub(crate) base: i64,
}

impl Tax {
    /// The tax on an amount of a price, after discounts; negative for what is given back.
    pub(crate) fn of(self, price: &Value, net: i64) -> Taxed {
        let inclusive = match text(price, "tax_behavior") {
            Some("inclusive") => true,
            Some("exclusive") => false,
            _ => self.inclusive,
        };
        let rate = self.basis_points;
        if inclusive {
            let amount = rounded_share(net, rate, WHOLE + rate);
            return Taxed { amount, inclusive, base: net - amount };
        }
        Taxed { amount: rounded_share(net, rate, WHOLE), inclusive, base: net }
    }
}

impl Taxed {
    /// What the tax adds to the price.
    pub(crate) fn on_top(self) -> i64 {
        if self.inclusive { 0 } else { self.amount }
    }

    /// An element of `taxes` of a line, or of `total_taxes` of an invoice.
    fn shown(self) -> Value {
        json!({
            "amount": self.amount,
            "tax_behavior": if self.inclusive { "inclusive" } else { "exclusive" },
            "tax_rate_details": { "tax_rate": "txr_emulator" },
            "taxability_reason": "standard_rated",
            "taxable_amount": self.base,
            "type": "tax_rate_details",
        })
    }
}

/// `taxes` of a line, or `total_taxes`: one element for each behavior that occurs.
pub(crate) fn shown(taxes: &[Taxed]) -> Value {
    let mut elements = Vec::new();
    for inclusive in [false, true] {
        let mut of_kind = taxes.iter().filter(|tax| tax.inclusive == inclusive && tax.amount != 0).peekable();
        if of_kind.peek().is_some() {
            let sum = of_kind.fold(Taxed { inclusive, ..Taxed::default() }, |sum, tax| Taxed {
                amount: sum.amount + tax.amount,
                base: sum.base + tax.base,
                inclusive,
            });
            elements.push(sum.shown());
        }
    }
    elements.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_says_whether_the_tax_is_in_it() {
        let tax = Tax { basis_points: 2000, inclusive: false };
        let of = |behavior: &str, net| tax.of(&json!({ "tax_behavior": behavior }), net);
        assert_eq!(of("unspecified", 1000), Taxed { amount: 200, inclusive: false, base: 1000 });
        assert_eq!(of("inclusive", 1200), Taxed { amount: 200, inclusive: true, base: 1000 });
        assert_eq!(of("exclusive", -999).on_top(), -200);
        assert_eq!(of("inclusive", 999).on_top(), 0);
    }
}
