//! Buying on the wallet page.

use harness::browser::Screen;
use harness::world::{GOOD_CARD, World};
use serde_json::json;

use super::{open, pay, take};

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_on_a_phone_shows_at_once_in_another_window() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let (phone, desk) =
        tokio::join!(open(&world, "user:alice", Screen::PHONE), open(&world, "user:alice", Screen::DESK));
    desk.wait_for("document.querySelector('live-events').dataset.state === 'connected'").await;
    assert_eq!(desk.value("document.querySelector('#available').innerText").await, json!("0 credits"));
    phone.click("a[href='/wallet/buy']").await;
    phone.wait_for("location.pathname === '/wallet/buy'").await;
    phone.fill("#credits", "2500").await;
    phone.click("form:has(#credits) button").await;
    pay(&phone, &world, GOOD_CARD).await;
    phone.sees("Paid, and credited").await;
    phone.sees("2,500 credits are in the wallet.").await;
    desk.wait_for("document.querySelector('#available').innerText === '2,500 credits'").await;
    // A use shows as well, and the page was never loaded anew.
    desk.value("window.stayed = true").await;
    take(&world, "user:alice", 12, "images").await;
    desk.wait_for("document.querySelector('#available').innerText === '2,488 credits'").await;
    desk.sees("Images").await;
    assert_eq!(desk.value("window.stayed").await, json!(true));
    assert_eq!(world.balance(&alice.wallet_id).await, 2_488);
    phone.finish().await;
    desk.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_mouse_can_buy() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let page = open(&world, "user:alice", Screen::DESK).await;
    page.tab_to("main a[href='/wallet/buy']").await;
    page.press("Enter").await;
    page.wait_for("location.pathname === '/wallet/buy'").await;
    page.tab_to("#credits").await;
    page.write("100").await;
    page.press("Enter").await;
    page.wait_for("document.querySelector('[name=card]') !== null").await;
    if page.value("document.querySelector('[name=email]') !== null").await == json!(true) {
        page.tab_to("[name=email]").await;
        page.write("alice@example.com").await;
    }
    page.tab_to("[name=card]").await;
    page.write(GOOD_CARD).await;
    page.tab_to("button[value=pay]").await;
    page.press("Enter").await;
    page.sees("Paid, and credited").await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    page.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_left_says_that_nothing_was_paid_and_goes_on() {
    let world = World::start().await;
    world.create_user("alice").await;
    let page = open(&world, "user:alice", Screen::PHONE).await;
    page.goto("/wallet/buy").await;
    // What may be one or a thousand is asked again.
    page.fill("#credits", "1,000").await;
    page.click("form:has(#credits) button").await;
    page.sees("Write a number, such as 1000.").await;
    page.fill("#credits", "1000").await;
    page.click("form:has(#credits) button").await;
    page.wait_for("document.querySelector('a.back') !== null").await;
    page.click("a.back").await;
    page.sees("Not paid yet").await;
    page.click("a.button").await;
    pay(&page, &world, GOOD_CARD).await;
    page.sees("1,000 credits are in the wallet.").await;
    page.goto("/wallet/orders").await;
    assert_eq!(page.value("document.querySelectorAll('tbody tr').length").await, json!(1));
    page.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_redeemed_once() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let coupon = json!({"code": "WELCOME", "credits": 30, "maxRedemptions": 1});
    world.admin_post("/purser/v1/catalog/coupons", coupon).expect(201).await;
    let page = open(&world, "user:alice", Screen::PHONE).await;
    page.goto("/wallet/buy").await;
    page.fill("#code", "welcome").await;
    page.click("form[action='/wallet/redeem'] button").await;
    page.sees("The code is redeemed").await;
    page.fill("#code", "welcome").await;
    page.click("form[action='/wallet/redeem'] button").await;
    page.sees("This was not done").await;
    assert_eq!(world.balance(&alice.wallet_id).await, 30);
    page.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_orders_without_an_address_tells_what_happened() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 500).await;
    let page = harness::browser::Page::open(&world.settings().api_url(), Screen::PHONE).await;
    page.goto(&format!("/payment_success?session_id={}", checkout.session_id)).await;
    page.sees("Your payment is being confirmed").await;
    world.pay(&checkout.session_id, GOOD_CARD).await;
    page.sees("500 credits are in the wallet.").await;
    page.goto("/payment_success?session_id=cs_test_unknown").await;
    page.sees("If you have paid").await;
    page.goto("/payment_cancel").await;
    page.sees("Nothing was paid").await;
    page.goto("/payment_success?saved=card").await;
    page.sees("The card is saved").await;
    // A payment's id at the provider is no secret.
    let payment: String =
        sqlx::query_scalar("select provider_payment from payments").fetch_one(world.pool()).await.unwrap();
    let path = format!("/purser/v1/checkout-results/{payment}");
    assert_eq!(world.api().get(&path).send().await.unwrap().status(), 404);
    page.finish().await;
    world.finish().await;
}
