//! Limits of an organization's members on the wallet page: set by its owner, reached by a member, seen by both.

use harness::browser::{Page, Screen};
use harness::world::World;
use serde_json::{Value, json};

use super::{give, link, url};

struct Organization {
    id: String,
}

impl Organization {
    /// Olga owns it, adam is its admin, mia spends.
    async fn create(world: &World) -> Self {
        for user in ["olga", "adam", "mia"] {
            world.create_user(user).await;
        }
        let member = |user: &str, role: &str| json!({"userId": user, "role": role});
        let members = [member("olga", "owner"), member("adam", "admin"), member("mia", "member")];
        let new = json!({"name": "Acme", "members": members});
        let made = world.admin_post("/purser/v1/organizations", new).expect(201).await;
        let id = made["orgId"].as_str().unwrap().to_owned();
        give(world, &format!("org:{id}"), 1_000, json!({})).await;
        Self { id }
    }

    /// The wallet's page as a member sees it.
    async fn page_of(&self, world: &World, member: &str) -> Page {
        let link =
            link(world, &format!("org:{}", self.id), json!({"memberId": member, "locale": "en"})).await;
        let page = Page::open(&world.settings().api_url(), Screen::PHONE).await;
        page.goto(url(&link)).await;
        page.wait_for("location.pathname === '/wallet'").await;
        page
    }

    /// A member's limit, as the own API says.
    async fn limit(&self, world: &World, member: &str) -> Value {
        let found = world.api().get(&format!("/purser/v1/organizations/{}", self.id));
        let found = found.bearer(&world.settings().secrets.admin_api_key).expect(200).await;
        let mut members = found["members"].as_array().unwrap().iter();
        members.find(|one| one["userId"] == member).unwrap()["limit"].clone()
    }

    /// Mia uses credits; returns the status and the error's code.
    async fn spend(&self, world: &World, credits: i64) -> (u16, Value) {
        let debit = json!({"credits": credits, "memberId": "mia", "type": "render"});
        let path = format!("/purser/v1/wallets/org:{}/debits", self.id);
        let answer = world.admin_post(&path, debit).send().await.unwrap();
        (answer.status(), answer.json().unwrap()["error"]["code"].clone())
    }
}

/// Opens the dialog in the row of a member.
async fn open_limit(page: &Page, member: &str) {
    page.click(&format!("li:has([aria-label='Role of {member}']) button[commandfor^=limit]")).await;
    page.wait_for("document.querySelector('dialog[open] [name=credits]') !== null").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_limits_a_member_who_sees_it_reached() {
    let world = World::start().await;
    let acme = Organization::create(&world).await;
    let (olga, mia) = (acme.page_of(&world, "olga").await, acme.page_of(&world, "mia").await);
    mia.wait_for("document.querySelector('live-events').dataset.state === 'connected'").await;
    assert!(!mia.text().await.contains("Your limit"), "{}", mia.text().await);
    // Who may not buy for the organization is not invited to.
    for (page, links) in [(&olga, 2), (&mia, 0)] {
        let found = "document.querySelectorAll('a[href=\"/wallet/buy\"]').length";
        assert_eq!(page.value(found).await, json!(links));
    }
    olga.goto("/wallet/members").await;
    // On a phone the place where one is comes into sight.
    let right = "document.querySelector('nav [aria-current]').getBoundingClientRect().right <= innerWidth";
    assert_eq!(olga.value(right).await, json!(true));
    open_limit(&olga, "mia").await;
    // What may be one or a thousand is asked again, and nothing is set.
    olga.fill("dialog[open] [name=credits]", "1,000").await;
    olga.click("dialog[open] form > .row button:not([class])").await;
    olga.sees("This was not done").await;
    assert_eq!(acme.limit(&world, "mia").await, Value::Null);
    open_limit(&olga, "mia").await;
    olga.fill("dialog[open] [name=credits]", "100").await;
    olga.value("document.querySelector('dialog[open] [name=per]').value = 'day'").await;
    olga.click("dialog[open] form > .row button:not([class])").await;
    olga.sees("100 a day").await;
    let limit = acme.limit(&world, "mia").await;
    assert_eq!((&limit["credits"], &limit["per"]), (&json!(100), &json!("day")));

    assert_eq!(acme.spend(&world, 60).await.0, 200);
    // Mia's page says by itself what she may still use, then that it is over; olga's says who used it.
    mia.sees("100 a day: 40 left until").await;
    assert_eq!(acme.spend(&world, 40).await.0, 200);
    mia.sees("Your limit is reached").await;
    assert_eq!(acme.spend(&world, 1).await, (402, json!("limit_reached")));
    olga.goto("/wallet/members").await;
    olga.sees("0 left until").await;
    let used = "document.querySelector(\"li:has([aria-label='Role of mia']) dd\").innerText";
    assert_eq!(olga.value(used).await, json!("100"));

    open_limit(&olga, "mia").await;
    olga.click("dialog[open] button[formaction]").await;
    olga.wait_for("!document.body.innerText.includes('100 a day')").await;
    assert_eq!(acme.limit(&world, "mia").await, Value::Null);
    assert_eq!(acme.spend(&world, 1).await.0, 200);
    mia.wait_for("!document.body.innerText.includes('Your limit')").await;
    olga.finish().await;
    mia.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_limit_members_and_members_limit_nobody() {
    let world = World::start().await;
    let acme = Organization::create(&world).await;
    let dialogs =
        "[...document.querySelectorAll('dialog[id^=limit] [name=userId]')].map(one => one.value).join()";
    for (user, may_limit) in [("olga", "adam,mia,olga"), ("adam", "mia"), ("mia", "")] {
        let page = acme.page_of(&world, user).await;
        page.goto("/wallet/members").await;
        let found = page.value(dialogs).await;
        let mut found: Vec<&str> = found.as_str().unwrap().split(',').collect();
        found.sort_unstable();
        assert_eq!(found.join(","), may_limit, "{user}");
        page.finish().await;
    }
    // A form that the page does not show is refused by the own API, in its words.
    let page = acme.page_of(&world, "mia").await;
    let send = "fetch('/wallet/members/limit', {method: 'POST', body: new URLSearchParams({userId: 'olga', \
                credits: '1', per: 'day'})}).then(answer => answer.text())";
    let answer = page.value(send).await;
    assert!(
        answer.as_str().unwrap().contains("Your role in this organization does not allow this"),
        "{answer}"
    );
    assert_eq!(acme.limit(&world, "olga").await, Value::Null);
    world.finish().await;
}
