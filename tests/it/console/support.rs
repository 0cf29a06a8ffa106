//! Support's day: somebody paid and has no credits, and everything else that is done by hand, each by an operator whose
//! role allows it, while the customer looks at the wallet page in a second window.

use harness::browser::{Page, Screen};
use harness::world::{GOOD_CARD, World};
use serde_json::json;

use super::{PASSWORD, act, audited, employ, pay_too_little, sign_in};
use crate::recharge::{plain, recharged};
use crate::wallet_page;

/// The customer's window, which is never loaded anew.
async fn customer(world: &World, wallet: &str) -> Page {
    let page = wallet_page::open(world, wallet, Screen::PHONE).await;
    page.wait_for("document.querySelector('live-events').dataset.state === 'connected'").await;
    page.value("window.stayed = true").await;
    page
}

async fn customer_has(page: &Page, credits: &str) {
    page.wait_for(&format!("document.querySelector('#available').innerText === '{credits} credits'")).await;
    assert_eq!(page.value("window.stayed").await, json!(true), "the page was loaded again");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_paid_and_has_no_credits_is_found_and_helped() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.put_user("alice", json!({"email": "alice@example.com", "name": "Alice"})).expect(200).await;
    pay_too_little(&world, &alice).await;
    let email = employ(&world, "Finn", "finance").await;
    let page = sign_in(&world, &email, Screen::DESK).await;
    page.sees("in quarantine").await;

    // She says that she paid. What does the system say?
    page.goto("/console/search").await;
    page.fill("#query", "alice@example.com").await;
    page.press("Enter").await;
    page.click("table a[href^='/console/wallets/']").await;
    page.wait_for("document.querySelector('#available')?.innerText === '0 credits'").await;
    let window = customer(&world, "user:alice").await;
    customer_has(&window, "0").await;

    page.click("table a[href^='/console/orders/']").await;
    page.sees("The order was placed").await;
    page.click("#story li:has(.badge.bad) a[href^='/console/quarantine/']").await;
    page.sees("Differs").await;
    page.sees("$25.00").await;
    page.sees("$30.00").await;
    act(&page, "credit-event", &[("reason", "Sold at the old price")], "The order is credited.").await;
    customer_has(&window, "2,500").await;
    let decided = audited(&world, "provider_event.credit").await;
    assert_eq!(decided["details"]["reason"], json!("Sold at the old price"));
    assert!(decided["actor"].as_str().unwrap().starts_with("operator:"), "{decided}");
    page.finish().await;
    window.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_deed_is_done_by_a_role_that_may() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 500).await;
    let debit = world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.api_key);
    debit.json(json!({"credits": 40, "description": "one render"})).expect(200).await;
    let window = customer(&world, "user:alice").await;
    customer_has(&window, "460").await;

    let page = sign_in(&world, &employ(&world, "Sue", "support").await, Screen::PHONE).await;
    page.goto("/console/wallets/user:alice").await;
    page.sees("one render").await;
    for beyond in ["grant", "adjust", "erase", "void"] {
        let hidden = format!("document.querySelector(\"a[href^='/console/do/{beyond}?']\") === null");
        assert_eq!(page.value(&hidden).await, json!(true), "support may not {beyond}");
    }
    act(&page, "give-back", &[("reason", "The render failed")], "The credits are back").await;
    page.wait_for("document.querySelector('#available').innerText === '500 credits'").await;
    customer_has(&window, "500").await;
    assert_eq!(audited(&world, "debit.refund").await["details"]["reason"], json!("The render failed"));
    page.finish().await;

    let page = sign_in(&world, &employ(&world, "Finn", "finance").await, Screen::DESK).await;
    page.goto("/console/wallets/user:alice").await;
    let gift = [("credits", "12.5"), ("reason", "For the trouble")];
    act(&page, "grant", &gift, "The credits are in the wallet.").await;
    customer_has(&window, "512.5").await;
    assert_eq!(audited(&world, "credits.give").await["details"]["reason"], json!("For the trouble"));
    // What cannot be is said where it was asked for, and what was typed stays.
    page.click("a[href^='/console/do/adjust?']").await;
    page.fill("#credits", "-1000").await;
    page.fill("#reason", "Too much").await;
    page.click("main form button").await;
    page.sees("This was not done").await;
    assert_eq!(page.value("document.querySelector('#reason').value").await, json!("Too much"));
    page.goto("/console/wallets/user:alice").await;
    page.click("table a[href^='/console/orders/']").await;
    page.sees("The order was paid").await;
    act(&page, "refund", &[("reason", "Bought by mistake")], "The refund is on its way.").await;
    page.sees("Credits moved: refund").await;
    customer_has(&window, "12.5").await;
    assert_eq!(audited(&world, "order.refund").await["details"]["reason"], json!("Bought by mistake"));
    page.finish().await;
    window.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_blocked_let_in_again_and_erased() {
    let world = World::start().await;
    world.create_user("alice").await;
    world.put_user("alice", json!({"email": "alice@example.com", "name": "Alice"})).expect(200).await;
    let page = sign_in(&world, &employ(&world, "Ada", "admin").await, Screen::DESK).await;
    page.goto("/console/wallets/user:alice").await;
    act(&page, "block", &[("reason", "A stolen card")], "The user is kept out.").await;
    page.sees("A stolen card").await;
    act(&page, "unblock", &[("reason", "It was not")], "may come in again").await;
    act(&page, "erase", &[("reason", "She asked for it")], "personal data is gone").await;
    page.sees("Erased").await;
    assert_eq!(audited(&world, "user.erase").await["details"]["reason"], json!("She asked for it"));
    page.goto("/console/audit").await;
    for done in ["user.block", "user.unblock", "user.erase", "She asked for it", "Ada"] {
        page.sees(done).await;
    }
    page.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recharging_is_paused_and_goes_on() {
    let world = World::start().await;
    recharged(&world, "alice", 5_000, GOOD_CARD, plain()).await;
    let page = sign_in(&world, &employ(&world, "Sue", "support").await, Screen::PHONE).await;
    page.goto("/console/wallets/user:alice").await;
    act(&page, "pause", &[("reason", "She lost her card")], "Recharging is paused.").await;
    page.goto("/console/recharges").await;
    page.sees("alice").await;
    page.click("table a[href^='/console/wallets/']").await;
    act(&page, "resume", &[("reason", "She found it")], "Recharging goes on.").await;
    assert_eq!(audited(&world, "auto_recharge.pause").await["details"]["reason"], json!("She lost her card"));
    assert_eq!(audited(&world, "auto_recharge.resume").await["details"]["reason"], json!("She found it"));
    page.finish().await;
    world.finish().await;
}

/// A session that was ended leads to the page to sign in, wherever one is, and from there back.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_signed_out_is_led_to_sign_in() {
    let world = World::start().await;
    world.create_user("alice").await;
    let email = employ(&world, "Ada", "admin").await;
    let page = sign_in(&world, &email, Screen::DESK).await;
    page.goto("/console/account").await;
    page.sees("this one").await;
    page.click("a[href^='/console/do/end-session?']").await;
    page.click("main form button").await;
    page.wait_for("location.pathname === '/console/sign-in'").await;
    page.goto("/console/wallets/user:alice").await;
    page.wait_for("location.pathname === '/console/sign-in'").await;
    page.fill("#email", &email).await;
    page.fill("#password", PASSWORD).await;
    page.press("Enter").await;
    page.wait_for("decodeURIComponent(location.pathname) === '/console/wallets/user:alice'").await;
    page.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_mouse_can_give_credits() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let page = sign_in(&world, &employ(&world, "Finn", "finance").await, Screen::DESK).await;
    page.tab_to("a[href='/console/search']").await;
    page.press("Enter").await;
    page.wait_for("document.activeElement?.id === 'query'").await;
    page.write("alice").await;
    page.press("Enter").await;
    page.wait_for("document.querySelector('table a') !== null").await;
    page.tab_to("table a").await;
    page.press("Enter").await;
    page.wait_for("document.querySelector('#available') !== null").await;
    page.tab_to("a[href^='/console/do/grant?']").await;
    page.press("Enter").await;
    page.wait_for("location.pathname === '/console/do/grant'").await;
    page.tab_to("#credits").await;
    page.write("7").await;
    page.tab_to("#reason").await;
    page.write("A keyboard is enough").await;
    page.tab_to("main form button").await;
    page.press("Enter").await;
    page.sees("The credits are in the wallet.").await;
    assert_eq!(world.balance(&alice.wallet_id).await, 7);
    page.finish().await;
    world.finish().await;
}
