//! Who sees what: a link opens one wallet, once.

use harness::browser::{Page, Screen};
use harness::world::World;
use serde_json::{Value, json};

use super::{give, link, open, url};

fn token(set_cookie: &str) -> String {
    set_cookie.split(';').next().unwrap().split_once('=').unwrap().1.to_owned()
}

/// Opens a link as a browser does; returns the session's token.
async fn opened(world: &World, link: &Value) -> String {
    let answer = world.api().get(url(link)).send().await.unwrap();
    assert_eq!((answer.status(), answer.header("location")), (303, Some("/wallet")));
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && !cookie.contains("Domain"),
        "{cookie}"
    );
    token(&cookie)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_once_and_says_what_to_do_afterwards() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_user("alice").await;
    let one = link(&world, "user:alice", json!({})).await;
    // What looks at links in advance does not use them up.
    let look = world.api().request(reqwest::Method::HEAD, url(&one)).send().await.unwrap();
    assert_eq!(look.status(), 404);
    let look = world.api().get(url(&one)).header("sec-purpose", "prefetch").send().await.unwrap();
    assert_eq!(look.status(), 404);
    opened(&world, &one).await;
    let page = Page::open(&world.settings().api_url(), Screen::PHONE).await;
    page.speaks("de").await;
    page.goto(url(&one)).await;
    page.sees("Dieser Link gilt nicht mehr").await;
    page.goto("/wallet").await;
    page.sees("Deine Sitzung ist beendet").await;
    page.finish().await;
    let late = link(&world, "user:alice", json!({})).await;
    world.advance(std::time::Duration::from_secs(601)).await;
    let answer = world.api().get(url(&late)).send().await.unwrap();
    assert_eq!(answer.status(), 410);
    assert!(answer.text().contains("within ten minutes"), "{}", answer.text());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_its_user_its_time_and_its_end() {
    let world = World::start().await;
    world.create_user("alice").await;
    let page = open(&world, "user:alice", Screen::PHONE).await;
    page.wait_for("document.querySelector('live-events').dataset.state === 'connected'").await;
    let sessions = world.api().get("/purser/v1/wallets/user:alice/portal-sessions");
    let sessions = sessions.bearer(&world.settings().secrets.admin_api_key).expect(200).await;
    let id = sessions["data"][0]["portalSessionId"].as_str().unwrap();
    let path = format!("/purser/v1/portal-sessions/{id}");
    let end = world.api().delete(&path).bearer(&world.settings().secrets.admin_api_key);
    assert_eq!(end.send().await.unwrap().status(), 204);
    // The page that is open says so by itself.
    page.sees("Your session has ended").await;
    page.finish().await;

    let is_in_force = async |token: &str| {
        let answer =
            world.api().get("/wallet").header("cookie", &format!("purser_wallet={token}")).send().await;
        answer.unwrap().status() == 200
    };
    let ended = opened(&world, &link(&world, "user:alice", json!({})).await).await;
    assert!(is_in_force(&ended).await);
    world.admin_post("/purser/v1/users/alice/block", json!({"reason": "For this test"})).expect(200).await;
    assert!(!is_in_force(&ended).await);
    let body = json!({"wallet": "user:alice", "returnUrl": "http://localhost:3000/"});
    let refused = world.admin_post("/purser/v1/portal-sessions", body).expect(409).await;
    assert_eq!(refused["error"]["code"], "user_blocked");
    world.admin_post("/purser/v1/users/alice/unblock", json!({"reason": "For this test"})).expect(200).await;
    let late = opened(&world, &link(&world, "user:alice", json!({})).await).await;
    world.advance(std::time::Duration::from_secs(7_201)).await;
    assert!(!is_in_force(&late).await);
    let erased = opened(&world, &link(&world, "user:alice", json!({})).await).await;
    let erase = world.api().delete("/purser/v1/users/alice").bearer(&world.settings().secrets.admin_api_key);
    assert_eq!(erase.send().await.unwrap().status(), 204);
    assert!(!is_in_force(&erased).await);
    let actions = sqlx::query_scalar::<_, String>(
        "select action from admin_actions where action like 'portal_session.%'",
    );
    let mut actions = actions.fetch_all(world.pool()).await.unwrap();
    actions.sort();
    actions.dedup();
    assert_eq!(actions, ["portal_session.create", "portal_session.end", "portal_session.open"]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_for_its_wallet_alone() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let made = json!({"name": "Acme", "members": [{"userId": "alice", "role": "owner"}]});
    let acme = world.admin_post("/purser/v1/organizations", made).expect(201).await;
    let (acme_wallet, acme_id) = (acme["walletId"].as_str().unwrap(), acme["orgId"].as_str().unwrap());
    give(&world, "user:bob", 70, json!({})).await;
    let own = opened(&world, &link(&world, "user:alice", json!({})).await).await;
    let org = format!("org:{acme_id}");
    let of_acme = opened(&world, &link(&world, &org, json!({"memberId": "alice"})).await).await;
    let anonymous = opened(&world, &link(&world, &org, json!({})).await).await;
    let status =
        async |token: &str, path: &str| world.api().get(path).bearer(token).send().await.unwrap().status();
    let wallet = |id: &str| format!("/purser/v1/wallets/{id}");
    for (token, own_wallet, foreign) in [
        (&own, &alice.wallet_id, [acme_wallet, &bob.wallet_id]),
        (&of_acme, &acme_wallet.to_owned(), [&alice.wallet_id, &bob.wallet_id]),
        (&anonymous, &acme_wallet.to_owned(), [&alice.wallet_id, &bob.wallet_id]),
    ] {
        assert_eq!(status(token, &wallet(own_wallet)).await, 200);
        let me = world.api().get("/purser/v1/wallets/me").bearer(token).expect(200).await;
        assert_eq!(me["walletId"], **own_wallet);
        for id in foreign {
            assert_eq!(status(token, &wallet(id)).await, 404, "{id}");
            assert_eq!(status(token, &format!("{}/entries", wallet(id))).await, 404, "{id}");
        }
        // It neither spends nor manages, and is no credential of the APIs of other systems.
        let debit =
            world.api().post("/purser/v1/wallets/me/debits").bearer(token).json(json!({"credits": 1}));
        assert_eq!(debit.send().await.unwrap().status(), 403);
        assert_eq!(status(token, "/purser/v1/users").await, 403);
        assert_eq!(status(token, "/credits/balance").await, 403);
    }
    assert_eq!(status(&own, &format!("/purser/v1/organizations/{acme_id}")).await, 404);
    assert_eq!(status(&of_acme, &format!("/purser/v1/organizations/{acme_id}")).await, 200);
    for (body, code) in [
        (json!({"wallet": "user:alice", "returnUrl": "https://evil.example/"}), "url_not_allowed"),
        (
            json!({"wallet": "user:alice", "returnUrl": "http://localhost:3000/", "locale": "fr"}),
            "invalid_request",
        ),
        (json!({"wallet": "user:nobody", "returnUrl": "http://localhost:3000/"}), "wallet_not_found"),
        (json!({"wallet": org, "returnUrl": "http://localhost:3000/", "memberId": "bob"}), "not_found"),
    ] {
        let refused = world.admin_post("/purser/v1/portal-sessions", body).send().await.unwrap();
        assert_eq!(refused.json().unwrap()["error"]["code"], code);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_changes_nothing() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_user("alice").await;
    let token = opened(&world, &link(&world, "user:alice", json!({})).await).await;
    let alert = |name: &'static str, value: &str| {
        let request = world.api().post("/wallet/alerts").header("cookie", &format!("purser_wallet={token}"));
        request
            .header(name, value)
            .header("content-type", "application/x-www-form-urlencoded")
            .body("levels=5")
    };
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("x-none", "1")]
    {
        assert_eq!(alert(name, value).send().await.unwrap().status(), 403, "{name}");
    }
    assert_eq!(alert("sec-fetch-site", "same-origin").send().await.unwrap().status(), 303);
    world.finish().await;
}

/// What the page does, a program can do.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_opens_a_session_as_the_page_does() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let made = link(&world, "user:alice", json!({"locale": "tr"})).await;
    let secret = url(&made).rsplit_once('/').unwrap().1;
    let open = || world.api().post("/purser/v1/portal-sessions/open").json(json!({"link": secret}));
    let session = open().expect(201).await;
    let used = open().expect(401).await;
    assert_eq!(used["error"]["code"], "link_invalid");
    let token = session["sessionToken"].as_str().unwrap();
    let current = world.api().get("/purser/v1/portal-session").bearer(token).expect(200).await;
    assert_eq!((&current["locale"], &current["walletId"]), (&json!("tr"), &json!(alice.wallet_id)));
    assert_eq!(current["portalSessionId"], made["portalSessionId"]);
    world.api().get("/purser/v1/portal-session").bearer(&alice.api_key).expect(404).await;
    let order =
        world.api().post("/purser/v1/orders").bearer(token).json(json!({"wallet": "me", "credits": 100}));
    let order = order.expect(201).await;
    let path = format!("/purser/v1/checkouts/{}", order["orderId"].as_str().unwrap());
    let checkout = world.api().get(&path).bearer(token).expect(200).await;
    assert_eq!((&checkout["mode"], &checkout["status"]), (&json!("payment"), &json!("open")));
    assert_eq!(checkout["checkoutUrl"], order["checkoutUrl"]);
    assert_eq!(world.api().get(&path).bearer(&bob.api_key).send().await.unwrap().status(), 404);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_manage_members_and_nothing_else() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    for user in ["olga", "adam", "mia", "eve"] {
        world.create_user(user).await;
    }
    let member = |user: &str, role: &str| json!({"userId": user, "role": role});
    let members = json!([member("olga", "owner"), member("adam", "admin"), member("mia", "member")]);
    let acme = world
        .admin_post("/purser/v1/organizations", json!({"name": "Acme", "members": members}))
        .expect(201)
        .await;
    let (id, wallet) = (acme["orgId"].as_str().unwrap(), acme["walletId"].as_str().unwrap());
    let session = async |user: &str| {
        opened(&world, &link(&world, &format!("org:{id}"), json!({"memberId": user})).await).await
    };
    let (olga, adam, mia) = (session("olga").await, session("adam").await, session("mia").await);
    let put = async |token: &str, user: &str, role: &str| {
        let path = format!("/purser/v1/organizations/{id}/members/{user}");
        world.api().put(&path).bearer(token).json(json!({"role": role})).send().await.unwrap().status()
    };
    assert_eq!(put(&olga, "eve", "viewer").await, 200);
    assert_eq!(put(&adam, "eve", "member").await, 200);
    for (token, user, role) in
        [(&adam, "eve", "owner"), (&adam, "olga", "viewer"), (&adam, "adam", "owner"), (&mia, "mia", "owner")]
    {
        assert_eq!(put(token, user, role).await, 403, "{user} {role}");
    }
    let grant = json!({"credits": 1, "kind": "paid", "reason": "For myself"});
    for wallet in [wallet, "user:olga", "me"] {
        let path = format!("/purser/v1/wallets/{wallet}/grants");
        let status = world.api().post(&path).bearer(&olga).json(grant.clone()).send().await.unwrap().status();
        assert!([403, 404].contains(&status), "{wallet}: {status}");
    }
    // On the page, as a person does it.
    let page = Page::open(&world.settings().api_url(), Screen::DESK).await;
    page.goto(url(&link(&world, &format!("org:{id}"), json!({"memberId": "olga", "locale": "en"})).await))
        .await;
    page.goto("/wallet/members").await;
    page.value("document.querySelector('[aria-label=\"Role of eve\"]').value = 'admin'").await;
    page.value("window.leaving = true").await;
    page.click("li:has([aria-label='Role of eve']) button[type=submit]").await;
    page.wait_for("!window.leaving && document.readyState === 'complete'").await;
    assert_eq!(
        page.value("document.querySelector('[aria-label=\"Role of eve\"]').value").await,
        json!("admin")
    );
    page.click("li:has([aria-label='Role of mia']) button.danger").await;
    page.click("dialog[open] button.danger").await;
    page.wait_for("document.querySelector('[aria-label=\"Role of mia\"]') === null").await;
    let gone =
        world.api().get("/wallet").header("cookie", &format!("purser_wallet={mia}")).send().await.unwrap();
    assert_eq!(gone.status(), 404);
    page.finish().await;
    world.finish().await;
}
