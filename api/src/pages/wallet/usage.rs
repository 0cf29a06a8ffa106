//! What was used in the last 30 days, by day and by kind.

use std::collections::{BTreeMap, BTreeSet};

use kernel::clock::{Timestamp, to_rfc3339};
use kernel::money::Credits;
use maud::{Markup, html};
use time::{Duration, Time};

use super::views::{Entry, List, sums};
use super::visit::Visit;
use crate::pages::components::{Chart, Series, empty};
use crate::pages::format::capitalized;
use crate::pages::own_api::at;
use crate::problem::Problem;

const DAYS: i64 = 30;
/// So many kinds have a colour of their own; the others share one.
const KINDS: usize = 5;
const PAGE: usize = 1_000;
const PAGES: usize = 5;

/// The entries of the last 30 days, and whether they are all.
pub(super) async fn entries(visit: &Visit) -> Result<(Vec<Entry>, bool), Problem> {
    let from = start(visit.api.clock.now());
    let mut entries = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES {
        let at = at(["wallets", &visit.session.wallet_id, "entries"])
            .with("from", to_rfc3339(from))
            .with("limit", PAGE)
            .with_some("cursor", cursor);
        let page: List<Entry> = visit.own.get(at).await?;
        entries.extend(page.data);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok((entries, true));
        }
    }
    Ok((entries, false))
}

/// The first moment of the first day that is shown, in UTC.
fn start(now: Timestamp) -> Timestamp {
    now.saturating_sub(Duration::days(DAYS.saturating_sub(1))).replace_time(Time::MIDNIGHT)
}

/// The chart, with what its colours mean and a table of the same.
pub(super) fn chart(visit: &Visit, entries: &[Entry], is_all: bool) -> Markup {
    let kinds = sums(entries, |entry| entry.entry_type.as_str());
    if kinds.is_empty() {
        return empty(&visit.texts.used_none, "");
    }
    let named: BTreeSet<&str> = kinds.iter().take(KINDS).map(|(kind, _)| kind.as_str()).collect();
    let mut days: BTreeMap<(&str, Timestamp), Credits> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.is_use()) {
        let kind = named.get(entry.entry_type.as_str()).copied().unwrap_or_default();
        let sum = days.entry((kind, entry.created_at.replace_time(Time::MIDNIGHT))).or_insert(Credits::ZERO);
        *sum = sum.checked_sub(entry.credits).unwrap_or(*sum);
    }
    let first = start(visit.api.clock.now());
    let all: Vec<Timestamp> = (0..DAYS).map(|day| first.saturating_add(Duration::days(day))).collect();
    let series = kinds.iter().take(KINDS).map(|(kind, _)| kind.as_str());
    let others = (kinds.len() > KINDS).then_some("");
    let series: Vec<Series> = series
        .chain(others)
        .map(|kind| Series {
            name: if kind.is_empty() { "…".to_owned() } else { kind_name(visit, kind) },
            values: all
                .iter()
                .map(|day| days.get(&(kind, *day)).copied().unwrap_or(Credits::ZERO).to_string())
                .collect(),
        })
        .collect();
    let chart = Chart {
        title: &visit.texts.used,
        total: None,
        table: &visit.texts.as_table,
        when: &visit.texts.day,
        moments: all.iter().map(|day| (day.unix_timestamp(), day.date().to_string())).collect(),
        series,
        is_stacked: true,
        has_legend: true,
    };
    html! {
        (chart)
        @if !is_all { p.hint { (visit.texts.used_part) } }
    }
}

/// What an entry was for, in the reader's words where there are any.
pub(super) fn kind_name(visit: &Visit, kind: &str) -> String {
    let texts = visit.texts;
    let name = match kind {
        "purchase" => &texts.type_purchase,
        "subscription" => &texts.type_subscription,
        "usage" | "consume" => &texts.type_usage,
        "expiry" => &texts.type_expiry,
        "refund" | "reversal" => &texts.type_refund,
        "grant" => &texts.type_grant,
        "transfer" => &texts.type_transfer,
        "coupon" => &texts.type_coupon,
        // A kind of the host application's.
        other => return capitalized(&other.replace(['_', '.'], " ")),
    };
    name.clone()
}
