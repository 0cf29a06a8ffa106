//! What happens on the same account for another product than the one under test, or on a connected account:
//! real payments with events of their own, which are none of the host's business.
//! <https://docs.stripe.com/connect/webhooks>

use serde_json::{Map, Value, json};

use super::errors::{Answer, ApiError};
use super::invoices::{self, Bill, Line};
use super::parameters::Params;
use super::payment_links::{self, Visit};
use super::sessions::pay::{self, Buyer};
use super::store::{new_id, owned, text};
use super::{Call, cards, execute, payment_methods};
use crate::world::World;

/// A payment of somebody else that is about to happen.
struct Foreign {
    amount: i64,
    currency: String,
    metadata: Map<String, Value>,
    reference: Option<String>,
}

/// `POST /_emulator/foreign`: answers the ids of what came of it.
pub(crate) fn control(world: &mut World, body: &Value) -> Answer {
    let account = text(body, "account").map(str::to_owned);
    if account.as_ref().is_some_and(|account| !account.starts_with("acct_")) {
        return Err(ApiError::invalid("account must begin with acct_").param("account"));
    }
    let metadata = match &body["metadata"] {
        Value::Object(metadata) => metadata.clone(),
        _ => json!({ "shop": "another product", "order_id": "7" }).as_object().cloned().unwrap_or_default(),
    };
    // All of it is text at Stripe.
    let text_of = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let metadata = metadata.into_iter().map(|(name, value)| (name, Value::String(text_of(value)))).collect();
    let foreign = Foreign {
        amount: body["amount"].as_i64().unwrap_or(1000),
        currency: text(body, "currency").unwrap_or("usd").to_owned(),
        metadata,
        reference: text(body, "client_reference_id").map(str::to_owned),
    };
    let before = std::mem::replace(&mut world.stripe.store.account, account.clone());
    let done = act(world, text(body, "kind").unwrap_or_default(), &foreign);
    world.stripe.store.account = before;
    let mut made = done?;
    made["account"] = account.into();
    Ok(made)
}

fn act(world: &mut World, kind: &str, foreign: &Foreign) -> Answer {
    match kind {
        "checkout" => {
            let session = open_session(world, foreign, "payment")?;
            pay_session(world, &session)
        }
        "subscription" => {
            let session = open_session(world, foreign, "subscription")?;
            pay_session(world, &session)
        }
        "payment_link" => {
            let form = foreign.form("payment", &["", "payment_intent_data"], false);
            let link = owned(&call(world, "payment_links", &form)?, "id");
            let visit = Visit { client_reference_id: foreign.reference.clone(), email: None };
            let session = owned(&payment_links::visit(world, &link, visit)?, "id");
            let mut made = pay_session(world, &session)?;
            made["payment_link"] = link.into();
            Ok(made)
        }
        "payment_intent" => {
            let mut form = foreign.amount_form();
            form.push(("confirm".into(), "true".into()));
            form.push(("payment_method".into(), "pm_card_visa".into()));
            form.push(("return_url".into(), "https://another.example/return".into()));
            let intent = call(world, "payment_intents", &form)?;
            Ok(json!({ "payment_intent": intent["id"], "charge": intent["latest_charge"] }))
        }
        "charge" => {
            let mut form = foreign.amount_form();
            form.push(("source".into(), "tok_visa".into()));
            let charge = call(world, "charges", &form)?;
            Ok(json!({ "charge": charge["id"] }))
        }
        "invoice" => invoice(world, foreign),
        _ => {
            let message =
                "kind must be one of checkout, subscription, payment_link, payment_intent, charge, invoice";
            Err(ApiError::invalid(message).param("kind"))
        }
    }
}

type Form = Vec<(String, String)>;

impl Foreign {
    fn put_metadata(&self, form: &mut Form, place: &str) {
        for (name, value) in &self.metadata {
            let value = value.as_str().unwrap_or_default().to_owned();
            let name = if place.is_empty() {
                format!("metadata[{name}]")
            } else {
                format!("{place}[metadata][{name}]")
            };
            form.push((name, value));
        }
    }

    fn amount_form(&self) -> Form {
        let mut form = vec![
            ("amount".to_owned(), self.amount.to_string()),
            ("currency".to_owned(), self.currency.clone()),
        ];
        self.put_metadata(&mut form, "");
        form
    }

    /// A line item, and the metadata in several places.
    fn form(&self, mode: &str, places: &[&str], session: bool) -> Form {
        let data = "line_items[0][price_data]";
        let mut form: Form = vec![
            ("line_items[0][quantity]".into(), "1".into()),
            (format!("{data}[currency]"), self.currency.clone()),
            (format!("{data}[unit_amount]"), self.amount.to_string()),
            (format!("{data}[product_data][name]"), "Something else".into()),
        ];
        if mode == "subscription" {
            form.push((format!("{data}[recurring][interval]"), "month".into()));
        }
        if session {
            form.push(("mode".into(), mode.into()));
            form.push(("success_url".into(), "https://another.example/thanks".into()));
            if let Some(reference) = &self.reference {
                form.push(("client_reference_id".into(), reference.clone()));
            }
        }
        for place in places {
            self.put_metadata(&mut form, place);
        }
        form
    }
}

/// A call of the API as the other product would make it.
fn call(world: &mut World, resource: &str, form: &Form) -> Answer {
    let mut address = reqwest::Url::parse("http://localhost/")
        .map_err(|error| ApiError::invalid(format!("No address: {error}")))?;
    address.query_pairs_mut().extend_pairs(form);
    let params = Params::decode(address.query().unwrap_or_default())?;
    execute(world, &Call { method: "POST", segments: resource.split('/').collect(), params })
}

fn open_session(world: &mut World, foreign: &Foreign, mode: &str) -> Answer<String> {
    let data = if mode == "payment" { "payment_intent_data" } else { "subscription_data" };
    let form = foreign.form(mode, &["", data], true);
    Ok(owned(&call(world, "checkout/sessions", &form)?, "id"))
}

fn pay_session(world: &mut World, id: &str) -> Answer {
    let buyer = Buyer {
        card: "4242424242424242".to_owned(),
        email: Some("somebody@another.example".to_owned()),
        ..Buyer::default()
    };
    pay::pay(world, id, &buyer)?;
    let session = world.stripe.store.find("cs", id)?;
    Ok(json!({
        "session": id, "payment_intent": session["payment_intent"], "subscription": session["subscription"],
        "invoice": session["invoice"], "customer": session["customer"],
    }))
}

/// An invoice that the seller wrote by hand, paid by the customer's card.
fn invoice(world: &mut World, foreign: &Foreign) -> Answer {
    let email = ("email".to_owned(), "somebody@another.example".to_owned());
    let customer = owned(&call(world, "customers", &vec![email])?, "id");
    let card = cards::by_name("visa").ok_or_else(|| ApiError::no_such("card", "visa"))?;
    let method = payment_methods::create(world, card, Value::Null);
    payment_methods::attach(world, &method, &customer);
    let now = world.clock.now();
    let bill = Bill {
        customer: &customer,
        subscription: None,
        reason: "manual",
        currency: &foreign.currency,
        lines: vec![Line {
            amount: foreign.amount,
            discount: 0,
            description: "Something else".to_owned(),
            // An amount without a price gets one of its own.
            price: json!({ "id": new_id("price"), "product": new_id("prod"),
                           "unit_amount_decimal": foreign.amount.to_string() }),
            quantity: 1,
            proration: false,
            period: (now, now),
        }],
        metadata: foreign.metadata.clone().into(),
        discount: None,
        session: None,
        collects: None,
        finalizes_at: Some(now),
    };
    let id = invoices::draft(world, &bill);
    invoices::finalize(world, &id);
    invoices::charge(world, &id, Some(&method), "Payment for Invoice")?;
    let paid = world.stripe.store.find("in", &id)?;
    Ok(json!({ "invoice": id, "customer": customer, "payment_intent": paid["_intent"] }))
}
