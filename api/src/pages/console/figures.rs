//! How business goes: what was sold, spent and so on over a time, each with its chart.

use std::collections::BTreeSet;

use kernel::money::Currency;
use maud::{Markup, html};
use time::macros::format_description;

use super::views::{Exchanged, Figures, Statistics, Total, money};
use super::visit::Visit;
use crate::pages::components::{Chart, Series};
use crate::pages::format::units;
use crate::pages::own_api::at;
use crate::problem::Problem;

/// A length of time: as the API names its intervals, how people name it, and what one interval is.
const TIMES: [(&str, &str, &str); 3] = [
    ("hour", "24 hours", "Hour (UTC)"),
    ("day", "30 days", "Day (UTC)"),
    ("month", "12 months", "Month (UTC)"),
];

/// The interval that was asked for, if there is such a one; days else.
pub(super) fn interval(asked: Option<&str>) -> &'static str {
    TIMES.iter().map(|(interval, ..)| *interval).find(|one| Some(*one) == asked).unwrap_or("day")
}

/// The figures of as many intervals as are usual.
pub(super) async fn read(visit: &Visit, interval: &str) -> Result<Statistics, Problem> {
    visit.own.get(at(["statistics"]).with("interval", interval)).await
}

/// The lengths of time to choose from.
pub(super) fn times(shown: &str) -> Markup {
    html! {
        nav.choices aria-label="Time" {
            @for (interval, name, _) in TIMES {
                a href={ "/console?interval=" (interval) } aria-current=[(interval == shown).then_some("true")] {
                    (name)
                }
            }
        }
    }
}

pub(super) fn charts(statistics: &Statistics, interval: &str) -> Markup {
    let all = &statistics.data;
    let moments: Vec<(i64, String)> = all
        .iter()
        .filter_map(|one| one.starts_at)
        .map(|at| {
            let text = match interval {
                "hour" => at.0.format(format_description!("[year]-[month]-[day] [hour]:00")),
                "month" => at.0.format(format_description!("[year]-[month]")),
                _ => at.0.format(format_description!("[year]-[month]-[day]")),
            };
            (at.0.unix_timestamp(), text.unwrap_or_default())
        })
        .collect();
    let when = TIMES.iter().find(|(one, ..)| *one == interval).map_or("", |(.., when)| when);
    let of = |name: &str, value: fn(&Figures) -> &Total| {
        vec![Series {
            name: name.to_owned(),
            values: all.iter().map(|one| value(one).plain().to_owned()).collect(),
        }]
    };
    let (total, came) = (&statistics.total, income(all));
    let outstanding = all.last().and_then(|last| last.outstanding.as_ref());
    let held = Series {
        name: "Outstanding".to_owned(),
        values: all
            .iter()
            .filter_map(|one| one.outstanding.as_ref())
            .map(|one| one.plain().to_owned())
            .collect(),
    };
    // What cannot be added up is drawn as lines.
    let is_one_currency = came.len() < 2;
    let cards = [
        ("Money in", sums(&total.sold), came, is_one_currency),
        ("Credits sold", number(&total.sold.credits), of("Sold", |one| &one.sold.credits), true),
        ("Credits spent", number(&total.spent), of("Spent", |one| &one.spent), true),
        ("Credits lapsed", number(&total.lapsed), of("Lapsed", |one| &one.lapsed), true),
        (
            "Credits refunded",
            number(&total.refunded.credits),
            of("Refunded", |one| &one.refunded.credits),
            true,
        ),
        ("Credits outstanding now", outstanding.map(number).unwrap_or_default(), vec![held], false),
    ];
    html! {
        ul.grid.wide {
            @for (title, total, series, is_stacked) in cards {
                @let has_legend = series.len() > 1;
                li.card {
                    (Chart { title, total: Some(&total), table: "As a table", when, moments: moments.clone(), series,
                             is_stacked, has_legend })
                }
            }
        }
    }
}

fn number(total: &Total) -> String {
    super::LOCALE.decimal(total.plain())
}

fn sums(exchanged: &Exchanged) -> String {
    let all: Vec<String> = exchanged.money.iter().map(|one| money(*one)).collect();
    if all.is_empty() { "0".to_owned() } else { all.join(" + ") }
}

/// A series for each currency, in its unit.
fn income(all: &[Figures]) -> Vec<Series> {
    let currencies: BTreeSet<Currency> =
        all.iter().flat_map(|one| one.sold.money.iter().map(|money| money.currency)).collect();
    let value = |one: &Figures, currency: Currency| {
        let came = one.sold.money.iter().find(|money| money.currency == currency);
        came.map_or_else(|| "0".to_owned(), |money| units((*money).into()))
    };
    let series = currencies.into_iter().map(|currency| Series {
        name: currency.upper(),
        values: all.iter().map(|one| value(one, currency)).collect(),
    });
    series.collect()
}
