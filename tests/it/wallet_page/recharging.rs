//! Setting up recharging on the wallet page, up to its cap.

use harness::browser::Screen;
use harness::world::{GOOD_CARD, World};
use serde_json::json;

use super::{give, open, pay, take};

#[tokio::test(flavor = "multi_thread")]
async fn recharging_is_set_up_charges_and_stops_at_its_cap() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    give(&world, "user:alice", 100, json!({})).await;
    let page = open(&world, "user:alice", Screen::PHONE).await;
    page.goto("/wallet/recharge").await;
    page.fill("#threshold", "50").await;
    page.fill("#amount", "20").await;
    page.fill("#cap", "30").await;
    page.click("form[action='/wallet/recharge'] button").await;
    // Without a card it asks for one, and comes back once it is saved.
    pay(&page, &world, GOOD_CARD).await;
    page.sees("The card is saved").await;
    world.drain().await;
    page.goto("/wallet/recharge").await;
    let sentence =
        "When less than 50 credits are left, $20.00 is charged to your card, and at most $30.00 in a";
    page.sees(sentence).await;
    page.sees("ending in 4242").await;
    page.wait_for("document.querySelector('live-events').dataset.state === 'connected'").await;
    take(&world, "user:alice", 60, "usage").await;
    // Two thousand for twenty dollars; the page says so by itself.
    page.sees("$20.00 was charged this month.").await;
    page.sees("$10.00 are left").await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_040);
    // Off, and on again with what was set up.
    page.click("button[formaction='/wallet/recharge/off']").await;
    page.sees("By switching it on you agree").await;
    page.click("form[action='/wallet/recharge'] button").await;
    page.sees(sentence).await;
    page.click("button[commandfor='remove-card']").await;
    page.wait_for("document.querySelector('dialog').open").await;
    page.press("Escape").await;
    page.wait_for("!document.querySelector('dialog').open").await;
    page.click("button[commandfor='remove-card']").await;
    page.click("dialog button.danger").await;
    page.sees("No card is saved.").await;
    page.fill("#levels", "100 10").await;
    page.click("form[action='/wallet/alerts'] button").await;
    page.wait_for("document.querySelector('#levels').value === '10 100'").await;
    page.finish().await;
    world.finish().await;
}
