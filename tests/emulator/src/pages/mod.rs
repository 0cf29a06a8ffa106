//! The pages that people see: checkout, payment links, authentication, receipts, invoices, portals.

mod authenticate;
mod checkout;
mod creem_checkout;
mod creem_portal;
mod documents;
mod html;
mod portal;

use self::checkout::Form;
use crate::server::{Reply, Request};
use crate::stripe::parameters::percent_decode;
use crate::stripe::payment_links::{self, Visit};
use crate::stripe::store::text;
use crate::world::{Emulator, World};

pub(crate) fn answer(emulator: &Emulator, request: &Request) -> Reply {
    let form = decode(&request.body);
    let segments = request.segments();
    emulator.with(|world| match (request.method.as_str(), segments.as_slice()) {
        ("GET", []) => Reply::html(200, html::card_page("Payment provider emulator", WELCOME)),
        ("GET", ["c", "pay", id]) => checkout::show(world, id),
        ("POST", ["c", "pay", id]) => checkout::submit(world, id, &form),
        ("GET", ["l", id]) => payment_link(world, id, &decode(&request.query)),
        ("GET", ["authenticate", id]) => authenticate::show(world, id),
        ("POST", ["authenticate", id]) => authenticate::submit(world, id, &form),
        ("GET", ["p", "session", id]) => portal::show(world, id),
        ("POST", ["p", "session", id]) => portal::submit(world, id, &form),
        ("GET", ["creem", "checkout", id]) => creem_checkout::show(world, id),
        ("POST", ["creem", "checkout", id]) => creem_checkout::submit(world, id, &form),
        ("GET", ["creem", "portal", id]) => creem_portal::show(world, id),
        ("POST", ["creem", "portal", id]) => creem_portal::submit(world, id, &form),
        ("GET", ["receipts", id]) => documents::receipt(world, id),
        ("GET", ["invoices", id] | ["invoices", id, "pdf"]) => documents::invoice(world, id),
        ("GET", ["confirmation", id]) => documents::confirmation(world, id),
        _ => Reply::html(404, html::card_page("Page not found", "<p>There is nothing here.</p>")),
    })
}

const WELCOME: &str = "<p>The Stripe API is served below <code>/v1/</code>, the controls below \
    <code>/_emulator/</code>. Any key that begins with <code>sk_test_</code> will do, unless one is \
    configured. Creem's API is below <code>/creem/v1/</code>; its keys begin with <code>creem_</code>.</p>";

fn decode(encoded: &str) -> Form {
    let pairs = encoded.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (percent_decode(name), percent_decode(value))).collect()
}

fn payment_link(world: &mut World, id: &str, query: &Form) -> Reply {
    let visit = Visit {
        client_reference_id: query.get("client_reference_id").cloned(),
        email: query.get("prefilled_email").or_else(|| query.get("locked_prefilled_email")).cloned(),
    };
    match payment_links::visit(world, id, visit) {
        Ok(session) => Reply::see_other(text(&session, "url").unwrap_or("/")),
        Err(error) => {
            let message = format!("<p>{}</p>", html::escape(error.message()));
            Reply::html(error.status(), html::card_page("This link does not work", &message))
        }
    }
}
