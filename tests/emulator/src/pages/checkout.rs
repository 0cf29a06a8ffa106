//! The hosted checkout page: what is bought, the card form, the bank's question, the way back.

use std::collections::HashMap;

use serde_json::Value;

use super::html::{card_page, escape, page};
use crate::server::Reply;
use crate::stripe::banks;
use crate::stripe::errors::ApiError;
use crate::stripe::money::written;
use crate::stripe::sessions::choices;
use crate::stripe::sessions::pay::{self, Buyer, Paid};
use crate::stripe::store::{flag, integer, text};
use crate::world::World;

/// Test cards and what they do.
pub(crate) const HINTS: [(&str, &str); 9] = [
    ("4242 4242 4242 4242", "succeeds"),
    ("4000 0000 0000 0002", "is declined"),
    ("4000 0000 0000 9995", "has insufficient funds"),
    ("4000 0025 0000 3155", "asks for authentication"),
    ("4000 0027 6000 3184", "asks every time"),
    ("4000 0000 0000 0341", "can be saved, but not charged"),
    ("4000 0000 0000 0259", "pays, then disputes"),
    ("4000 0000 0000 7726", "refunds slowly"),
    ("4000 0000 0000 5126", "fails to be refunded"),
];

/// The account that the page's bank debit is of; its bank never decides by itself.
const BANK: &str = "000000000009";

/// What a person typed into a form.
pub(crate) type Form = HashMap<String, String>;

pub(crate) fn show(world: &World, id: &str) -> Reply {
    let Some(session) = world.stripe.store.get("cs", id) else { return not_found() };
    match text(session, "status") {
        Some("open") if pay::awaits_authentication(world, session) => {
            Reply::html(200, question(world, session))
        }
        Some("open") => Reply::html(200, form(world, session, &Form::new(), None)),
        Some("complete") => Reply::html(200, completed(session)),
        _ => Reply::html(410, expired(session)),
    }
}

pub(crate) fn submit(world: &mut World, id: &str, form_data: &Form) -> Reply {
    let Some(session) = world.stripe.store.get("cs", id).cloned() else { return not_found() };
    if text(&session, "status") != Some("open") {
        return show(world, id);
    }
    let field = |name: &str| form_data.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let result = match field("action") {
        Some("authenticate") => pay::authenticate(world, id, true),
        Some("refuse") => pay::authenticate(world, id, false),
        _ => pay::pay(
            world,
            id,
            &Buyer {
                card: field("card").unwrap_or_default().to_owned(),
                email: field("email").map(str::to_owned),
                name: field("name").map(str::to_owned),
                bank: (field("method") == Some("bank"))
                    .then_some(BANK)
                    .and_then(|n| banks::by_number(n).ok()),
                expiry: field("expiry").map(str::to_owned),
                promotion_code: field("promotion_code").map(str::to_owned),
                currency: field("currency").map(str::to_owned),
                upsell: field("upsell").is_some(),
                processing: None,
            },
        ),
    };
    let session = world.stripe.store.copy("cs", id);
    match result {
        Ok(Paid::Complete) => match pay::success_url(&session) {
            Some(url) => Reply::see_other(&url),
            None => Reply::html(200, completed(&session)),
        },
        Ok(Paid::AuthenticationNeeded) => Reply::see_other(&format!("/c/pay/{id}")),
        Err(error) => Reply::html(402, form(world, &session, form_data, Some(&error))),
    }
}

fn not_found() -> Reply {
    Reply::html(404, card_page("Page not found", "<p>There is no such checkout session.</p>"))
}

fn amount(session: &Value) -> String {
    written(integer(session, "amount_total"), text(session, "currency").unwrap_or("usd"))
}

fn row(label: &str, amount: i64, session: &Value) -> String {
    let amount = written(amount, text(session, "currency").unwrap_or("usd"));
    format!("<li><span>{}</span><span>{}</span></li>", escape(label), escape(&amount))
}

fn summary(world: &World, session: &Value) -> String {
    let merchant = &world.stripe.settings.merchant;
    let mut html = format!("<section><p class=merchant>{}</p>", escape(merchant));
    if let Some(cancel) = text(session, "cancel_url") {
        html.push_str(&format!("<a class=back href=\"{}\">← Back</a>", escape(cancel)));
    }
    if text(session, "mode") == Some("setup") {
        html.push_str(&format!(
            "<p class=soft>Save a card</p><p class=amount>Nothing to pay now</p>\
             <p class=soft>{} may charge it later, as you agreed with them.</p></section>",
            escape(merchant)
        ));
        return html;
    }
    html.push_str(&format!(
        "<p class=soft>Pay</p><p class=amount>{}</p><ul class=lines>",
        escape(&amount(session))
    ));
    for line in session["_lines"].as_array().into_iter().flatten() {
        let currency = text(line, "currency").unwrap_or("usd");
        let recurring = match text(&line["price"]["recurring"], "interval") {
            Some(interval) => format!(" <span class=soft>every {}</span>", escape(interval)),
            None => String::new(),
        };
        html.push_str(&format!(
            "<li><span>{} <span class=soft>× {}</span>{recurring}</span><span>{}</span></li>",
            escape(text(line, "description").unwrap_or("Item")),
            integer(line, "quantity"),
            escape(&written(integer(line, "amount_subtotal"), currency)),
        ));
    }
    let details = &session["total_details"];
    let (discount, tax) = (integer(details, "amount_discount"), integer(details, "amount_tax"));
    if discount > 0 {
        html.push_str(&row("Discount", -discount, session));
    }
    if tax > 0 {
        let included = integer(session, "amount_subtotal") - discount == integer(session, "amount_total");
        html.push_str(&row(if included { "Tax (included)" } else { "Tax" }, tax, session));
    }
    html.push_str(&format!(
        "<li class=total><span>Total due</span><span>{}</span></li></ul></section>",
        escape(&amount(session))
    ));
    html
}

/// What a buyer can choose on the page, beside how to pay.
fn choices_of(world: &World, session: &Value, typed: &Form) -> String {
    let mut html = String::new();
    if let Some(price) = choices::upsell(world, session) {
        let amount = written(integer(&price, "unit_amount"), text(&price, "currency").unwrap_or("usd"));
        let interval = text(&price["recurring"], "interval").unwrap_or("year");
        html.push_str(&format!(
            "<div class=choice><label><input type=checkbox name=upsell value=yes> Pay {} every {} instead</label>\
             </div>",
            escape(&amount),
            escape(interval),
        ));
    }
    let currencies = choices::currencies(world, session);
    if !currencies.is_empty() {
        let own = text(session, "currency").unwrap_or_default();
        let option = |code: &String| {
            let selected = if code == own { " selected" } else { "" };
            format!("<option value={code}{selected}>{}</option>", code.to_ascii_uppercase())
        };
        let options: String = currencies.iter().map(option).collect();
        html.push_str(&format!("<label>Currency<select name=currency>{options}</select></label>"));
    }
    if flag(session, "allow_promotion_codes") {
        let code = typed.get("promotion_code").map(String::as_str).unwrap_or_default();
        html.push_str(&format!(
            "<label>Promotion code<input type=text name=promotion_code value=\"{}\"></label>",
            escape(code)
        ));
    }
    html
}

/// A refusal as a buyer can understand it. <https://docs.stripe.com/error-codes#payment-intent-authentication-failure>
fn for_buyers(error: &ApiError) -> String {
    let code = error.body()["error"]["code"].clone();
    match code.as_str() {
        Some("payment_intent_authentication_failure" | "setup_intent_authentication_failure") => {
            "We are unable to authenticate your payment method. Please choose a different payment method and try \
             again."
                .to_owned()
        }
        _ => error.message().to_owned(),
    }
}

fn form(world: &World, session: &Value, typed: &Form, error: Option<&ApiError>) -> String {
    let session = &choices::preview(world, session);
    let value = |name: &str| escape(typed.get(name).map(String::as_str).unwrap_or_default());
    let customer = world.stripe.store.get("cus", text(session, "customer").unwrap_or_default());
    let known_email = text(session, "customer_email").or_else(|| customer.and_then(|one| text(one, "email")));
    let email = match known_email {
        Some(email) => format!("<p class=soft>{}</p>", escape(email)),
        None => format!(
            "<label>Email<input type=email name=email autocomplete=email required value=\"{}\"></label>",
            // Something to start with: this page is for trying things out.
            typed.get("email").map_or("buyer@example.com".to_owned(), |_| value("email"))
        ),
    };
    let error = error.map_or(String::new(), |error| {
        format!("<p class=error role=alert>{}</p>", escape(&for_buyers(error)))
    });
    let button = match text(session, "mode") {
        Some("setup") => "Save card".to_owned(),
        Some("subscription") => format!("Subscribe · {}", amount(session)),
        _ => format!("Pay {}", amount(session)),
    };
    let debits = text(session, "mode") == Some("payment") && pay::takes(session, "us_bank_account");
    let later = if debits { BANK_CHOICE } else { "" };
    let choices = choices_of(world, session, typed);
    let hints: String = HINTS
        .iter()
        .map(|(number, effect)| format!("<tr><td><code>{number}</code></td><td>{effect}</td></tr>"))
        .collect();
    let body = format!(
        "<main>{}<section class=panel><h1>Payment details</h1>{error}<form method=post>{email}{choices}{later}\
         <label>Card number<input type=text name=card inputmode=numeric autocomplete=cc-number \
         placeholder=\"4242 4242 4242 4242\" value=\"{}\"></label><div class=pair>\
         <label>Expiry<input type=text name=expiry autocomplete=cc-exp placeholder=\"12 / 34\" \
         value=\"{}\"></label>\
         <label>CVC<input type=text name=cvc autocomplete=cc-csc placeholder=123></label></div>\
         <label>Name on card<input type=text name=name autocomplete=cc-name value=\"{}\"></label>\
         <button name=action value=pay>{}</button></form>\
         <details><summary>Test cards</summary><table>{hints}</table>\
         <p class=soft>Any future expiry and any CVC will do.</p></details></section></main>",
        summary(world, session),
        value("card"),
        value("expiry"),
        value("name"),
        escape(&button),
    );
    page(&format!("{} · Checkout", world.stripe.settings.merchant), &body)
}

const BANK_CHOICE: &str = "<div class=choice>\
    <label><input type=radio name=method value=card checked> Card</label>\
    <label><input type=radio name=method value=bank> Bank debit (decided later)</label></div>";

fn question(world: &World, session: &Value) -> String {
    let what = match text(session, "mode") {
        Some("setup") => "save this card".to_owned(),
        _ => format!("pay {}", amount(session)),
    };
    let body = format!(
        "<p>Your bank wants to know whether it is you who wants to {} at {}.</p><form method=post>\
         <button name=action value=authenticate>Complete authentication</button>\
         <button class=plain name=action value=refuse>Fail authentication</button></form>",
        escape(&what),
        escape(&world.stripe.settings.merchant),
    );
    card_page("Confirm it is you", &body)
}

fn completed(session: &Value) -> String {
    let onward = pay::success_url(session)
        .map_or(String::new(), |url| format!("<p><a href=\"{}\">Continue</a></p>", escape(&url)));
    card_page("All done", &format!("<p>This checkout session is complete.</p>{onward}"))
}

fn expired(session: &Value) -> String {
    let back = text(session, "cancel_url")
        .map_or(String::new(), |url| format!("<p><a href=\"{}\">Return to the shop</a></p>", escape(url)));
    let message = "<p>You have waited too long, or the shop withdrew the offer. Nothing was charged.</p>";
    card_page("This session has expired", &format!("{message}{back}"))
}
