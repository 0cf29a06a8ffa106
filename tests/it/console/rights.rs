//! In a browser: a viewer can change nothing, not even with requests made by hand, and a stranger sees nothing.

use harness::browser::{Page, Screen};
use harness::world::World;
use serde_json::json;

use super::{employ, pay_too_little, sign_in};

/// What the others do in the tests beside this one, as forms that somebody writes by hand.
const DEEDS: [(&str, &str); 8] = [
    ("grant", "wallet=user:alice&credits=5&kind=paid&reason=forged"),
    ("adjust", "wallet=user:alice&credits=5&reason=forged"),
    ("give-back", "debitId=DEBIT&reason=forged"),
    ("refund", "orderId=ORDER&reason=forged"),
    ("credit-event", "id=EVENT&reason=forged"),
    ("pause", "wallet=user:alice&reason=forged"),
    ("erase", "userId=alice&reason=forged"),
    ("role", "operatorId=OPERATOR&role=admin&reason=forged"),
];

async fn one(world: &World, statement: &'static str) -> String {
    sqlx::query_scalar(statement).fetch_one(world.pool()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_is_offered_nothing_and_refused_everything() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 500).await;
    let debit = world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.api_key);
    let debit = debit.json(json!({"credits": 40})).expect(200).await;
    pay_too_little(&world, &alice).await;
    let page = sign_in(&world, &employ(&world, "Vera", "viewer").await, Screen::DESK).await;
    let order = one(&world, "select id::text from payments order by created_at limit 1").await;
    let event = "select provider || ':' || event_id from provider_events where outcome = 'quarantined'";
    let event = one(&world, event).await;
    let operator = one(&world, "select id::text from operators").await;
    let before = world.count("admin_actions").await;
    for path in [
        "/console".to_owned(),
        "/console/wallets/user:alice".to_owned(),
        format!("/console/orders/{order}"),
        format!("/console/quarantine/{event}"),
        format!("/console/operators/{operator}"),
        "/console/catalog".to_owned(),
        "/console/keys".to_owned(),
    ] {
        page.goto(&path).await;
        let offers = "document.querySelectorAll(\"main a[href^='/console/do/']\").length";
        assert_eq!(page.value(offers).await, json!(0), "{path}");
    }
    for (deed, form) in DEEDS {
        let form = form.replace("ORDER", &order).replace("EVENT", &event).replace("OPERATOR", &operator);
        let form = form.replace("DEBIT", debit["debitId"].as_str().unwrap());
        let send = format!(
            "fetch('/console/do/{deed}', {{method: 'POST', redirect: 'manual', \
             body: new URLSearchParams('{form}&key=forged')}}).then(answer => answer.status)"
        );
        assert_eq!(page.value(&send).await, json!(403), "{deed}");
        page.goto(&format!("/console/do/{deed}?{form}")).await;
        page.sees("Your role does not allow this").await;
    }
    assert_eq!((world.count("admin_actions").await, world.balance(&alice.wallet_id).await), (before, 460));
    page.finish().await;
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_shown_the_form_to_sign_in_and_nothing_else() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_user("alice").await;
    let page = Page::open(&world.settings().api_url(), Screen::PHONE).await;
    for path in ["", "/search?query=alice", "/wallets/user:alice", "/audit", "/system", "/do/grant"] {
        page.goto(&format!("/console{path}")).await;
        page.wait_for("location.pathname === '/console/sign-in'").await;
        assert!(!page.text().await.contains("alice"), "{path}");
    }
    page.fill("#email", "alice@example.com").await;
    page.fill("#password", "guessed by a stranger").await;
    page.press("Enter").await;
    page.sees("You are not signed in").await;
    let send = "fetch('/console/do/grant', {method: 'POST', redirect: 'manual', \
                body: new URLSearchParams('wallet=user:alice&credits=5&kind=paid&reason=forged&key=1')})\
                .then(answer => answer.type)";
    assert_eq!(page.value(send).await, json!("opaqueredirect"), "led to sign in");
    assert_eq!(world.count("admin_actions where action = 'credits.give'").await, 0);
    page.finish().await;
    world.finish().await;
}
