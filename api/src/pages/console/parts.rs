//! What several pages of the console show: states, links to things, and the way to the next page of a list.

use maud::{Markup, PreEscaped, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::views::At;
use crate::pages::components::{Tone, badge};
use crate::pages::format;

/// A state's word, in the colour of what it means.
pub(super) fn state(word: &str) -> Markup {
    let tone = match word {
        "paid" | "applied" | "credited" | "delivered" | "active" | "done" | "completed" => Tone::Good,
        "open" | "failed" | "disputed" | "refused" | "unclear" | "paused" | "past_due" | "waiting" => {
            Tone::Bad
        }
        "pending" | "created" | "requested" | "needs_card" | "monthly_cap_reached" | "partially_refunded" => {
            Tone::Warning
        }
        _ => Tone::Neutral,
    };
    badge(tone, &sentence(word))
}

/// A length of time as people say it.
pub(super) fn length(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A word for programs as people write it.
pub(super) fn spaced(word: &str) -> String {
    word.replace(['_', '.'], " ")
}

/// As [`spaced`], at the beginning of a sentence.
pub(super) fn sentence(word: &str) -> String {
    format::capitalized(&spaced(word))
}

/// Why an event was not applied, in words: what is a field's name says that the field differs.
pub(super) fn why(code: &str) -> String {
    match code {
        "amount" | "currency" | "customer" | "owner" | "provider" | "session" => {
            format!("Another {code} than the order has")
        }
        "livemode" => "Test money for a real order, or the reverse".to_owned(),
        "mode" => "A payment page for another purpose".to_owned(),
        "paid_twice" => "The order is paid already: give this money back".to_owned(),
        "unknown_order" => "There is no such order".to_owned(),
        "unknown_plan" => "There is no such plan".to_owned(),
        other => sentence(other),
    }
}

pub(super) fn moment(at: At) -> Markup {
    format::moment(at.0)
}

pub(super) fn wallet_address(wallet: &str) -> String {
    format!("/console/wallets/{}", utf8_percent_encode(wallet, NON_ALPHANUMERIC))
}

pub(super) fn user_export_address(user: &str) -> String {
    format!("/console/users/{}/export", utf8_percent_encode(user, NON_ALPHANUMERIC))
}

pub(super) fn order_address(order: &str) -> String {
    format!("/console/orders/{order}")
}

pub(super) fn event_address(event: &str) -> String {
    format!("/console/quarantine/{}", utf8_percent_encode(event, NON_ALPHANUMERIC))
}

pub(super) fn user(user: &str) -> Markup {
    html! { a href=(wallet_address(&format!("user:{user}"))) { (user) } }
}

/// The way to the next page of a list, if there is one.
pub(super) fn next(address: &str, cursor: Option<&str>) -> Markup {
    let joint = if address.contains('?') { '&' } else { '?' };
    html! {
        @if let Some(cursor) = cursor {
            nav.pages aria-label="Pages" {
                a.button.plain href={ (address) (joint) "cursor=" (utf8_percent_encode(cursor, NON_ALPHANUMERIC)) } {
                    "Older"
                }
            }
        }
    }
}

/// A table that scrolls by itself, or on a phone shows each row as a list; `name` is what screen readers call it.
pub(super) fn table(name: &str, head: &[(&str, bool)], rows: &[Markup]) -> Markup {
    html! {
        div.scroll.stacked tabindex="0" role="region" aria-label=(name) {
            table {
                thead { tr {
                    @for (title, is_number) in head {
                        @if title.is_empty() { td {} } @else { th.number[*is_number] scope="col" { (title) } }
                    }
                } }
                tbody { @for row in rows { tr { (labelled(row, head)) } } }
            }
        }
    }
}

/// A row whose cells know their columns' titles, for where the head is not shown.
fn labelled(row: &Markup, head: &[(&str, bool)]) -> Markup {
    let mut titles = head.iter().map(|(title, _)| html! { (title) }.into_string());
    let mut text = String::with_capacity(row.0.len());
    for (index, part) in row.0.split("<td").enumerate() {
        if index > 0 {
            let title = titles.next().unwrap_or_default();
            text.push_str(&format!("<td data-label=\"{title}\""));
        }
        // The row's head has a column as well, and says itself what it is.
        if part.contains("<th") {
            titles.next();
        }
        text.push_str(part);
    }
    PreEscaped(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_know_their_columns() {
        let row = html! { th scope="row" { "<td>" } td.number { "1" } td {} };
        let head = [("Order", false), ("Amount & tax", true), ("", false)];
        let expected = "<th scope=\"row\">&lt;td&gt;</th><td data-label=\"Amount &amp; tax\" class=\"number\">1</td>\
                        <td data-label=\"\"></td>";
        assert_eq!(labelled(&row, &head).0, expected);
        let row = html! { td { "1" } th scope="row" { "2" } td { "3" } };
        let head = [("When", false), ("Who", false), ("What", false)];
        let expected = "<td data-label=\"When\">1</td><th scope=\"row\">2</th><td data-label=\"What\">3</td>";
        assert_eq!(labelled(&row, &head).0, expected);
    }
}
