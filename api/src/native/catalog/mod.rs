//! Administration of what is sold or given: packs, plans, coupons, check-ins. What is retired (`active: false`) is sold
//! no more; what was ordered before keeps its price and credits.

mod check_in;
mod coupons;
mod packs;
mod plans;

use crate::http::call::Call;
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::problem::Problem;
use serde::de::DeserializeOwned;

pub(super) fn endpoints() -> Vec<Endpoint> {
    [packs::endpoints(), plans::endpoints(), coupons::endpoints(), check_in::endpoints()]
        .into_iter()
        .flatten()
        .collect()
}

/// Reads what is put at a path that has the id already.
fn read_put<Input: DeserializeOwned>(
    call: &Call,
    parameter: &str,
    id: impl FnOnce(&mut Input) -> Option<String>,
) -> Result<(Input, String), Problem> {
    let path = call.path_parameter(parameter).to_owned();
    let mut input: Input = read_object(call)?;
    match id(&mut input) {
        Some(named) if named != path => Err(Problem::invalid(format!("{parameter} differs from the path"))),
        _ => Ok((input, path)),
    }
}

/// A complaint about a field in the words of this API, whose names are in camelCase.
fn in_camel_case(complaint: &str) -> String {
    let word = |word: &str| {
        // It is the name of a kind, not of a field.
        if word == "bonus_credits" {
            return word.to_owned();
        }
        let mut parts = word.split('_');
        let first = parts.next().unwrap_or_default().to_owned();
        let capital = |part: &str| {
            let mut letters = part.chars();
            letters
                .next()
                .map(|letter| letter.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        };
        if word.len() < 3 { word.to_owned() } else { parts.fold(first, |all, part| all + &capital(part)) }
    };
    complaint.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_as_callers_write_them() {
        assert_eq!(in_camel_case("price_monthly must be 1"), "priceMonthly must be 1");
        assert_eq!(
            in_camel_case("letters, digits, _ or -, bonus_credits"),
            "letters, digits, _ or -, bonus_credits"
        );
    }
}
