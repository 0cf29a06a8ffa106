//! How much of a dispute's money is gone, by the movements of the seller's balance. Pure.

use super::ReversalState;

/// A movement of the balance because of a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// In smallest units; negative when it was taken.
    pub minor: i64,
    /// In which currency these are.
    pub unit: Unit,
}

/// The currency of a movement, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// That of the dispute.
    Disputed,
    /// Another one. The rate is what one unit of the dispute's currency was worth, in billionths, if it is known.
    Other { rate_billionths: Option<i64> },
}

/// A rate of exchange as it is written, perhaps with an exponent, in billionths; none if it is none.
pub fn rate_billionths(text: &str) -> Option<i64> {
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    // The place of the point, once moved by the exponent and to the billionths.
    let digits = format!("{whole}{fraction}");
    let place = i64::try_from(whole.len()).ok()?.checked_add(exponent.parse().ok()?)?.checked_add(9)?;
    let length = usize::try_from(place.max(0)).ok().filter(|length| *length <= 18)?;
    let kept: String = digits.chars().chain(std::iter::repeat('0')).take(length).collect();
    kept.parse().ok().filter(|rate| *rate > 0)
}

/// Where the money of a dispute over `disputed` is, and how much that is: what was taken and has not come back; all of
/// it where nothing has moved, or all is back. Movements are added, not counted: a dispute may end partly won.
pub fn standing(disputed: i64, moved: &[Moved]) -> (ReversalState, i64) {
    let Some(first) = moved.iter().find(|one| one.minor < 0) else {
        return (ReversalState::Announced, disputed);
    };
    let gone: i128 = moved.iter().map(|one| -in_disputed_currency(i128::from(disputed), first, one)).sum();
    match i64::try_from(gone.clamp(0, i128::from(disputed.max(0)))) {
        Ok(0) => (ReversalState::Restored, disputed),
        Ok(gone) => (ReversalState::Taken, gone),
        Err(_) => (ReversalState::Taken, disputed),
    }
}

/// A movement in the dispute's currency. In another one the first withdrawal stands for all that is disputed, and the
/// others for their share of it: what came back at another rate of exchange came back whole.
fn in_disputed_currency(disputed: i128, first: &Moved, one: &Moved) -> i128 {
    let minor = i128::from(one.minor);
    if one.unit == Unit::Disputed {
        return minor;
    }
    let (reference, value) = (worth(first).abs(), worth(one).abs());
    if reference == 0 {
        return minor.signum() * disputed;
    }
    // Each amount is rounded to a smallest unit of its own, so by half of one; rates are rounded to six digits or so.
    let unit = |value: i128, of: &Moved| value / i128::from(of.minor).abs().max(1);
    let rounding = (unit(reference, first) + unit(value, one)) / 2 + 1;
    let share = if (value - reference).abs() <= rounding + reference / 100_000 {
        disputed
    } else {
        (disputed.saturating_mul(value) + reference / 2) / reference
    };
    minor.signum() * share
}

/// The value of a movement on a scale that is the same for all movements of a dispute.
fn worth(one: &Moved) -> i128 {
    let rate = match one.unit {
        Unit::Other { rate_billionths: Some(rate) } => i128::from(rate),
        Unit::Other { rate_billionths: None } | Unit::Disputed => BILLION,
    };
    i128::from(one.minor) * BILLION * SCALE / rate
}

const BILLION: i128 = 1_000_000_000;
const SCALE: i128 = 1_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn same(minor: i64) -> Moved {
        Moved { minor, unit: Unit::Disputed }
    }

    fn other(minor: i64, rate: &str) -> Moved {
        Moved { minor, unit: Unit::Other { rate_billionths: rate_billionths(rate) } }
    }

    #[test]
    fn what_is_gone_is_what_was_taken_less_what_came_back() {
        let gone = |moved: &[i64]| {
            let moved: Vec<Moved> = moved.iter().map(|minor| same(*minor)).collect();
            standing(10_000, &moved)
        };
        for (moved, expected) in [
            (&[][..], (ReversalState::Announced, 10_000)),
            (&[0], (ReversalState::Announced, 10_000)),
            (&[-10_000], (ReversalState::Taken, 10_000)),
            (&[-10_000, 1], (ReversalState::Taken, 9_999)),
            (&[-10_000, 1, 4_999], (ReversalState::Taken, 5_000)),
            (&[1, -10_000], (ReversalState::Taken, 9_999)),
            (&[-10_000, 10_000], (ReversalState::Restored, 10_000)),
            (&[-10_000, 10_000, -10_000], (ReversalState::Taken, 10_000)),
            (&[-10_000, 10_000, -10_000, 2_500], (ReversalState::Taken, 7_500)),
            (&[-10_000, 10_001], (ReversalState::Restored, 10_000)),
            // 3000 of the payment had been given back before.
            (&[-7_000], (ReversalState::Taken, 7_000)),
            (&[-7_000, 1], (ReversalState::Taken, 6_999)),
            (&[-7_000, 7_000], (ReversalState::Restored, 10_000)),
            (&[-4_000, -6_000, 500], (ReversalState::Taken, 9_500)),
        ] {
            assert_eq!(gone(moved), expected, "{moved:?}");
        }
    }

    #[test]
    fn what_came_back_at_another_rate_came_back_whole_and_a_part_is_its_share() {
        let rated = |moved: &[(i64, &str)]| {
            let moved: Vec<Moved> = moved.iter().map(|(minor, rate)| other(*minor, rate)).collect();
            standing(1_000, &moved)
        };
        assert_eq!(rated(&[(-1_100, "1.1"), (1_090, "1.09")]), (ReversalState::Restored, 1_000));
        assert_eq!(rated(&[(-1_099, "1.0987"), (1_080, "1.0803")]), (ReversalState::Restored, 1_000));
        assert_eq!(
            rated(&[(-1_100, "1.1"), (1_090, "1.09"), (-1_120, "1.12")]),
            (ReversalState::Taken, 1_000)
        );
        assert_eq!(rated(&[(-1_100, "1.1"), (545, "1.09")]), (ReversalState::Taken, 500));
        // What came back is worth less a unit: it is rounded more.
        let coarse = [other(-18_951, "1.374121"), other(2_014, "0.146043")];
        assert_eq!(standing(13_791, &coarse), (ReversalState::Restored, 13_791));
        // Yen in cents: the scale of the rate does not matter.
        assert_eq!(rated(&[(-650, "0.0065"), (65, "0.0065")]), (ReversalState::Taken, 900));
        let untold = |minor| Moved { minor, unit: Unit::Other { rate_billionths: None } };
        assert_eq!(standing(1_000, &[untold(-1_100), untold(110)]), (ReversalState::Taken, 900));
    }

    #[test]
    fn rates_are_read_as_they_are_written() {
        assert_eq!(rate_billionths("1.23456"), Some(1_234_560_000));
        assert_eq!(rate_billionths("2"), Some(2_000_000_000));
        assert_eq!(rate_billionths("0.00651234567891"), Some(6_512_345));
        assert_eq!(rate_billionths("6.1e-5"), Some(61_000));
        assert_eq!(rate_billionths("1.5E3"), Some(1_500_000_000_000));
        for none in ["", "0", "0.0", "-1.1", "1e-12", "1e99", "1e", "1.1.1", ".5", "x"] {
            assert_eq!(rate_billionths(none), None, "{none:?}");
        }
    }

    proptest! {
        #[test]
        fn a_return_of_any_part_leaves_the_rest_gone(disputed in 1..100_000_000_i64, part in 0..100_000_000_i64) {
            let part = part % disputed;
            let (now, gone) = standing(disputed, &[same(-disputed), same(part)]);
            prop_assert_eq!((now, gone), (ReversalState::Taken, disputed - part));
            let (now, _) = standing(disputed, &[same(-disputed), same(part), same(disputed - part)]);
            prop_assert_eq!(now, ReversalState::Restored);
        }

        #[test]
        fn any_two_rates_give_all_back(
            disputed in 1..10_000_000_i64,
            rates in (100_000..3_000_000_i64, 100_000..3_000_000_i64),
        ) {
            let at = |rate: i64| {
                let minor = i64::try_from((i128::from(disputed) * i128::from(rate) + 500_000) / 1_000_000).unwrap();
                (minor, Unit::Other { rate_billionths: Some(rate * 1_000) })
            };
            let ((taken, first), (back, second)) = (at(rates.0), at(rates.1));
            prop_assume!(taken > 0 && back > 0 && taken.min(back) > 20);
            let moved = [Moved { minor: -taken, unit: first }, Moved { minor: back, unit: second }];
            prop_assert_eq!(standing(disputed, &moved).0, ReversalState::Restored);
        }
    }
}
