//! Creem's customer portal: a customer's subscriptions, with a way to end them.

use super::checkout::Form;
use super::html::{card_page, escape};
use crate::creem::portal;
use crate::server::Reply;
use crate::stripe::store::{owned, text};
use crate::world::World;

pub(crate) fn show(world: &World, id: &str) -> Reply {
    let Some(subscriptions) = portal::contents(world, id) else {
        return Reply::html(404, card_page("Page not found", "<p>There is no such portal.</p>"));
    };
    let mut body = String::from("<h2>Subscriptions</h2><ul class=lines>");
    for subscription in subscriptions {
        let product = world.creem.store.copy("prod", text(&subscription, "product").unwrap_or_default());
        let status = owned(&subscription, "status");
        let button = match status.as_str() {
            "active" => "<button class=plain name=action value=cancel>Cancel at period end</button>",
            "scheduled_cancel" => "<button class=plain name=action value=resume>Keep it</button>",
            _ => "",
        };
        body.push_str(&format!(
            "<li><span>{} <span class=soft>{}</span></span><form method=post>\
             <input type=hidden name=subscription value=\"{}\">{button}</form></li>",
            escape(text(&product, "name").unwrap_or("Subscription")),
            escape(&status.replace('_', " ")),
            escape(text(&subscription, "id").unwrap_or_default()),
        ));
    }
    body.push_str("</ul>");
    Reply::html(200, card_page("Billing", &body))
}

pub(crate) fn submit(world: &mut World, id: &str, form: &Form) -> Reply {
    let named = form.get("subscription").map(String::as_str).unwrap_or_default();
    let ends = form.get("action").is_some_and(|action| action == "cancel");
    portal::schedule_end(world, id, named, ends);
    Reply::see_other(&format!("/creem/portal/{id}"))
}
