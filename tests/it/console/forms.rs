//! The console without a browser: who gets in, what each role is shown, and that a forged form does nothing.

use harness::client::{Answer, Request};
use harness::world::{Operator, User, World};
use serde_json::{Value, json};

/// Each page that has no parameter, and those of things that exist in [`House`].
fn pages(house: &House) -> Vec<String> {
    let fixed = [
        "/console",
        "/console/search",
        "/console/search?query=alice",
        "/console/orders",
        "/console/orders?status=paid",
        "/console/quarantine",
        "/console/quarantine?state=all",
        "/console/dead-letters",
        "/console/parked-purchases",
        "/console/recharges",
        "/console/catalog",
        "/console/webhooks",
        "/console/keys",
        "/console/operators",
        "/console/account",
        "/console/audit",
        "/console/system",
        "/console/wallets/user:alice",
    ];
    let of_things =
        [format!("/console/orders/{}", house.order), format!("/console/operators/{}", house.viewer.id)];
    fixed.into_iter().map(str::to_owned).chain(of_things).collect()
}

struct House {
    world: World,
    alice: User,
    order: String,
    viewer: Operator,
}

impl House {
    async fn build() -> Self {
        let world = World::start().await;
        let alice = world.create_user("alice").await;
        world.buy(&alice, 500).await;
        let order: String =
            sqlx::query_scalar("select id::text from payments").fetch_one(world.pool()).await.unwrap();
        let viewer = world.create_operator("viewer").await;
        Self { world, alice, order, viewer }
    }

    /// A page, as a browser with the operator's cookie asks for it.
    fn get(&self, token: &str, path: &str) -> Request {
        self.world.api().get(path).header("cookie", &format!("purser_operator={token}"))
    }

    /// A form, as a browser sends it from a page of this site.
    fn post(&self, token: &str, path: &str, fields: &[(&str, &str)]) -> Request {
        let form = reqwest::Url::parse_with_params("http://a/", fields).unwrap();
        let request = self.world.api().post(path).header("cookie", &format!("purser_operator={token}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.header("sec-fetch-site", "same-origin").body(form.query().unwrap_or_default().to_owned())
    }
}

async fn sent(request: Request) -> Answer {
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_see_nothing_and_viewers_see_every_page() {
    let house = House::build().await;
    for page in pages(&house) {
        let stranger = sent(house.world.api().get(&page)).await;
        assert_eq!(stranger.status(), 303, "{page}");
        assert!(stranger.header("location").unwrap().starts_with("/console/sign-in?then="), "{page}");
        let forged = sent(house.get("pos_0000", &page)).await;
        assert_eq!(forged.status(), 303, "{page}");
        // A user's key is no operator's.
        assert_eq!(sent(house.get(&house.alice.api_key, &page)).await.status(), 403, "{page}");
        let shown = sent(house.get(&house.viewer.token, &page)).await;
        assert_eq!(shown.status(), 200, "{page}: {shown}");
        let text = shown.text();
        assert!(text.contains("<h1>") && text.len() < 150_000, "{page}: {} bytes", text.len());
        let policy = shown.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    // All that is kept of a user, as a file.
    let path = "/console/users/alice/export";
    assert_eq!(sent(house.world.api().get(path)).await.status(), 303);
    let file = sent(house.get(&house.viewer.token, path)).await;
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"user.json\""));
    assert_eq!(file.json().unwrap()["profile"]["userId"], json!("alice"));
    // What there is not, and part of a page for whoever was signed out meanwhile.
    assert_eq!(sent(house.get(&house.viewer.token, "/console/wallets/user:nobody")).await.status(), 404);
    let part = sent(house.world.api().get("/console/wallets/user:alice").header("hx-request", "true")).await;
    assert_eq!(part.header("hx-redirect"), Some("/console/sign-in?then=%2Fconsole%2Fwallets%2Fuser%3Aalice"));
    house.world.finish().await;
}

/// The names of all actions, from the page's source: each is tried.
fn actions() -> Vec<String> {
    let sources = ["wallets", "decisions", "catalog", "webhooks", "access"];
    let mut found = Vec::new();
    for source in sources {
        let path = format!("{}/../api/src/pages/console/actions/{source}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        found.extend(text.lines().filter_map(|line| {
            Some(line.trim().strip_prefix("name: \"")?.trim_end_matches("\",").to_owned())
        }));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_can_change_nothing() {
    let house = House::build().await;
    let state = async || -> String {
        let all = "select json_build_array((select json_agg(w order by w.id) from wallets w), (select count(*) from \
         ledger_entries),
                       (select json_agg(u order by u.id) from users u), (select count(*) from admin_actions),
                       (select json_agg(p order by p.id) from packs p), (select count(*) from api_keys),
                       (select json_agg(o order by o.id) from operators o),
                           (select count(*) from refund_requests))::text";
        sqlx::query_scalar(all).fetch_one(house.world.pool()).await.unwrap()
    };
    let before = state().await;
    let names = actions();
    assert!(names.len() > 35, "{names:?}");
    let fields = [
        ("wallet", "user:alice"),
        ("userId", "alice"),
        ("orderId", house.order.as_str()),
        ("credits", "5"),
        ("kind", "paid"),
        ("reason", "forged"),
        ("key", "forged"),
        ("name", "Forged"),
        ("packId", "forged"),
        ("price", "100"),
        ("minor", "100"),
        ("currency", "usd"),
        ("role", "admin"),
        ("operatorId", house.viewer.id.as_str()),
        ("email", "forged@example.com"),
        ("scopes", "admin"),
        ("code", "FORGED"),
        ("percent", "100"),
        ("url", "https://forged.example"),
        ("id", "stripe:evt_1"),
        ("disabled", "true"),
        ("description", "Forged"),
        ("when", "now"),
        ("grantId", "1"),
        ("debitId", "1"),
        ("holdId", "1"),
        ("subscriptionId", "1"),
        ("purchaseId", "1"),
        ("couponId", "1"),
        ("endpointId", "1"),
        ("deliveryId", "1"),
        ("apiKeyId", "1"),
        ("active", "true"),
        ("planId", "forged"),
        ("monthly.price", "9.90"),
        ("monthly.credits", "1000"),
        ("quantity", "1"),
        ("creditsPerDay", "1000"),
        ("timeZone", "UTC"),
    ];
    for name in names.iter().filter(|name| !["password", "end-session"].contains(&name.as_str())) {
        let path = format!("/console/do/{name}");
        let form = sent(house.get(&house.viewer.token, &path)).await;
        assert_eq!(form.status(), 403, "{name}: {form}");
        let forged = sent(house.post(&house.viewer.token, &path, &fields)).await;
        assert_eq!(forged.status(), 403, "{name}: {forged}");
    }
    assert_eq!(state().await, before);
    // No button leads there either.
    for page in pages(&house) {
        let shown = sent(house.get(&house.viewer.token, &page)).await.text();
        for link in shown.split("href=\"/console/do/").skip(1) {
            assert!(link.starts_with("end-session") || link.starts_with("password"), "{page}: {link:.60}");
        }
    }
    house.world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_of_other_sites_do_nothing() {
    let house = House::build().await;
    let admin = house.world.create_operator("admin").await;
    let fields =
        [("wallet", "user:alice"), ("credits", "5"), ("kind", "paid"), ("reason", "forged"), ("key", "1")];
    let cookie = format!("purser_operator={}", admin.token);
    let form = "wallet=user%3Aalice&credits=5&kind=paid&reason=forged&key=1";
    let from = |headers: &[(&str, &str)], path: &str| {
        let request = house.world.api().post(path).header("cookie", &cookie);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        headers.iter().fold(request, |request, (name, value)| request.header(name, value)).body(form)
    };
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[],
    ] {
        for path in [
            "/console/do/grant",
            "/console/sign-in",
            "/console/sign-out",
            "/console/invitation",
            "/console/live",
        ] {
            assert_eq!(sent(from(headers, path)).await.status(), 403, "{path}: {headers:?}");
        }
    }
    assert_eq!(house.world.balance(&house.alice.wallet_id).await, 500);
    // The cookie alone opens nothing of the API.
    let api = house.world.api().get("/purser/v1/users").header("cookie", &cookie);
    assert_eq!(sent(api).await.status(), 401);
    // The same form from a page of ours does what it says, once.
    for _ in 0..2 {
        let done = sent(house.post(&admin.token, "/console/do/grant", &fields)).await;
        assert_eq!((done.status(), done.header("location")), (303, Some("/console?done=grant")));
    }
    assert_eq!(house.world.balance(&house.alice.wallet_id).await, 505);
    house.world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_sign_in_and_out_with_a_form() {
    let house = House::build().await;
    let new = json!({"email": "ada@example.com", "name": "Ada", "role": "support"});
    let made: Value = house.world.admin_post("/purser/v1/operators", new).expect(201).await;
    let url = made["url"].as_str().unwrap();
    let path = &url[url.find("/console").unwrap()..];
    let invitation = sent(house.world.api().get(path)).await;
    assert!(invitation.text().contains("Welcome, Ada"), "{invitation}");
    let link = path.rsplit_once("link=").unwrap().1;
    let short = sent(house.post("", "/console/invitation", &[("link", link), ("password", "short")])).await;
    assert_eq!(short.status(), 400);
    assert!(short.text().contains("12 to 256 characters"), "{short}");
    let password = "correct horse battery";
    let accepted =
        sent(house.post("", "/console/invitation", &[("link", link), ("password", password)])).await;
    assert_eq!((accepted.status(), accepted.header("location")), (303, Some("/console/sign-in?accepted=1")));
    assert_eq!(sent(house.world.api().get(path)).await.status(), 404, "it works once");

    let wrong =
        sent(house.post("", "/console/sign-in", &[("email", "ada@example.com"), ("password", "wrong")]))
            .await;
    assert_eq!(wrong.status(), 401);
    assert!(wrong.text().contains("ada@example.com") && !wrong.text().contains("\"wrong\""), "{wrong}");
    let fields = [("email", "ada@example.com"), ("password", password), ("then", "/console/orders")];
    let done = sent(house.post("", "/console/sign-in", &fields)).await;
    assert_eq!((done.status(), done.header("location")), (303, Some("/console/orders")));
    let cookie = done.header("set-cookie").unwrap().to_owned();
    let (pair, attributes) = cookie.split_once(';').unwrap();
    assert_eq!(attributes, " Path=/console; HttpOnly; SameSite=Strict");
    let token = pair.strip_prefix("purser_operator=").unwrap();
    let account = sent(house.get(token, "/console/account")).await.text();
    assert!(account.contains("Ada") && account.contains("this one"), "{account}");
    let out = sent(house.post(token, "/console/sign-out", &[])).await;
    assert_eq!((out.status(), out.header("location")), (303, Some("/console/sign-in")));
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(sent(house.get(token, "/console")).await.status(), 303, "signed out");
    house.world.finish().await;
}
