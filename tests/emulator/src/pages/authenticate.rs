//! The bank's question about an intent that was confirmed over the API.

use serde_json::Value;

use super::checkout::Form;
use super::html::{card_page, escape};
use crate::server::Reply;
use crate::stripe::money::written;
use crate::stripe::payment_intents::confirm;
use crate::stripe::setup_intents;
use crate::stripe::store::{prefix_of, text};
use crate::world::World;

fn intent<'a>(world: &'a World, id: &str) -> Option<&'a Value> {
    prefix_of(id)
        .filter(|prefix| matches!(*prefix, "pi" | "seti"))
        .and_then(|prefix| world.stripe.store.get(prefix, id))
}

pub(crate) fn show(world: &World, id: &str) -> Reply {
    match intent(world, id).and_then(|intent| text(intent, "status")) {
        Some("requires_action") => Reply::html(200, card_page("Confirm it is you", &question(world, id))),
        Some(_) => Reply::html(200, card_page("Nothing to confirm", "<p>The bank has its answer.</p>")),
        None => Reply::html(404, card_page("Page not found", "<p>There is no such payment.</p>")),
    }
}

fn question(world: &World, id: &str) -> String {
    let what =
        match intent(world, id).and_then(|intent| intent["amount"].as_i64().zip(text(intent, "currency"))) {
            Some((amount, currency)) => format!("pay {}", written(amount, currency)),
            None => "save this card".to_owned(),
        };
    format!(
        "<p>Your bank wants to know whether it is you who wants to {} at {}.</p><form method=post>\
         <button name=action value=authenticate>Complete authentication</button>\
         <button class=plain name=action value=refuse>Fail authentication</button></form>",
        escape(&what),
        escape(&world.stripe.settings.merchant),
    )
}

pub(crate) fn submit(world: &mut World, id: &str, form: &Form) -> Reply {
    let redirect = &intent(world, id).cloned().unwrap_or_default()["next_action"]["redirect_to_url"];
    let return_url = text(redirect, "return_url").map(str::to_owned);
    let succeeded = form.get("action").is_some_and(|action| action == "authenticate");
    let answered = if prefix_of(id) == Some("seti") {
        setup_intents::authenticate(world, id, succeeded).map(|_| ())
    } else {
        confirm::authenticate(world, id, succeeded).map(|_| ())
    };
    match (answered, return_url) {
        (Ok(()), Some(url)) => {
            let separator = if url.contains('?') { '&' } else { '?' };
            let name = if prefix_of(id) == Some("seti") { "setup_intent" } else { "payment_intent" };
            Reply::see_other(&format!("{url}{separator}{name}={id}"))
        }
        _ => show(world, id),
    }
}
