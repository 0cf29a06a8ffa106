//! What money buys: the seller's terms, and a purse that goes by them. Amounts are in millionths of a credit.

/// A plan as it is sold in a rhythm.
#[derive(Clone, Debug)]
pub struct Plan {
    pub id: &'static str,
    pub interval: &'static str,
    pub cents: i64,
    pub credits: i64,
    /// The provider's price that stands for it.
    pub price: String,
}

/// Millionths in a credit.
pub const CREDIT: i64 = 1_000_000;
/// How long the credits of a period outlast it while nobody has decided its renewal.
pub const GRACE: i64 = 15 * 86_400;

/// What is sold; the provider's prices are still to be made.
pub fn plans() -> Vec<Plan> {
    let plan = |id, interval, cents, credits| Plan { id, interval, cents, credits, price: String::new() };
    vec![
        plan("pro", "month", 999, 10_000),
        plan("team", "month", 2_999, 40_000),
        plan("pro", "year", 9_990, 120_000),
    ]
}

/// A part of a number, towards zero.
pub fn part(whole: i64, numerator: i64, denominator: i64) -> i64 {
    let product = i128::from(whole) * i128::from(numerator) / i128::from(denominator);
    i64::try_from(product).unwrap_or(i64::MAX)
}

/// What the lines of an invoice buy, each a price and an amount: of a plan's credits the part that is paid for. What is
/// given back counts against it.
pub fn worth(lines: &[(String, i64)], plans: &[Plan]) -> i64 {
    let worth = |(price, cents): &(String, i64)| {
        let plan = plans.iter().find(|plan| plan.price == *price);
        plan.map_or(0, |plan| part(plan.credits * CREDIT, *cents, plan.cents))
    };
    lines.iter().map(worth).sum()
}

/// What one payment bought.
#[derive(Clone, Debug)]
struct Lot {
    cause: String,
    granted: i64,
    left: i64,
    lapsed: i64,
    taken: i64,
    /// How much of its price was with the buyer when that was decided.
    gone: i64,
    /// The subscription, and the end of the period in Unix seconds.
    period: Option<(String, i64)>,
    /// Whether its time is up: what is left of it is for holds alone.
    is_over: bool,
}

/// Credits of one wallet, as the terms have them.
#[derive(Clone, Debug, Default)]
pub struct Purse {
    lots: Vec<Lot>,
    debt: i64,
    /// What is promised to work that is not done yet.
    held: i64,
    /// What changes of plan gave back and no payment has made up for.
    carried: i64,
    /// All that was ever spent.
    pub spent: i64,
}

impl Purse {
    pub fn balance(&self) -> i64 {
        self.lots.iter().map(|lot| lot.left).sum::<i64>() - self.debt
    }

    pub fn knows(&self, cause: &str) -> bool {
        self.lots.iter().any(|lot| lot.cause == cause)
    }

    pub fn grant(&mut self, cause: &str, amount: i64, period: Option<(String, i64)>) {
        let to_debt = self.debt.min(amount);
        self.debt -= to_debt;
        let lot = Lot {
            cause: cause.to_owned(),
            granted: amount,
            left: amount - to_debt,
            lapsed: 0,
            taken: 0,
            gone: 0,
            period,
            is_over: false,
        };
        self.lots.push(lot);
        // What lapses first burns first.
        self.lots.sort_by_key(|lot| lot.period.as_ref().map_or(i64::MAX, |(_, end)| *end));
    }

    /// A paid invoice, which may be worth less than nothing.
    pub fn invoice(&mut self, cause: &str, worth: i64, period: (String, i64)) {
        let sum = worth + self.carried;
        self.carried = sum.min(0);
        self.grant(cause, sum.max(0), Some(period));
    }

    pub fn debit(&mut self, amount: i64) {
        self.spent += amount;
        self.debt += self.burn(amount, |lot| !lot.is_over);
    }

    /// Promises credits: so much does not lapse before they are captured or released.
    pub fn hold(&mut self, amount: i64) {
        self.held += amount;
    }

    pub fn release(&mut self, held: i64) {
        self.held -= held;
        self.take_off();
    }

    /// Spends of what was held, also what has lapsed meanwhile.
    pub fn capture(&mut self, held: i64, spent: i64) {
        self.held -= held;
        self.spent += spent;
        self.debt += self.burn(spent, |_| true);
        self.take_off();
    }

    /// Takes from these lots what they have, what lapses first first; returns what is missing.
    fn burn(&mut self, amount: i64, from: impl Fn(&Lot) -> bool) -> i64 {
        let mut rest = amount;
        for lot in self.lots.iter_mut().filter(|lot| from(lot)) {
            let burnt = lot.left.min(rest);
            lot.left -= burnt;
            rest -= burnt;
        }
        rest
    }

    /// Of what a payment cost, so much is with the buyer again.
    pub fn gone(&mut self, cause: &str, gone: i64, paid: i64) {
        let Some(lot) = self.lots.iter_mut().find(|lot| lot.cause == cause) else { return };
        // What has lapsed since takes nothing from a refund that came before.
        if gone == lot.gone {
            return;
        }
        lot.gone = gone;
        let worth = part(lot.granted, gone.min(paid), paid);
        let target = (worth - lot.lapsed).max(0);
        let more = target - lot.taken;
        lot.taken = target;
        if more > 0 {
            let own = lot.left.min(more);
            lot.left -= own;
            let rest = self.burn(more - own, |lot| !lot.is_over);
            self.debt += self.burn(rest, |_| true);
        } else {
            let to_debt = self.debt.min(-more);
            lot.left += -more - to_debt;
            self.debt -= to_debt;
        }
    }

    /// What is left of periods that are over is no more, once their renewal is decided, unless it is held.
    pub fn lapse(&mut self, now: i64, is_decided: impl Fn(&str, i64) -> bool) {
        for lot in &mut self.lots {
            let Some((subscription, end)) = &lot.period else { continue };
            lot.is_over = now >= *end && (is_decided(subscription, *end) || now >= *end + GRACE);
        }
        self.take_off();
    }

    /// Takes off what has lapsed and no hold needs: holds are covered by what lapses first.
    fn take_off(&mut self) {
        let mut held = self.held;
        for lot in &mut self.lots {
            let covering = lot.left.min(held);
            held -= covering;
            if lot.is_over {
                lot.lapsed += lot.left - covering;
                lot.left = covering;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purse_goes_by_the_terms() {
        let mut purse = Purse::default();
        purse.grant("pack", 1_000, None);
        purse.invoice("in_1", 500, ("sub".to_owned(), 100));
        purse.debit(200);
        purse.gone("in_1", 50, 100);
        assert_eq!(purse.balance(), 1_050);
        purse.lapse(99, |_, _| true);
        purse.lapse(100, |_, _| false);
        assert_eq!(purse.balance(), 1_050);
        purse.lapse(100, |_, _| true);
        assert_eq!(purse.balance(), 1_000);
        // Half was lapsed or taken: there is no more to take than what was left of it.
        purse.gone("in_1", 100, 100);
        assert_eq!(purse.balance(), 800);
        purse.gone("pack", 100, 100);
        assert_eq!(purse.balance(), -200);
        purse.gone("pack", 0, 100);
        assert_eq!(purse.balance(), 800);
        purse.invoice("in_2", -300, ("sub".to_owned(), 200));
        purse.invoice("in_3", 400, ("sub".to_owned(), 300));
        assert_eq!(purse.balance(), 900);
    }

    #[test]
    fn what_is_held_does_not_lapse() {
        let mut purse = Purse::default();
        purse.grant("pack", 100, None);
        purse.invoice("in_1", 60, ("sub".to_owned(), 100));
        purse.hold(40);
        purse.lapse(100, |_, _| true);
        assert_eq!(purse.balance(), 140);
        // What only waits for its hold pays for nothing else.
        purse.debit(90);
        purse.capture(40, 30);
        assert_eq!(purse.balance(), 10);
    }
}
