//! Orders: one that is under way, told as it stands, and the list with its receipts.

use maud::{Markup, html};

use super::buying::REFERENCE;
use super::history::pages;
use super::texts::filled;
use super::views::{List, Order, Placed};
use super::visit::{Place, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Tone, badge, empty, notice};
use crate::pages::form;
use crate::pages::format::moment;
use crate::pages::own_api::at;
use crate::problem::{Failure, Problem};

const PAGE: i64 = 25;

/// GET /wallet/return/{reference}: where a payment page leads back to, paid or not.
pub(super) async fn returned(visit: Visit, call: Call) -> Result<Response, Problem> {
    let reference = format!("{REFERENCE}{}", call.path_parameter("reference"));
    let wallet = &visit.session.wallet_id;
    let orders = at(["orders"]).with("wallet", wallet).with("reference", reference).with("limit", 1);
    let orders: List<Placed> = visit.own.get(orders).await?;
    let order = orders.data.first().ok_or(Failure::NotFound)?;
    form::see(&format!("/wallet/orders/{}", order.order_id))
}

/// How an order stands, in the reader's words.
struct Standing<'a> {
    tone: Tone,
    title: &'a str,
    text: String,
    /// Whether it may change by itself soon.
    is_open: bool,
}

fn standing<'a>(visit: &'a Visit, order: &Order) -> Standing<'a> {
    let texts = visit.texts;
    let (tone, title, text, is_open) = match order.status.as_str() {
        "pending" if order.checkout_url.is_none() => {
            (Tone::Neutral, &texts.order_preparing, texts.order_preparing_text.clone(), true)
        }
        "pending" => (Tone::Warning, &texts.order_open, texts.order_open_text.clone(), true),
        "paid" => {
            let credits = visit.credits(order.credits);
            (Tone::Good, &texts.order_paid, filled(&texts.order_paid_text, &[("credits", &credits)]), false)
        }
        "refunded" => (Tone::Neutral, &texts.order_refunded, String::new(), false),
        "partially_refunded" => (Tone::Neutral, &texts.order_partially_refunded, String::new(), false),
        "disputed" => (Tone::Warning, &texts.order_disputed, String::new(), false),
        _ => (Tone::Bad, &texts.order_failed, texts.order_failed_text.clone(), false),
    };
    Standing { tone, title, text, is_open }
}

pub(super) async fn show(visit: Visit, call: Call) -> Result<Response, Problem> {
    let order: Order = visit.own.get(at(["orders", call.path_parameter("orderId")])).await?;
    // The session is for one wallet; its user may have others.
    if order.wallet_id != visit.session.wallet_id {
        return Err(Failure::NotFound.into());
    }
    let (texts, standing) = (visit.texts, standing(&visit, &order));
    let goes_on = call.parameter("go").is_some();
    let address = format!("/wallet/orders/{}{}", order.order_id, if goes_on { "?go" } else { "" });
    // Without the broker's news it asks by itself.
    let trigger = standing.is_open.then_some("live from:body, every 2s");
    let body = html! {
        section.card #order hx-get=[standing.is_open.then_some(&address)] hx-select="#order" hx-swap="outerMorph"
            hx-trigger=[trigger] aria-live="polite" {
            h2 { (order.summary) }
            (notice(standing.tone, standing.title, html! {
                @if !standing.text.is_empty() { p { (standing.text) } }
                @if let Some(failure) = &order.failure { p { (failure) } }
            }))
            dl.facts {
                dt { (texts.price) } dd { (visit.money(order.charged.unwrap_or(order.amount))) }
                dt { (texts.when) } dd { (moment(order.created_at)) }
                dt { (texts.order) } dd { (order.number) }
            }
            (ways(&visit, &order, &standing, goes_on))
        }
    };
    visit.page(Place::Orders, body).answer()
}

fn ways(visit: &Visit, order: &Order, standing: &Standing<'_>, goes_on: bool) -> Markup {
    let texts = visit.texts;
    html! {
        div.row {
            @match (&order.checkout_url, standing.is_open) {
                (Some(address), true) => {
                    @if goes_on { go-on address=(address) {} }
                    a.button href=(address) target="_top" { (texts.order_go) }
                }
                (None, true) => span.spinner aria-hidden="true" {},
                (_, false) => {
                    a.button href=(Place::Overview.address()) { (texts.to_wallet) }
                    @if order.status == "failed" || order.status == "expired" {
                        a.button.plain href=(Place::Buy.address()) { (texts.buy_again) }
                    }
                    @if let Some(receipt) = &order.receipt_url {
                        a.button.quiet href=(receipt) target="_blank" rel="noopener" { (texts.receipt) }
                    }
                }
            }
        }
    }
}

pub(super) async fn list(visit: Visit, call: Call) -> Result<Response, Problem> {
    let cursor = call.parameter("cursor");
    let orders = at(["orders"]).with("wallet", &visit.session.wallet_id).with("limit", PAGE);
    let orders: List<Order> = visit.own.get(orders.with_some("cursor", cursor)).await?;
    let texts = visit.texts;
    let body = html! {
        section.card.flush {
            @if orders.data.is_empty() {
                (empty(&texts.orders_none, &texts.nothing_text))
            } @else {
                div.scroll tabindex="0" role="region" aria-label=(texts.orders) {
                    table {
                        thead { tr {
                            th scope="col" { (texts.what) }
                            th.number scope="col" { (texts.price) }
                        } }
                        tbody { @for order in &orders.data { (row(&visit, order)) } }
                    }
                }
            }
            (pages(&visit, Place::Orders, cursor.is_some(), orders.next_cursor.as_deref()))
        }
    };
    visit.page(Place::Orders, body).answer()
}

fn row(visit: &Visit, order: &Order) -> Markup {
    let standing = standing(visit, order);
    html! {
        tr {
            td { div.stack.tight {
                a href={ "/wallet/orders/" (order.order_id) } { (order.summary) }
                // Few words, and below each other: a phone shows the whole table.
                div.row {
                    (badge(standing.tone, if order.status == "paid" { &visit.texts.paid } else { standing.title }))
                    @if let Some(receipt) = &order.receipt_url {
                        a href=(receipt) target="_blank" rel="noopener"
                            aria-label={ (visit.texts.receipt) " " (order.number) } {
                            small { (visit.texts.receipt) }
                        }
                    }
                }
                small.muted { (moment(order.created_at)) }
            } }
            td.number { (visit.money(order.charged.unwrap_or(order.amount))) }
        }
    }
}
