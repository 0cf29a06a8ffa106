//! Bonuses for days in a row: in a form one a line, its days and its credits; in a body objects.

use serde::{Deserialize, Serialize};

use super::numbers::credits;
use crate::http::values::Amount;
use crate::pages::console::views;
use crate::pages::form::lines;

#[derive(Debug, Serialize)]
pub(super) struct Streak {
    days: i64,
    credits: Amount,
}

/// What a form says; none if a line is not days and credits.
pub(super) fn read(text: &str) -> Option<Vec<Streak>> {
    let streak = |line: &str| {
        let (days, amount) = line.split_once(char::is_whitespace)?;
        Some(Streak { days: days.parse().ok()?, credits: Amount(credits(amount.trim())?) })
    };
    lines(text).map(streak).collect()
}

/// What a form begins with.
pub(super) fn shown(json: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Found {
        days: i64,
        credits: views::Amount,
    }
    let found: Vec<Found> = serde_json::from_str(json).ok()?;
    let lines = found.iter().map(|one| format!("{} {}", one.days, one.credits.0));
    Some(lines.collect::<Vec<_>>().join("\n"))
}
