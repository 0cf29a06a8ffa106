//! What moved, page by page, and as a table for spreadsheets.

use maud::{Markup, html};
use warp::http::{HeaderValue, header};

use super::usage::kind_name;
use super::views::{Entry, List};
use super::visit::{Place, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::empty;
use crate::pages::format::moment;
use crate::pages::own_api::at;
use crate::problem::Problem;

const PAGE: i64 = 50;
/// What one file holds at most.
const TABLE: i64 = 1_000;

pub(super) async fn show(visit: Visit, call: Call) -> Result<Response, Problem> {
    let cursor = call.parameter("cursor");
    let entries =
        at(["wallets", &visit.session.wallet_id, "entries"]).with("limit", PAGE).with_some("cursor", cursor);
    let entries: List<Entry> = visit.own.get(entries).await?;
    let texts = visit.texts;
    let body = html! {
        section.card.flush {
            @if !entries.data.is_empty() {
                div.row.end { a href="/wallet/history.csv" download="history.csv" { (texts.csv) } }
            }
            (rows(&visit, &entries.data))
            (pages(&visit, Place::History, cursor.is_some(), entries.next_cursor.as_deref()))
        }
    };
    visit.page(Place::History, body).answer()
}

pub(super) async fn table(visit: Visit, _call: Call) -> Result<Response, Problem> {
    let entries =
        at(["wallets", &visit.session.wallet_id, "entries"]).with("limit", TABLE).with("format", "csv");
    let mut response = visit.own.download(entries).await?;
    let name = HeaderValue::from_static("attachment; filename=\"history.csv\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// Entries as a table.
pub(super) fn rows(visit: &Visit, entries: &[Entry]) -> Markup {
    let texts = visit.texts;
    if entries.is_empty() {
        return empty(&texts.nothing, &texts.nothing_text);
    }
    html! {
        div.scroll tabindex="0" role="region" aria-label=(texts.history) {
            table {
                thead { tr {
                    th scope="col" { (texts.what) }
                    th.number scope="col" { (texts.amount) }
                    th.number scope="col" { (texts.balance_after) }
                } }
                tbody {
                    @for entry in entries { tr {
                        td {
                            (kind_name(visit, &entry.entry_type))
                            @if let Some(text) = &entry.description { br; small { (text) } }
                            br; small.muted { (moment(entry.created_at)) }
                        }
                        td.number.(if entry.credits.is_negative() { "minus" } else { "plus" }) {
                            @if !entry.credits.is_negative() { "+" } (visit.credits(entry.credits))
                        }
                        td.number { (visit.credits(entry.balance_after)) }
                    } }
                }
            }
        }
    }
}

/// The ways to the other pages of a list.
pub(super) fn pages(visit: &Visit, place: Place, is_later: bool, next: Option<&str>) -> Markup {
    html! {
        @if is_later || next.is_some() {
            div.pages {
                @if is_later { a.button.quiet href=(place.address()) { (visit.texts.newest) } }
                @if let Some(cursor) = next {
                    a.button.quiet href={ (place.address()) "?cursor=" (cursor) } rel="next" { (visit.texts.older) }
                }
            }
        }
    }
}
