//! How objects are shown inside of others: with the objects they name, or with their ids.

use serde_json::{Value, json};

use super::body::Fields;
use super::discounts;
use super::errors::Answer;
use crate::stripe::store::{text, visible};
use crate::world::World;

/// How an object appears inside of another. Creem's documentation has all three: its type definitions allow an id
/// (`string | SubscriptionEntity`), its samples leave most amounts out.
/// <https://docs.creem.io/code/webhooks>
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    #[default]
    Full,
    /// As in the samples: no amounts but the price, no payments.
    Short,
    Id,
}

/// The forms of the objects inside of events and answers.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Forms {
    order: Form,
    subscription: Form,
    customer: Form,
    product: Form,
    transaction: Form,
    checkout: Form,
}

const FORMS: [(&str, Form); 3] = [("full", Form::Full), ("short", Form::Short), ("id", Form::Id)];
/// What the samples show of an order and a subscription.
const SHORT_ORDER: &str = "id object customer product amount currency status type created_at updated_at mode";
const SHORT_SUBSCRIPTION: &str =
    "id object product customer collection_method status canceled_at created_at updated_at metadata mode";

impl Forms {
    fn of(self, prefix: &str) -> Form {
        match prefix {
            "ord" => self.order,
            "sub" => self.subscription,
            "cust" => self.customer,
            "prod" => self.product,
            "tran" => self.transaction,
            _ => self.checkout,
        }
    }

    /// `PUT /_emulator/creem/forms`: what is left out is full.
    pub(super) fn control(world: &mut World, body: &Fields) -> Answer {
        body.only("order subscription customer product transaction checkout")?;
        let read = |name: &str| {
            let wanted = body.choice(name, &["full", "short", "id"])?.unwrap_or_else(|| "full".to_owned());
            Ok(FORMS.iter().find(|(known, _)| *known == wanted).map_or(Form::Full, |(_, form)| *form))
        };
        let forms = Self {
            order: read("order")?,
            subscription: read("subscription")?,
            customer: read("customer")?,
            product: read("product")?,
            transaction: read("transaction")?,
            checkout: read("checkout")?,
        };
        world.creem.forms = forms;
        let named = |prefix| FORMS.iter().find(|(_, form)| *form == forms.of(prefix)).map(|(name, _)| *name);
        Ok(json!({
            "order": named("ord"), "subscription": named("sub"), "customer": named("cust"),
            "product": named("prod"), "transaction": named("tran"), "checkout": named("ch"),
        }))
    }
}

fn object(world: &World, prefix: &'static str, id: &Value) -> Value {
    embed(world, prefix, visible(&world.creem.store.copy(prefix, id.as_str().unwrap_or_default())))
}

/// An object in the form that it has inside of others now.
fn embed(world: &World, prefix: &str, object: Value) -> Value {
    let shown = match (world.creem.forms.of(prefix), prefix) {
        (Form::Id, _) => return object["id"].clone(),
        (Form::Short, "ord") => SHORT_ORDER,
        (Form::Short, "sub") => SHORT_SUBSCRIPTION,
        _ => return object,
    };
    let fields = object.as_object().into_iter().flatten();
    let kept = fields.filter(|(name, _)| shown.split_whitespace().any(|known| known == *name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>().into()
}

/// A checkout with its product and, once it is paid, with all that came of it.
pub(super) fn checkout(world: &World, checkout: &Value) -> Value {
    let mut shown = visible(checkout);
    shown["product"] = object(world, "prod", &checkout["product"]);
    for (field, prefix, id) in [("order", "ord", "_order"), ("customer", "cust", "_customer")] {
        if checkout[id].is_string() {
            shown[field] = object(world, prefix, &checkout[id]);
        }
    }
    if checkout["_subscription"].is_string() {
        shown["subscription"] = object(world, "sub", &checkout["_subscription"]);
    }
    if let Some(discount) = text(checkout, "_discount") {
        shown["discount"] = discounts::applied(&world.creem.store.copy("dis", discount));
    }
    shown
}

/// A subscription with its product, its customer and its last payment.
pub(super) fn subscription(world: &World, subscription: &Value) -> Value {
    let mut shown = visible(subscription);
    shown["product"] = object(world, "prod", &subscription["product"]);
    shown["customer"] = object(world, "cust", &subscription["customer"]);
    // The samples have only its id.
    let is_short = world.creem.forms.transaction == Form::Short;
    if subscription["last_transaction_id"].is_string() && !is_short {
        shown["last_transaction"] = object(world, "tran", &subscription["last_transaction_id"]);
    }
    shown
}

/// What a refund or a dispute says about the payment it takes back.
pub(super) fn about_payment(world: &World, transaction: &Value) -> Value {
    let order = object(world, "ord", &transaction["order"]);
    let mut shown = json!({
        "transaction": embed(world, "tran", visible(transaction)),
        "order": order,
        "customer": object(world, "cust", &transaction["customer"]),
    });
    if transaction["subscription"].is_string() {
        shown["subscription"] = object(world, "sub", &transaction["subscription"]);
    }
    if transaction["_checkout"].is_string() {
        shown["checkout"] = object(world, "ch", &transaction["_checkout"]);
    }
    shown
}
