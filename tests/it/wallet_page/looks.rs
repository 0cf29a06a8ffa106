//! Every page and state on both sizes, by day and by night: no barrier for anybody, no fault, and a picture of each in
//! `target/screenshots` (`cargo screenshots`).

use api::brand::{Brand, Support};
use harness::browser::{Page, Screen};
use harness::world::{GOOD_CARD, World};
use serde_json::{Value, json};

use super::{give, link, open, take, url};

async fn look(page: &Page, name: &str) {
    page.is_for_everybody(&format!("wallet-{name}")).await;
}

async fn furnished() -> World {
    let brand = Brand {
        name: "Northwind Studio".to_owned(),
        accent: "#c2185b".to_owned(),
        support: Some(Support {
            text: "help@northwind.example".to_owned(),
            address: "mailto:help@northwind.example".to_owned(),
        }),
        ..Brand::default()
    };
    let world = World::builder().brand(brand).start().await;
    world.create_user("alice").await;
    world.create_user("bob").await;
    let members = json!([{"userId": "alice", "role": "owner"}, {"userId": "bob", "role": "member"}]);
    world
        .admin_post("/purser/v1/organizations", json!({"name": "Acme", "members": members}))
        .expect(201)
        .await;
    let pack = |id: &str, name: &str, credits: i64, minor: i64| {
        json!({"packId": id, "name": name, "description": "For a start", "credits": credits,
               "price": {"minor": minor, "currency": "usd"}, "expiresAfterDays": 365})
    };
    for body in
        [pack("s", "Small", 500, 500), pack("m", "Medium", 2_500, 2_000), pack("l", "Large", 12_500, 9_000)]
    {
        world.admin_post("/purser/v1/catalog/packs", body).expect(201).await;
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_for_everybody() {
    let world = furnished().await;
    let page = open(&world, "user:alice", Screen::PHONE).await;
    page.wait_for("document.querySelector('live-events').dataset.state === 'connected'").await;
    look(&page, "overview-empty").await;
    for path in ["history", "orders", "recharge"] {
        page.goto(&format!("/wallet/{path}")).await;
        look(&page, &format!("{path}-empty")).await;
    }
    give(&world, "user:alice", 4_000, json!({"expiresAfterDays": 12})).await;
    give(&world, "user:alice", 900, json!({"expiresAfterDays": 90})).await;
    for (credits, kind) in [(420, "images"), (130, "chat"), (66, "usage")] {
        take(&world, "user:alice", credits, kind).await;
    }
    page.goto_first("/wallet").await;
    page.wait_for("document.querySelector('value-chart canvas') !== null").await;
    look(&page, "overview").await;
    page.goto_first("/wallet/buy").await;
    look(&page, "buy").await;
    page.fill("#credits", "many").await;
    page.click("form:has(#credits) button").await;
    page.sees("This was not done").await;
    look(&page, "buy-refused").await;
    set_up_recharging(&page, &world).await;
    super::subscriptions::subscribe(&page, &world).await;
    super::subscriptions::sell_dearer(&world).await;
    page.goto_first("/wallet/recharge").await;
    look(&page, "recharge").await;
    page.click("a[href^='/wallet/plan/']").await;
    page.sees("Change to House").await;
    look(&page, "plan-change").await;
    page.goto("/wallet/recharge").await;
    page.click("button[commandfor='remove-card']").await;
    page.wait_for("document.querySelector('dialog[open]') !== null").await;
    look(&page, "recharge-dialog").await;
    page.goto_first("/wallet/history").await;
    look(&page, "history").await;
    order(&page, &world).await;
    page.goto("/wallet/nothing").await;
    look(&page, "not-found").await;
    page.finish().await;
    world.finish().await;
}

async fn set_up_recharging(page: &Page, world: &World) {
    page.goto("/wallet/recharge").await;
    page.fill("#threshold", "50").await;
    page.fill("#cap", "200").await;
    page.click("form[action='/wallet/recharge'] button").await;
    super::pay(page, world, GOOD_CARD).await;
    page.sees("The card is saved").await;
    world.drain().await;
    look(page, "card-saved").await;
}

async fn order(page: &Page, world: &World) {
    page.goto("/wallet/buy").await;
    page.fill("#credits", "750").await;
    page.click("form:has(#credits) button").await;
    page.wait_for("document.querySelector('a.back') !== null").await;
    page.click("a.back").await;
    page.sees("Not paid yet").await;
    look(page, "order-open").await;
    page.click("a.button").await;
    super::pay(page, world, GOOD_CARD).await;
    page.sees("Paid, and credited").await;
    look(page, "order-paid").await;
    page.goto_first("/wallet/orders").await;
    look(page, "orders").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_and_other_languages_and_strangers() {
    let world = furnished().await;
    let organizations =
        world.api().get("/purser/v1/organizations").bearer(&world.settings().secrets.admin_api_key);
    let organizations = organizations.expect(200).await;
    let acme = format!("org:{}", organizations["data"][0]["orgId"].as_str().unwrap());
    give(&world, &acme, 1_000, json!({})).await;
    let limit = json!({"credits": 45, "per": "month"});
    let path = format!("/purser/v1/organizations/{}/members/bob/limit", acme.trim_start_matches("org:"));
    let admin_api_key = &world.settings().secrets.admin_api_key;
    world.api().put(&path).bearer(admin_api_key).json(limit).expect(200).await;
    let debit = json!({"credits": 45, "memberId": "bob"});
    world.admin_post(&format!("/purser/v1/wallets/{acme}/debits"), debit).expect(200).await;
    for (locale, text) in [("de", "Verfügbar"), ("tr", "Kullanılabilir")] {
        let link: Value = link(&world, &acme, json!({"locale": locale, "memberId": "alice"})).await;
        let page = Page::open(&world.settings().api_url(), Screen::PHONE).await;
        page.goto(url(&link)).await;
        page.sees(text).await;
        page.wait_for("document.querySelector('value-chart canvas') !== null").await;
        look(&page, &format!("overview-{locale}")).await;
        page.goto_first("/wallet/members").await;
        page.sees("45").await;
        look(&page, &format!("members-{locale}")).await;
        page.click("li:has([aria-label*=bob]) button[commandfor^=limit]").await;
        page.wait_for("document.querySelector('dialog[open]') !== null").await;
        look(&page, &format!("limit-{locale}")).await;
        page.goto("/wallet/recharge").await;
        look(&page, &format!("recharge-{locale}")).await;
        page.finish().await;
    }
    let reached: Value = link(&world, &acme, json!({"locale": "en", "memberId": "bob"})).await;
    let page = Page::open(&world.settings().api_url(), Screen::PHONE).await;
    page.goto(url(&reached)).await;
    page.sees("Your limit is reached").await;
    look(&page, "limit-reached").await;
    page.finish().await;
    let stranger = Page::open(&world.settings().api_url(), Screen::PHONE).await;
    for (path, name) in [
        ("/wallet", "ended"),
        ("/wallet/open/ppl_none", "link-used"),
        ("/payment_success", "returned"),
        ("/payment_cancel", "canceled"),
        ("/", "home"),
        ("/console/nothing", "no-page"),
    ] {
        stranger.goto_first(path).await;
        look(&stranger, name).await;
    }
    stranger.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_configured_sites_may_have_the_page_in_a_frame() {
    let framing = |origins: &[&str]| {
        let frame_origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        World::builder()
            .brand(Brand { frame_origins, ..Brand::default() })
            .without_worker()
            .without_scheduler()
            .start()
    };
    for (origins, ancestors, cookie) in [
        (&[][..], "frame-ancestors 'none'", "SameSite=Lax"),
        (
            &["https://app.example"],
            "frame-ancestors https://app.example",
            "SameSite=None; Secure; Partitioned",
        ),
    ] {
        let world = framing(origins).await;
        world.create_user("alice").await;
        let link = link(&world, "user:alice", json!({})).await;
        let opened = world.api().get(url(&link)).send().await.unwrap();
        let set = opened.header("set-cookie").unwrap();
        assert!(set.ends_with(cookie), "{set}");
        let token = set.split(';').next().unwrap();
        let page = world.api().get("/wallet").header("cookie", token).send().await.unwrap();
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.ends_with(ancestors) && !policy.contains("unsafe"), "{policy}");
        assert!(!page.text().contains("style=") && !page.text().contains("<script>"), "{}", page.text());
        for part in
            page.text().split('"').filter(|part| part.starts_with("/assets/") || part.contains("colours.css"))
        {
            let part = world.api().get(part).header("accept-encoding", "gzip").send().await.unwrap();
            let kept = part.header("cache-control").unwrap();
            assert!(part.status() == 200 && kept.contains("immutable"), "{kept}");
        }
        world.finish().await;
    }
}
