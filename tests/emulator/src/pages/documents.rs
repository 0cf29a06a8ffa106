//! Receipts, invoices, the confirmation after a Payment Link.

use serde_json::Value;

use super::html::{card_page, escape};
use crate::server::Reply;
use crate::stripe::money::written;
use crate::stripe::store::{integer, text};
use crate::world::World;

fn row(label: &str, value: &str) -> String {
    format!("<li><span class=soft>{}</span><span>{}</span></li>", escape(label), escape(value))
}

fn missing() -> Reply {
    Reply::html(404, card_page("Page not found", "<p>There is no such document.</p>"))
}

pub(crate) fn receipt(world: &World, id: &str) -> Reply {
    let Some(charge) = world.stripe.store.get("ch", id) else { return missing() };
    let currency = text(charge, "currency").unwrap_or("usd");
    let card = text(&charge["payment_method_details"]["card"], "last4").unwrap_or("····");
    let mut rows = row("Amount paid", &written(integer(charge, "amount_captured"), currency));
    let refunded = integer(charge, "amount_refunded");
    if refunded > 0 {
        rows.push_str(&row("Refunded", &written(refunded, currency)));
    }
    rows.push_str(&row("Paid with", &format!("•••• {card}")));
    rows.push_str(&row("Reference", id));
    Reply::html(200, card_page("Receipt", &format!("<ul class=lines>{rows}</ul>")))
}

pub(crate) fn invoice(world: &World, id: &str) -> Reply {
    let Some(invoice) = world.stripe.store.get("in", id) else { return missing() };
    Reply::html(200, card_page("Invoice", &format!("<ul class=lines>{}</ul>", invoice_rows(invoice))))
}

fn invoice_rows(invoice: &Value) -> String {
    let currency = text(invoice, "currency").unwrap_or("usd");
    let mut rows = row("Number", text(invoice, "number").unwrap_or("draft"));
    rows.push_str(&row("Status", text(invoice, "status").unwrap_or_default()));
    for line in invoice["_lines"].as_array().into_iter().flatten() {
        let description = text(line, "description").unwrap_or("Item");
        rows.push_str(&row(description, &written(integer(line, "amount"), currency)));
    }
    rows.push_str(&row("Total", &written(integer(invoice, "total"), currency)));
    rows.push_str(&row("Paid", &written(integer(invoice, "amount_paid"), currency)));
    rows
}

pub(crate) fn confirmation(world: &World, id: &str) -> Reply {
    let session = world.stripe.store.get("cs", id);
    let complete = session.is_some_and(|session| text(session, "status") == Some("complete"));
    if !complete {
        return missing();
    }
    Reply::html(200, card_page("Thank you", "<p>Your payment was received. You can close this page.</p>"))
}
