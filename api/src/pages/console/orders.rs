//! Orders with filters, and the whole story of one.

use std::sync::Arc;

use maud::{Markup, html};

use super::parts::{
    event_address, moment, next, order_address, sentence, spaced, state, table, user, wallet_address, why,
};
use super::views::{List, Order, Step, credits, money};
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::empty;
use crate::pages::format::exact;
use crate::pages::own_api::at;
use crate::problem::Problem;

const STATUSES: [&str; 7] =
    ["pending", "paid", "failed", "expired", "refunded", "partially_refunded", "disputed"];
const PAGE: i64 = 50;

/// GET /console/orders
pub(super) async fn list(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let given = |name: &str| call.parameter(name).map(str::trim).filter(|text| !text.is_empty());
    let (status, wallet, reference) = (given("status"), given("wallet"), given("reference"));
    let asked = at(["orders"])
        .with("limit", PAGE)
        .with_some("status", status)
        .with_some("wallet", wallet)
        .with_some("reference", reference)
        .with_some("cursor", call.parameter("cursor"));
    let orders: List<Order> = visit.own.get(asked).await?;
    let filters = [("status", status), ("wallet", wallet), ("reference", reference)];
    let kept = filters.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    let body = html! {
        form.filters method="get" action="/console/orders" {
            div.field {
                label for="status" { "State" }
                select #status name="status" {
                    option value="" { "All" }
                    @for one in STATUSES { option value=(one) selected[status == Some(one)] { (sentence(one)) } }
                }
            }
            div.field {
                label for="wallet" { "Wallet" }
                input #wallet name="wallet" value=[wallet] placeholder="user:alice" autocomplete="off";
            }
            div.field {
                label for="reference" { "Your reference" }
                input #reference name="reference" value=[reference] autocomplete="off";
            }
            button.plain { "Show" }
        }
        section.card.flush {
            (rows(&orders.data))
            (next(&format!("/console/orders?{query}"), orders.next_cursor.as_deref()))
        }
    };
    visit.page(Area::Orders, "Orders", body).answer()
}

/// A table of orders.
pub(super) fn rows(orders: &[Order]) -> Markup {
    if orders.is_empty() {
        return empty("No orders", "Orders show here as soon as they are placed.");
    }
    let rows: Vec<Markup> = orders.iter().map(|order| html! {
        th scope="row" { a href=(order_address(&order.order_id)) { "#" (order.number) } " " (order.summary) }
        td { (state(&order.status)) }
        td.number { (money(order.amount)) }
        td.number { (credits(order.credits)) }
        td { (user(&order.user_id)) }
        td { (moment(order.created_at)) }
    }).collect();
    let head = [
        ("Order", false),
        ("State", false),
        ("Amount", true),
        ("Credits", true),
        ("Buyer", false),
        ("Placed", false),
    ];
    table("Orders", &head, &rows)
}

/// GET /console/orders/{orderId}
pub(super) async fn show(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let id = call.path_parameter("orderId");
    let (order, story) = futures::try_join!(
        visit.own.get::<Order>(at(["orders", id])),
        visit.own.get::<List<Step>>(at(["orders", id, "timeline"])),
    )?;
    let address = order_address(id);
    let body = html! {
        @if let Some(failure) = &order.failure { p { "It failed: " (failure) } }
        div.halves {
            section.card #story hx-get=(address) hx-select="#story" hx-swap="outerMorph" hx-trigger="every 5s" {
                h2 { "What happened" }
                ol.timeline { @for step in &story.data { li { (told(step)) } } }
            }
            section.card { h2 { "The order" } (facts(&order)) }
        }
    };
    let about = [("orderId", id), ("currency", order.amount.currency.as_str())];
    let beside = html! {
        div.row { (state(&order.status)) (visit.button("refund", &about, &address)) }
    };
    let title = format!("Order #{}: {}", order.number, order.summary);
    visit.page_with(Area::Orders, &title, beside, body).answer()
}

fn facts(order: &Order) -> Markup {
    html! {
        dl.facts {
            dt { "Wallet" } dd { a href=(wallet_address(&order.wallet_id)) { (order.user_id) } }
            dt { "Amount" } dd { (money(order.amount)) }
            @if let Some(charged) = order.charged { dt { "Charged, with tax" } dd { (money(charged)) } }
            @if order.refunded.minor != 0 { dt { "Refunded" } dd { (money(order.refunded)) } }
            @if order.withdrawn.minor != 0 { dt { "Disputed" } dd { (money(order.withdrawn)) } }
            dt { "Credits" } dd { (credits(order.credits)) }
            @if order.bonus_credits.is_positive() { dt { "Bonus" } dd { (credits(order.bonus_credits)) } }
            @if order.credits_reversed.is_positive() { dt { "Taken back" } dd { (credits(order.credits_reversed)) } }
            dt { "Kind" } dd { (sentence(&order.kind)) }
            dt { "Provider" } dd { (sentence(&order.provider)) }
            @if let Some(payment) = &order.provider_payment { dt { "Payment there" } dd { code { (payment) } } }
            @if let Some(reference) = &order.reference { dt { "Your reference" } dd { code { (reference) } } }
            @for (name, value) in &order.metadata { dt { (name) } dd { (value) } }
            dt { "Placed" } dd { (moment(order.created_at)) }
            @match order.paid_at {
                Some(at) => { dt { "Paid" } dd { (moment(at)) } },
                None => { dt { "Can be paid until" } dd { (moment(order.expires_at)) } },
            }
            dt { "Id" } dd { code { (order.order_id) } }
        }
        @if let Some(page) = &order.checkout_url {
            p { "The buyer can still pay. Send them this address again:" }
            pre tabindex="0" { (page) }
        }
        @if let Some(receipt) = &order.receipt_url { p { a href=(receipt) rel="noreferrer" {
            "Receipt at the provider" } } }
    }
}

/// A step of the story, in words.
fn told(step: &Step) -> Markup {
    let what = match (step.kind.as_str(), step.what.as_str()) {
        ("order", "created") => "The order was placed".to_owned(),
        ("order", "paid") => "The order was paid".to_owned(),
        ("provider_event", what) => format!("The provider told: {what}"),
        ("decision", what) => format!("Decided by hand: {}", spaced(what)),
        ("refund", _) => "A refund was asked for".to_owned(),
        ("entry", what) => format!("Credits moved: {}", spaced(what)),
        ("delivery", what) => format!("Your server was told: {what}"),
        (kind, what) => format!("{}: {}", spaced(kind), spaced(what)),
    };
    html! {
        div.row {
            strong {
                @if step.kind == "provider_event" { a href=(event_address(&step.id)) { (what) } } @else { (what) }
            }
            @if let Some(word) = &step.state { (state(word)) }
            @if let Some(amount) = step.amount { span { (money(amount)) } }
            @if let Some(moved) = step.credits { span { (credits(moved)) " credits" } }
            @if let Some(balance) = step.balance { small.muted { "balance " (credits(balance)) } }
        }
        small.muted {
            (exact(step.at.0))
            @if let Some(actor) = &step.actor { " by " (actor) }
            @match &step.reason {
                Some(code) if step.kind == "provider_event" => { ": " (why(code)) },
                Some(reason) => { ": " (reason) },
                None => {},
            }
        }
    }
}
