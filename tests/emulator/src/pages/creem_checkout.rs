//! Creem's hosted checkout: what is bought, the card form, the way back to the shop.

use serde_json::Value;

use super::checkout::{Form, HINTS};
use super::html::{card_page, escape, page};
use crate::creem::checkouts;
use crate::creem::purchase::{self, Buyer};
use crate::server::Reply;
use crate::stripe::money::written;
use crate::stripe::store::{integer, owned, text};
use crate::world::World;

pub(crate) fn show(world: &World, id: &str) -> Reply {
    let Some(checkout) = world.creem.store.get("ch", id) else { return not_found() };
    match text(checkout, "status") {
        Some("pending") => Reply::html(200, form(world, checkout, &Form::new(), None)),
        Some("completed") => Reply::html(200, completed(world, id)),
        _ => Reply::html(410, card_page("This checkout has expired", "<p>Nothing was charged.</p>")),
    }
}

pub(crate) fn submit(world: &mut World, id: &str, typed: &Form) -> Reply {
    let Some(checkout) = world.creem.store.get("ch", id).cloned() else { return not_found() };
    if text(&checkout, "status") != Some("pending") {
        return show(world, id);
    }
    let field = |name: &str| typed.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    if field("action") == Some("leave") {
        let body = format!(
            "<p>Nothing was charged.</p><p><a href=\"/creem/checkout/{}\">Back to the checkout</a></p>",
            escape(id)
        );
        return Reply::html(200, card_page("You left the checkout", &body));
    }
    let buyer = Buyer {
        card: field("card").unwrap_or_default().to_owned(),
        email: field("email").map(str::to_owned),
        name: field("name").map(str::to_owned),
        expiry: field("expiry").map(str::to_owned),
        discount_code: field("discount_code").map(str::to_owned),
    };
    match purchase::pay(world, id, &buyer) {
        Ok(_) => match checkouts::return_address(world, id) {
            Some(url) => Reply::see_other(&url),
            None => Reply::html(200, completed(world, id)),
        },
        Err(error) => Reply::html(402, form(world, &checkout, typed, Some(&error.message()))),
    }
}

fn not_found() -> Reply {
    Reply::html(404, card_page("Page not found", "<p>There is no such checkout.</p>"))
}

fn form(world: &World, checkout: &Value, typed: &Form, error: Option<&str>) -> String {
    let product = world.creem.store.copy("prod", text(checkout, "product").unwrap_or_default());
    let currency = owned(&product, "currency").to_ascii_lowercase();
    let amounts = checkouts::amounts(world, checkout);
    let line = |label: &str, amount: i64| {
        format!("<li><span>{}</span><span>{}</span></li>", escape(label), escape(&written(amount, &currency)))
    };
    let mut lines = line(
        &format!("{} × {}", text(&product, "name").unwrap_or("Product"), integer(checkout, "units")),
        amounts.sub_total,
    );
    if amounts.discount > 0 {
        lines.push_str(&line("Discount", -amounts.discount));
    }
    if amounts.tax > 0 {
        lines.push_str(&line("Sales tax", amounts.tax));
    }
    let value = |name: &str| escape(typed.get(name).map(String::as_str).unwrap_or_default());
    let email = match text(checkout, "_email") {
        Some(email) => format!("<p class=soft>{}</p>", escape(email)),
        None => format!(
            "<label>Email<input type=email name=email autocomplete=email required value=\"{}\"></label>",
            typed.get("email").map_or("buyer@example.com".to_owned(), |_| value("email"))
        ),
    };
    let error =
        error.map_or(String::new(), |error| format!("<p class=error role=alert>{}</p>", escape(error)));
    let hints: String = HINTS
        .iter()
        .map(|(number, effect)| format!("<tr><td><code>{number}</code></td><td>{effect}</td></tr>"))
        .collect();
    let period = text(&product, "billing_period").filter(|period| *period != "once");
    let total = escape(&written(amounts.paid, &currency));
    let body = format!(
        "<main><section><p class=merchant>{}</p><p class=soft>{}</p><p class=amount>{total}</p><ul class=lines>{lines}\
         <li class=total><span>Total due</span><span>{total}</span></li></ul></section>\
         <section class=panel><h1>Payment details</h1>{error}<form method=post>{email}\
         <label>Card number<input type=text name=card inputmode=numeric autocomplete=cc-number \
         placeholder=\"4242 4242 4242 4242\" value=\"{}\"></label><div class=pair>\
         <label>Expiry<input type=text name=expiry autocomplete=cc-exp placeholder=\"12 / 34\" \
         value=\"{}\"></label>\
         <label>CVC<input type=text name=cvc autocomplete=cc-csc placeholder=123></label></div>\
         <label>Name on card<input type=text name=name autocomplete=cc-name value=\"{}\"></label>\
         <label>Discount code<input type=text name=discount_code value=\"{}\"></label>\
         <button name=action value=pay>Pay {total}</button>\
         <button class=plain name=action value=leave formnovalidate>Leave</button></form>\
         <details><summary>Test cards</summary><table>{hints}</table></details></section></main>",
        escape(&world.stripe.settings.merchant),
        period.map_or("Pay once".to_owned(), |period| format!("Pay {}", period.replace('-', " "))),
        value("card"),
        value("expiry"),
        value("name"),
        value("discount_code"),
    );
    page(&format!("{} · Checkout", world.stripe.settings.merchant), &body)
}

fn completed(world: &World, id: &str) -> String {
    let onward = checkouts::return_address(world, id)
        .map_or(String::new(), |url| format!("<p><a href=\"{}\">Continue</a></p>", escape(&url)));
    card_page("Thank you", &format!("<p>Your payment was received.</p>{onward}"))
}
