//! Genuine events that are not ours, or that contradict what was agreed on.

use harness::world::World;
use serde_json::{Value, json};

use super::{CREEM, MONTH, STRIPE, last, pass, quarantined, sell_over_creem, subscribe};
use crate::events::installation;

/// Emits an event like one that happened, with some fields of its object changed.
async fn emit(world: &World, provider: &str, like: &Value, changes: &[(&str, Value)]) {
    let mut object =
        if provider == "creem" { like["object"].clone() } else { like["data"]["object"].clone() };
    for (pointer, value) in changes {
        *object.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value.clone();
    }
    let event = json!({"provider": provider, "type": like["type"], "object": object});
    world.emulator().post("/_emulator/events").json(event).expect(200).await;
    world.drain().await;
}

/// Another seller sells subscriptions on the same account.
#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_of_other_sellers_on_the_account_are_ignored() {
    let world = World::start().await;
    let customer = world.stripe_post("customers", "email=other@example.com").expect(200).await;
    let customer = customer["id"].as_str().unwrap();
    let form = format!("customer={customer}");
    let card = world.stripe_post("payment_methods/pm_card_visa/attach", &form).expect(200).await;
    let form = "currency=usd&unit_amount=999&recurring[interval]=month&product_data[name]=other";
    let price = world.stripe_post("prices", form).expect(200).await;
    let form = format!(
        "customer={customer}&items[0][price]={}&default_payment_method={}",
        price["id"].as_str().unwrap(),
        card["id"].as_str().unwrap()
    );
    world.stripe_post("subscriptions", &form).expect(200).await;
    pass(&world, MONTH).await;
    world.drain().await;
    assert_eq!(world.count("subscriptions").await + world.count("payments").await, 0);
    assert_eq!(world.count("ledger_entries").await, 0);
    assert_eq!(world.count("provider_events where outcome not in ('ignored')").await, 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_payment_of_another_amount_grants_nothing() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    world.lose_events().await;
    let stripe = subscribe(&world, "stripe", STRIPE).await;
    let creem = subscribe(&world, "creem", CREEM).await;
    world.set_provider_faults(json!({})).await;
    let invoice = last(&world, "invoice.paid").await;
    let period = last(&world, "subscription.paid").await;
    for (amount, currency) in [(1, "usd"), (1_000, "usd"), (999, "eur")] {
        let changes = [("/amount_paid", json!(amount)), ("/currency", json!(currency))];
        emit(&world, "stripe", &invoice, &changes).await;
        let changes = [
            ("/last_transaction/amount", json!(amount)),
            ("/last_transaction/amount_paid", json!(amount)),
            ("/last_transaction/currency", json!(currency.to_uppercase())),
        ];
        emit(&world, "creem", &period, &changes).await;
    }
    assert_eq!(stripe.grants(&world).await + creem.grants(&world).await, 0);
    assert_eq!(quarantined(&world).await, ["amount", "amount", "amount", "amount", "currency", "currency"]);
    // What is true is credited nevertheless.
    for event in [&invoice, &period] {
        world.resend_event(event["id"].as_str().unwrap()).await;
    }
    world.drain().await;
    assert_eq!((stripe.grants(&world).await, creem.grants(&world).await), (1, 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_contradicts_the_terms_grants_nothing() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    let stripe = subscribe(&world, "stripe", STRIPE).await;
    let creem = subscribe(&world, "creem", CREEM).await;
    pass(&world, MONTH).await;
    world.drain().await;
    let invoice = last(&world, "invoice.paid").await;
    let period = last(&world, "subscription.paid").await;
    let contradictions: [&[(&str, Value)]; 5] = [
        // Less was paid than the lines come to.
        &[("/id", json!("in_1")), ("/amount_paid", json!(1))],
        &[("/id", json!("in_2")), ("/currency", json!("eur"))],
        &[("/id", json!("in_3")), ("/livemode", json!(true))],
        &[("/id", json!("in_4")), ("/customer", json!("cus_other"))],
        &[("/id", json!("in_5")), ("/parent/subscription_details/metadata/user_id", json!("mallory"))],
    ];
    for changes in contradictions {
        emit(&world, "stripe", &invoice, changes).await;
    }
    let transaction = |id: &str| [("/last_transaction/id", json!(id)), ("/last_transaction_id", json!(id))];
    for (id, field, value) in [
        ("tran_1", "/last_transaction/amount_paid", json!(1)),
        ("tran_2", "/last_transaction/currency", json!("EUR")),
        ("tran_3", "/mode", json!("prod")),
        ("tran_4", "/metadata/user_id", json!("mallory")),
    ] {
        let [named, last] = transaction(id);
        emit(&world, "creem", &period, &[named, last, (field, value)]).await;
    }
    assert_eq!((stripe.grants(&world).await, creem.grants(&world).await), (2, 2));
    assert_eq!(
        quarantined(&world).await,
        ["amount", "amount", "currency", "currency", "customer", "livemode", "livemode", "owner", "owner"]
    );
    // A line that costs a fraction of the price grants that fraction; a price that is not ours grants nothing.
    let mut changes = vec![("/id", json!("in_6"))];
    let amounts =
        ["/amount_due", "/amount_paid", "/subtotal", "/total_excluding_tax", "/lines/data/0/amount"];
    changes.extend(amounts.map(|field| (field, json!(1))));
    emit(&world, "stripe", &invoice, &changes).await;
    assert_eq!(stripe.balance(&world).await, 20_010);
    let changes =
        [("/id", json!("in_7")), ("/lines/data/0/pricing/price_details/price", json!("price_other"))];
    emit(&world, "stripe", &invoice, &changes).await;
    assert_eq!(stripe.balance(&world).await, 20_010);
    assert_eq!(quarantined(&world).await.last().map(String::as_str), Some("unknown_plan"));
    world.finish().await;
}

/// An invoice that names an unknown order, or that of another user.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_pays_only_its_own_order() {
    let world = World::start().await;
    world.lose_events().await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    let invoice = last(&world, "invoice.paid").await;
    let bob = subscribe(&world, "bob", STRIPE).await;
    world.set_provider_faults(json!({})).await;
    let metadata = "/parent/subscription_details/metadata";
    let mut unknown = json!({"payment_id": uuid::Uuid::now_v7(), "user_id": "alice"});
    unknown["purser_installation"] = json!(installation(&world).await);
    emit(&world, "stripe", &invoice, &[(metadata, unknown)]).await;
    let foreign = json!({"payment_id": bob.order, "user_id": "alice"});
    emit(&world, "stripe", &invoice, &[(metadata, foreign)]).await;
    assert_eq!(quarantined(&world).await, ["owner", "unknown_order"]);
    assert_eq!(alice.grants(&world).await + bob.grants(&world).await, 0);
    world.finish().await;
}
