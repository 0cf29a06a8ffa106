//! The billing portal: a customer's subscriptions and cards, with a way to end the former.

use super::checkout::Form;
use super::html::{card_page, escape};
use crate::server::Reply;
use crate::stripe::store::{flag, text};
use crate::stripe::subscriptions;
use crate::world::World;

pub(crate) fn show(world: &World, id: &str) -> Reply {
    let Some(session) = world.stripe.store.get("bps", id) else { return missing() };
    let customer = text(session, "customer");
    let mut body = String::from("<h2>Subscriptions</h2><ul class=lines>");
    let running = world.stripe.store.newest_first("sub").filter(|subscription| {
        text(subscription, "customer") == customer && text(subscription, "status") != Some("canceled")
    });
    for subscription in running {
        let product = text(&subscription["items"]["data"][0]["price"], "product").unwrap_or_default();
        let product = world.stripe.store.copy("prod", product);
        let button = if flag(subscription, "cancel_at_period_end") {
            ("resume", "Keep it", "ends with this period")
        } else {
            ("cancel", "Cancel at period end", text(subscription, "status").unwrap_or_default())
        };
        body.push_str(&format!(
            "<li><span>{} <span class=soft>{}</span></span><form method=post>\
             <input type=hidden name=subscription value=\"{}\">\
             <button class=plain name=action value={}>{}</button></form></li>",
            escape(text(&product, "name").unwrap_or("Subscription")),
            escape(button.2),
            escape(text(subscription, "id").unwrap_or_default()),
            button.0,
            button.1,
        ));
    }
    body.push_str("</ul><h2>Payment methods</h2><ul class=lines>");
    let methods = world.stripe.store.newest_first("pm");
    for method in methods.filter(|method| text(method, "customer") == customer) {
        let last4 = text(&method["card"], "last4").unwrap_or("····");
        body.push_str(&format!("<li><span>•••• {}</span></li>", escape(last4)));
    }
    body.push_str("</ul>");
    if let Some(url) = text(session, "return_url") {
        body.push_str(&format!("<p><a href=\"{}\">← Return</a></p>", escape(url)));
    }
    Reply::html(200, card_page("Billing", &body))
}

pub(crate) fn submit(world: &mut World, id: &str, form: &Form) -> Reply {
    let Some(session) = world.stripe.store.get("bps", id) else { return missing() };
    let customer = text(session, "customer").map(str::to_owned);
    let named = form.get("subscription").map(String::as_str).unwrap_or_default();
    let subscription = world.stripe.store.get("sub", named);
    // The form says which subscription; whose it is, the session says.
    let own = subscription.is_some_and(|one| {
        text(one, "customer") == customer.as_deref() && text(one, "status") != Some("canceled")
    });
    if own {
        let ends = form.get("action").is_some_and(|action| action == "cancel");
        subscriptions::cancel_at_period_end(world, named, ends);
    }
    Reply::see_other(&format!("/p/session/{id}"))
}

fn missing() -> Reply {
    Reply::html(404, card_page("Page not found", "<p>There is no such portal session.</p>"))
}
