//! What moved, page by page, and as a table for spreadsheets.

use http_body_util::BodyExt;
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
/// How many entries are read at a time for a file…
const TABLE: i64 = 1_000;
/// …and how often for one.
const TABLES: usize = 50;

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

/// GET /wallet/history.csv: the newest entries, as many as a file holds.
pub(super) async fn table(visit: Visit, _call: Call) -> Result<Response, Problem> {
    let mut file = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..TABLES {
        let entries = at(["wallets", &visit.session.wallet_id, "entries"])
            .with("limit", TABLE)
            .with("format", "csv")
            .with_some("cursor", cursor);
        let (head, body) = visit.own.download(entries).await?.into_parts();
        let table = body.collect().await.map_err(Problem::internal)?.to_bytes();
        // Each has a line of names; the file has one.
        let names = table.iter().position(|byte| *byte == b'\n').map_or(0, |end| end.saturating_add(1));
        file.extend_from_slice(if file.is_empty() { &table } else { table.get(names..).unwrap_or_default() });
        cursor = head.headers.get("x-next-cursor").and_then(|next| next.to_str().ok()).map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let mut response = Response::new(file.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let name = HeaderValue::from_static("attachment; filename=\"history.csv\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
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
