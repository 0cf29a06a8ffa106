//! Reconciliation against the emulated providers: lost payments are found and, on demand, credited once; what
//! needs a person is reported and left alone.

use billing::reconciliation::ReconcilePayments;
use harness::reconciliation::Reconciliation;
use harness::world::{Checkout, GOOD_CARD, User, World};
use serde_json::{Value, json};

use crate::commands::{self, Output};
use crate::events::{deliver, event, installation, paid_session, publish};

/// Compares the last day.
pub async fn reconcile(world: &World, more: &[&str]) -> Reconciliation {
    let arguments = of_the_last_day(world, more);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    read(&commands::worker(world, &arguments).await)
}

/// How to have the last day compared, up to an hour from now, so that the two clocks need not agree to the second.
pub fn of_the_last_day(world: &World, more: &[&str]) -> Vec<String> {
    let now = world.clock().now();
    let text = |at: time::OffsetDateTime| at.format(&time::format_description::well_known::Rfc3339).unwrap();
    let (from, to) = (text(now - time::Duration::hours(23)), text(now + time::Duration::minutes(30)));
    ["reconcile", "--json", "--from", &from, "--to", &to]
        .iter()
        .chain(more)
        .map(ToString::to_string)
        .collect()
}

pub fn read(output: &Output) -> Reconciliation {
    Reconciliation::read(output.code, &output.stdout, &output.stderr).unwrap()
}

/// A world in which what happens at the providers is an hour old: too old to be under way.
async fn start() -> World {
    let world = World::start().await;
    move_providers(&world, -3_600).await;
    world
}

async fn move_providers(world: &World, seconds: i64) {
    let by = json!({ "advance_seconds": seconds });
    world.emulator().put("/_emulator/clock").json(by).expect(200).await;
}

/// Pays, but no event arrives.
async fn pay_unreported(world: &World, user: &User, credits: i64) -> Checkout {
    let checkout = world.start_checkout(user, credits).await;
    world.lose_events().await;
    world.pay(&checkout.session_id, GOOD_CARD).await;
    world.set_provider_faults(json!({})).await;
    checkout
}

pub async fn intent_of(world: &World, checkout: &Checkout) -> String {
    let session = world.stripe_get(&format!("checkout/sessions/{}", checkout.session_id)).expect(200).await;
    session["payment_intent"].as_str().unwrap().to_owned()
}

/// Opens a page of the Billing API.
pub async fn open(world: &World, user: &User, body: Value) -> String {
    let request = world.api().post("/payment/create-session").bearer(&user.api_key);
    let opened = request.json(body).expect(201).await;
    opened["data"]["session_id"].as_str().unwrap().to_owned()
}

pub async fn sell_over_creem(world: &World) {
    let product = json!({"creem_product_id": "prod_pro"});
    let admin = &world.settings().secrets.admin_api_key;
    world.api().put("/admin/billing/plans/pro").bearer(admin).json(product).expect(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_payments_are_found_and_credited_once_on_demand() {
    let world = start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 1_000).await;
    pay_unreported(&world, &alice, 2_500).await;
    pay_unreported(&world, &alice, 500).await;

    let looked = reconcile(&world, &[]).await;
    assert_eq!((looked.exit_code, looked.differences()), (1, vec!["paid_not_credited"; 2]), "{looked:?}");
    assert_eq!(looked.agreeing, 1, "{looked:?}");
    world.drain().await;
    assert_eq!(
        (world.balance(&alice.wallet_id).await, world.count("admin_actions where actor <> 'admin'").await),
        (1_000, 0)
    );
    assert_eq!(world.count("payments where state = 'pending'").await, 2);

    // Two operators at once.
    let (one, other) = futures::join!(reconcile(&world, &["--apply"]), reconcile(&world, &["--apply"]));
    assert_eq!(one.exit_code, 0, "{one:?}");
    assert!(one.findings.iter().all(|finding| finding["askedAbout"] == true), "{one:?}");
    assert_eq!(other.exit_code, 0, "{other:?}");
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 4_000);
    let again = reconcile(&world, &["--apply"]).await;
    assert_eq!((again.exit_code, again.agreeing, again.findings.len()), (0, 3, 0), "{again:?}");
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("ledger_entries").await), (4_000, 3));
    assert!((1..=2).contains(&world.count("admin_actions where action = 'payments.reconcile'").await));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scheduled_comparison_repairs_by_itself() {
    let world = start().await;
    let alice = world.create_user("alice").await;
    pay_unreported(&world, &alice, 2_500).await;
    for _ in 0..2 {
        publish(&world, &ReconcilePayments::default()).await;
        world.drain().await;
        assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    }
    assert_eq!(world.count("ledger_entries").await, 1);
    // What the last of them found is there for whoever measures it.
    assert_eq!(world.count("reconciliation_runs where paid_not_credited = 0 and findings = 0").await, 1);
    world.finish().await;
}

/// The newest come first, a hundred at a time: ours is on the last page, and the provider is in trouble meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn long_lists_are_read_to_the_end_despite_errors_and_foreign_payments_ignored() {
    let world = start().await;
    let alice = world.create_user("alice").await;
    world.start_checkout(&alice, 2_500).await;
    let order: uuid::Uuid =
        sqlx::query_scalar("select id from payments").fetch_one(world.pool()).await.unwrap();
    world.lose_events().await;
    let card = "currency=usd&payment_method=pm_card_visa&confirm=true&return_url=https://a.example";
    // Its page is unknown: only the payment names the order.
    let ours = format!("amount=2500&{card}&metadata[payment_id]={order}");
    let paid = world.stripe_post("payment_intents", &ours).expect(200).await;
    for amount in 1_000..1_105 {
        let other = format!("amount={amount}&{card}&metadata[shop]=other");
        world.stripe_post("payment_intents", &other).expect(200).await;
    }
    let only = ["GET /v1/payment_intents", "GET /v1/checkout/sessions", "GET /v1/invoices"];
    world
        .set_provider_faults(json!({"rate_429": 0.5, "rate_500": 0.5, "limit": 4, "only": only, "seed": 7}))
        .await;
    let looked = reconcile(&world, &[]).await;
    assert_eq!(looked.differences(), ["paid_not_credited"], "{looked:?}");
    assert_eq!(looked.findings[0]["object"], paid["id"]);
    assert_eq!(looked.foreign, 105, "{looked:?}");
    let asked = world.emulator().get("/_emulator/requests").expect(200).await;
    assert!(asked["requests"]["GET /v1/payment_intents"]["faulted"].as_i64().unwrap() > 0, "{asked}");
    world.set_provider_faults(json!({})).await;
    assert_eq!(reconcile(&world, &["--apply"]).await.exit_code, 0);
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("payments").await), (2_500, 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_that_need_a_person_are_reported_and_left_alone() {
    let world = start().await;
    let alice = world.create_user("alice").await;
    // Paid, and then the order says something else.
    let tampered = pay_unreported(&world, &alice, 700).await;
    let change = sqlx::query("update payments set amount_minor = 70 where provider_session = $1");
    change.bind(&tampered.session_id).execute(world.pool()).await.unwrap();
    // Credited for an event that was true to its signature, but to nothing else.
    let unpaid = world.start_checkout(&alice, 300).await;
    let session = paid_session(&world, &alice, &unpaid).await;
    deliver(&world, &event("checkout.session.completed", &session)).await;
    // Marked as paid, without an entry.
    let forged = pay_unreported(&world, &alice, 400).await;
    let forge = sqlx::query(
        "update payments set state = 'completed', completed_at = now() where provider_session = $1",
    );
    forge.bind(&forged.session_id).execute(world.pool()).await.unwrap();
    world.lose_events().await;
    // For an order that was never ours.
    let unknown = format!(
        "amount=500&currency=usd&payment_method=pm_card_visa&confirm=true&return_url=https://a.example\
         &metadata[payment_id]={}&metadata[purser_installation]={}",
        uuid::Uuid::new_v4(),
        installation(&world).await
    );
    world.stripe_post("payment_intents", &unknown).expect(200).await;
    world.drain().await;
    let before = world.count("ledger_entries").await;

    for more in [&[][..], &["--apply"][..], &["--apply"][..]] {
        let looked = reconcile(&world, more).await;
        let mut found = looked.differences();
        found.sort_unstable();
        let expected = ["amount_differs", "credited_not_paid", "ledger_differs", "unknown_order"];
        assert_eq!((looked.exit_code, found), (1, expected.to_vec()), "{looked:?}");
        assert!(looked.findings.iter().all(|finding| finding["askedAbout"] == false), "{looked:?}");
        world.drain().await;
    }
    assert_eq!(world.count("ledger_entries").await, before);
    assert_eq!(world.count("admin_actions where actor <> 'admin'").await, 0);
    world.finish().await;
}

/// A refund whose event was lost: the credits are taken once it is found.
#[tokio::test(flavor = "multi_thread")]
async fn unreported_refunds_are_found() {
    let world = start().await;
    let alice = world.create_user("alice").await;
    let refunded = world.buy(&alice, 500).await;
    world.lose_events().await;
    let intent = intent_of(&world, &refunded).await;
    world.stripe_post("refunds", &format!("payment_intent={intent}&amount=200")).expect(200).await;
    assert_eq!(reconcile(&world, &[]).await.differences(), ["refund_not_known"]);
    assert_eq!(world.balance(&alice.wallet_id).await, 500);
    for more in ["--apply", "--apply"] {
        assert_eq!(reconcile(&world, &[more]).await.exit_code, 0);
        world.drain().await;
        assert_eq!(world.balance(&alice.wallet_id).await, 300);
    }
    assert!(reconcile(&world, &[]).await.findings.is_empty());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_outside_the_window_or_in_flight_are_not_reported() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    pay_unreported(&world, &alice, 500).await;
    // Seconds old by the provider's clock.
    let looked = reconcile(&world, &[]).await;
    assert_eq!((looked.exit_code, looked.in_flight), (0, 1), "{looked:?}");
    let elsewhere = ["reconcile", "--json", "--from", "2020-01-01", "--to", "2020-01-02"];
    let elsewhere = read(&commands::worker(&world, &elsewhere).await);
    assert_eq!(
        (elsewhere.exit_code, elsewhere.agreeing, elsewhere.findings.len(), elsewhere.in_flight),
        (0, 0, 0, 0),
        "{elsewhere:?}"
    );
    for wrong in [["--from", "yesterday"], ["--from", "2999-01-01"], ["--to", "2026-01-01"]] {
        let refused = commands::worker(&world, &["reconcile", wrong[0], wrong[1]]).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{refused:?}");
    }
    world.finish().await;
}

/// Creem's list of payments does not name the order, for packs and plans alike.
#[tokio::test(flavor = "multi_thread")]
async fn unreported_creem_payments_are_found() {
    let world = start().await;
    let alice = world.create_user("alice").await;
    sell_over_creem(&world).await;
    let plan = json!({"channel": "creem", "type": "subscription", "plan_id": "pro",
                      "success_url": "http://localhost:3000/"});
    world.lose_events().await;
    let page = open(&world, &alice, plan).await;
    let pay = world.emulator().post(&format!("/_emulator/creem/checkouts/{page}/pay"));
    pay.json(json!({"card": GOOD_CARD})).expect(200).await;
    assert_eq!(reconcile(&world, &[]).await.differences(), ["paid_not_credited"]);
    assert_eq!(reconcile(&world, &["--apply"]).await.exit_code, 0);
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 10_000);

    let find = sqlx::query_scalar("select provider_subscription from subscriptions");
    let subscription: String = find.fetch_one(world.pool()).await.unwrap();
    let renew = format!("/_emulator/creem/subscriptions/{subscription}/renew");
    world.emulator().post(&renew).expect(200).await;
    let looked = reconcile(&world, &["--apply"]).await;
    assert_eq!(looked.differences(), ["paid_not_credited"], "{looked:?}");
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 20_000);
    let again = reconcile(&world, &[]).await;
    assert_eq!((again.exit_code, again.agreeing), (0, 2), "{again:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreported_invoice_of_a_period_is_found() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let day = 86_400;
    move_providers(&world, -40 * day).await;
    let plan = json!({"channel": "stripe", "type": "subscription", "plan_id": "pro",
                      "success_url": "http://localhost:3000/", "cancel_url": "http://localhost:3000/"});
    let page = open(&world, &alice, plan).await;
    world.pay(&page, GOOD_CARD).await;
    world.drain().await;
    world.lose_events().await;
    move_providers(&world, 32 * day).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 10_000);
    let now = world.clock().now();
    let days_ago = |days| (now - time::Duration::days(days)).date().to_string();
    let (from, to) = (days_ago(11), days_ago(6));
    for (code, balance) in [(0, 20_000), (0, 20_000)] {
        let applied = commands::worker(&world, &["reconcile", "--apply", "--from", &from, "--to", &to]).await;
        assert_eq!(applied.code, code, "{applied:?}");
        world.drain().await;
        assert_eq!(world.balance(&alice.wallet_id).await, balance, "{applied:?}");
    }
    assert_eq!(world.count("ledger_entries").await, 2);
    world.finish().await;
}

/// Tax comes on top of what was ordered and may go back as a whole; a customer's balance may pay a period.
#[tokio::test(flavor = "multi_thread")]
async fn taxes_and_balances_are_no_differences() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let day = 86_400;
    move_providers(&world, -32 * day).await;
    world.emulator().put("/_emulator/stripe/tax").json(json!({"basis_points": 2_000})).expect(200).await;
    let page =
        open(&world, &alice, json!({"channel": "stripe", "type": "subscription", "plan_id": "pro"})).await;
    world.pay(&page, GOOD_CARD).await;
    let refunded = world.buy(&alice, 500).await;
    let intent = intent_of(&world, &refunded).await;
    world.stripe_post("refunds", &format!("payment_intent={intent}&amount=550")).expect(200).await;
    let session = world.stripe_get(&format!("checkout/sessions/{page}")).expect(200).await;
    let customer = format!("customers/{}", session["customer"].as_str().unwrap());
    world.stripe_post(&customer, "balance=-5000").expect(200).await;
    world.drain().await;
    move_providers(&world, 32 * day).await;
    world.drain().await;
    assert_eq!(world.count("ledger_entries where entry_type = 'subscription'").await, 2);
    let from = (world.clock().now() - time::Duration::days(40)).date().to_string();
    let compared = read(&commands::worker(&world, &["reconcile", "--json", "--from", &from]).await);
    assert_eq!(compared.differences(), Vec::<&str>::new(), "{compared:?}");
    assert!(compared.agreeing >= 3, "{compared:?}");
    world.finish().await;
}
