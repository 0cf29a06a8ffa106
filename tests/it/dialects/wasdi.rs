//! WASDI's credits API: every endpoint of its document with its statuses and messages, and what must not be possible
//! over its confirmation.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use harness::client::{Answer, Request};
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

const MOUNTS: [&str; 2] = ["", "/wasdiwebserver/rest"];

fn as_user(request: Request, user: &User) -> Request {
    request.header("x-session-token", &user.api_key)
}

async fn get(world: &World, user: &User, path: &str) -> Answer {
    as_user(world.api().get(path), user).send().await.unwrap()
}

async fn list(world: &World, user: &User, query: &str) -> Vec<Value> {
    let answer = as_user(world.api().get(&format!("/credits/listbyuser{query}")), user).expect(200).await;
    answer.as_array().unwrap().clone()
}

/// The package of this id.
async fn package(world: &World, user: &User, id: &str) -> Value {
    let listed = list(world, user, "").await;
    listed.into_iter().find(|package| package["creditPackageId"] == id).unwrap()
}

async fn total(world: &World, user: &User) -> f64 {
    let answer = get(world, user, "/credits/totalbyuser").await;
    assert_eq!(answer.status(), 200, "{answer}");
    answer.json().unwrap().as_f64().unwrap()
}

/// Adds a package and returns its id.
async fn add(world: &World, user: &User, body: Value) -> String {
    let answer = as_user(world.api().post("/credits/add"), user).json(body).expect(200).await;
    assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    answer["message"].as_str().unwrap().to_owned()
}

async fn payment_url(world: &World, user: &User, id: &str) -> Answer {
    get(world, user, &format!("/credits/stripe/paymentUrl?creditPackageId={id}")).await
}

/// Where a package is to be paid.
async fn url(world: &World, user: &User, id: &str) -> String {
    let answer = payment_url(world, user, id).await;
    assert_eq!(answer.status(), 200, "{answer}");
    answer.json().unwrap()["message"].as_str().unwrap().to_owned()
}

/// Follows a Payment Link to the page that it opens, and returns the page's session.
async fn visit(world: &World, link: &str) -> String {
    let path = link.split_once("/l/").map(|(_, rest)| format!("/l/{rest}")).unwrap();
    let answer = world.emulator().get(&path).send().await.unwrap();
    let page = answer.header("location").unwrap_or_else(|| panic!("{answer}")).to_owned();
    page.rsplit('/').next().unwrap().to_owned()
}

/// The session of the page that is open for a package.
async fn session_of(world: &World, id: &str) -> String {
    sqlx::query_scalar("select provider_session from payments where id = $1::text::uuid")
        .bind(id)
        .fetch_one(world.pool())
        .await
        .unwrap()
}

async fn confirm(world: &World, session: &str) -> u16 {
    let answer = world.api().get(&format!("/credits/stripe/confirmation/{session}")).send().await.unwrap();
    // Browsers read a 200 as JSON: there is nothing in it.
    assert_eq!(answer.text(), "", "{answer}");
    answer.status()
}

async fn quarantined(world: &World) -> Vec<String> {
    sqlx::query_scalar("select reason from provider_events where outcome = 'quarantined' order by reason")
        .fetch_all(world.pool())
        .await
        .unwrap()
}

fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json().unwrap();
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{answer}");
    (answer.status(), body["message"].as_str().unwrap().to_owned())
}

fn refused(status: u16, message: &str) -> (u16, String) {
    (status, message.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn package_types_are_public_and_as_documented() {
    let world = World::start().await;
    let types = json!([
        {"typeId": "Fifty", "name": "Fifty credits", "description": "Fifty credits"},
        {"typeId": "OneHundred", "name": "One hundred credits", "description": "One hundred credits"}]);
    for root in MOUNTS {
        let path = format!("{root}/credits/types");
        assert_eq!(world.api().get(&path).expect(200).await, types);
        let odd = world.api().get(&path).header("x-session-token", "rubbish").expect(200).await;
        assert_eq!(odd, types);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_added_paid_confirmed_and_credited() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    // What clients send is the whole model: most of it is not theirs to say.
    let sent = json!({"creditPackageId": "mine", "name": "Survey", "type": "Fifty", "buyDate": 5.0,
                      "userId": "bob", "buySuccess": true, "creditsRemaining": 1e9, "lastUpdate": 7.5, "price": 1,
                      "unheardOf": [{}]});
    let id = add(&world, &alice, sent).await;
    assert_eq!(id.parse::<uuid::Uuid>().unwrap().to_string(), id, "lower case, with dashes");
    assert!(total(&world, &alice).await.abs() < f64::EPSILON);
    let unpaid = json!({"creditPackageId": id, "name": "Survey", "type": "Fifty", "buyDate": 0, "userId": "alice",
                        "buySuccess": false, "creditsRemaining": 50, "lastUpdate": 0});
    assert_eq!(list(&world, &alice, "").await, [unpaid]);
    let page = url(&world, &alice, &id).await;
    assert!(page.contains("/c/pay/cs_test_"), "{page}");
    assert_eq!(url(&world, &alice, &id).await, page, "asking again opens no other page");
    let session = session_of(&world, &id).await;
    // Not paid: confirming it changes nothing.
    assert_eq!(confirm(&world, &session).await, 500);
    world.pay(&session, GOOD_CARD).await;
    world.drain().await;
    let paid = package(&world, &alice, &id).await;
    let now = time::OffsetDateTime::now_utc().unix_timestamp() * 1_000;
    let bought = paid["buyDate"].as_f64().unwrap();
    assert!((now - 120_000..now + 120_000).contains(&(bought as i64)), "milliseconds: {bought}");
    assert_eq!((&paid["buySuccess"], &paid["lastUpdate"]), (&json!(true), &paid["buyDate"]));
    for _ in 0..2 {
        world.advance(Duration::from_mins(1)).await;
        assert_eq!(confirm(&world, &session).await, 200);
    }
    world.drain().await;
    assert_eq!(package(&world, &alice, &id).await, paid, "the first confirmation is the one that counts");
    assert!((total(&world, &alice).await - 50.0).abs() < f64::EPSILON);
    let again = payment_url(&world, &alice, &id).await;
    assert_eq!(refusal(&again), refused(400, "The credit package has been paid already."));
    // Spent through another API, also in parts.
    let spend = world
        .api()
        .post("/purser/v1/wallets/me/debits")
        .bearer(&alice.api_key)
        .json(json!({"credits": 12.25}));
    spend.expect(200).await;
    assert!((total(&world, &alice).await - 37.75).abs() < f64::EPSILON);
    assert_eq!(package(&world, &alice, &id).await["creditsRemaining"], json!(37.75));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_mounts_answer_alike() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let root = "/wasdiwebserver/rest/credits";
    let added = as_user(world.api().post(&format!("{root}/add")), &alice).json(json!({"type": "Fifty"}));
    let id = added.expect(200).await["message"].as_str().unwrap().to_owned();
    assert_eq!(get(&world, &alice, &format!("{root}/totalbyuser")).await.status(), 200);
    let listed = get(&world, &alice, &format!("{root}/listbyuser")).await.json().unwrap();
    assert_eq!(listed[0]["creditPackageId"], json!(id));
    let url = format!("{root}/stripe/paymentUrl?creditPackageId={id}");
    assert_eq!(get(&world, &alice, &url).await.status(), 200);
    let session = session_of(&world, &id).await;
    world.pay(&session, GOOD_CARD).await;
    world.drain().await;
    let confirmed = world.api().get(&format!("{root}/stripe/confirmation/{session}")).send().await.unwrap();
    assert_eq!(confirmed.status(), 200);
    let blank = world.api().get(&format!("{root}/stripe/confirmation/")).send().await.unwrap();
    assert_eq!(blank.status(), 401);
    let unknown = world.api().get(&format!("{root}/nothing")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    assert!(unknown.json().unwrap()["message"].is_string(), "{unknown}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_give_packages_and_only_to_themselves() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.put_user("boss", json!({"admin": true})).expect(201).await;
    let key = world.admin_post("/purser/v1/api-keys", harness::world::key_of("boss")).expect(201).await;
    let boss =
        User { id: "boss".to_owned(), api_key: key["apiKey"].as_str().unwrap().to_owned(), ..alice.clone() };
    let wanted = json!({"type": "OneHundred", "name": "gift", "userId": "alice", "buySuccess": true});
    let id = add(&world, &boss, wanted.clone()).await;
    world.drain().await;
    let given = json!({"creditPackageId": id, "name": "gift", "type": "OneHundred", "buyDate": 0, "userId": "boss",
                       "buySuccess": true, "creditsRemaining": 100, "lastUpdate": 0});
    assert_eq!(list(&world, &boss, "").await, [given]);
    assert!((total(&world, &boss).await - 100.0).abs() < f64::EPSILON);
    // Without the flag, or with it and no rights, it is to be paid.
    for (user, flag) in [(&boss, json!(false)), (&boss, json!(null)), (&alice, json!(true))] {
        let mut wanted = wanted.clone();
        wanted["buySuccess"] = flag;
        let id = add(&world, user, wanted).await;
        assert_eq!(package(&world, user, &id).await["buySuccess"], json!(false));
    }
    world.drain().await;
    assert!((total(&world, &boss).await - 100.0).abs() < f64::EPSILON);
    assert!(total(&world, &alice).await.abs() < f64::EPSILON);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_package_name_gets_a_number() {
    let world = World::start().await;
    for (number, (name, second, third)) in [
        (json!("X"), "X(1)", "X(2)"),
        (json!("X(1)"), "X(2)", "X(3)"),
        (json!("Foo(bar)"), "Foo(bar)(1)", "Foo(bar)(2)"),
        (json!("A(x)7"), "A(x)8)", "A(x)9)"),
        (json!(null), "Untitled Workspace", "Untitled Workspace(1)"),
        (json!(""), "Untitled Workspace", "Untitled Workspace(1)"),
    ]
    .into_iter()
    .enumerate()
    {
        let user = world.create_user(&format!("user-{number}")).await;
        let mut names = Vec::new();
        for _ in 0..3 {
            let id = add(&world, &user, json!({"name": name, "type": "Fifty"})).await;
            names.push(package(&world, &user, &id).await["name"].clone());
        }
        assert_eq!(names, [name.clone(), json!(second), json!(third)]);
        // A package without a name has no such field.
        let first = &list(&world, &user, "?ascendingOrder=true").await[0];
        assert_eq!(first.get("name").is_some(), name.is_string(), "{first}");
    }
    // Another user's names are another user's business.
    let bob = world.create_user("bob").await;
    let id = add(&world, &bob, json!({"name": "X", "type": "Fifty", "description": "mine"})).await;
    let his = package(&world, &bob, &id).await;
    assert_eq!((&his["name"], &his["description"]), (&json!("X"), &json!("mine")));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrently_added_packages_get_unique_names() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let body = |name: Value| json!({"name": name, "type": "OneHundred"});
    let adding = (0..30).map(|number| {
        let name = [json!("X"), json!("Foo(bar)"), json!(null)][number % 3].clone();
        add(&world, &alice, body(name))
    });
    join_all(adding).await;
    let listed = list(&world, &alice, "").await;
    let names: BTreeSet<Option<&str>> = listed.iter().map(|package| package["name"].as_str()).collect();
    let mut expected: BTreeSet<Option<String>> =
        [None, Some("X"), Some("Foo(bar)"), Some("Untitled Workspace")]
            .map(|name| name.map(str::to_owned))
            .into();
    for number in 1..10 {
        expected.insert(Some(format!("X({number})")));
        expected.insert(Some(format!("Foo(bar)({number})")));
        if number < 9 {
            expected.insert(Some(format!("Untitled Workspace({number})")));
        }
    }
    assert_eq!(names, expected.iter().map(Option::as_deref).collect());
    world.finish().await;
}

/// By their date of purchase; those without one are the oldest, and come as they were made.
#[tokio::test(flavor = "multi_thread")]
async fn packages_are_sorted_by_purchase() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.push(add(&world, &alice, json!({"name": name, "type": "Fifty"})).await);
    }
    // The third is paid first, and then the second.
    for id in [&ids[2], &ids[1]] {
        url(&world, &alice, id).await;
        world.pay(&session_of(&world, id).await, GOOD_CARD).await;
        world.drain().await;
        world.advance(Duration::from_secs(5)).await;
    }
    let names = async |query: &str| -> String {
        list(&world, &alice, query).await.iter().map(|package| package["name"].as_str().unwrap()).collect()
    };
    for query in ["?ascendingOrder=true", "?ascendingOrder=TRUE", "?ascendingOrder=True&x=1"] {
        assert_eq!(names(query).await, "adcb", "{query}");
    }
    for query in ["", "?ascendingOrder=false", "?ascendingOrder=1", "?ascendingOrder=", "?ascendingOrder=yes"]
    {
        assert_eq!(names(query).await, "bcda", "{query}");
    }
    // What was bought through another API is a package too.
    world.buy(&alice, 700).await;
    let newest = &list(&world, &alice, "").await[0];
    assert_eq!((&newest["creditsRemaining"], &newest["type"]), (&json!(700), &json!("one_time")));
    assert!((total(&world, &alice).await - 800.0).abs() < f64::EPSILON);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_error_answers_as_documented() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let hers = add(&world, &alice, json!({"type": "Fifty"})).await;
    let invalid = refused(401, "MSG_ERROR_INVALID_SESSION");
    for root in MOUNTS {
        for path in ["totalbyuser", "listbyuser", "stripe/paymentUrl", "stripe/paymentUrl?creditPackageId=x"]
        {
            let path = format!("{root}/credits/{path}");
            assert_eq!(refusal(&world.api().get(&path).send().await.unwrap()), invalid, "{path}");
            let odd = world.api().get(&path).header("x-session-token", "no session").send().await.unwrap();
            assert_eq!(refusal(&odd), invalid, "{path}");
        }
        let path = format!("{root}/credits/add");
        let add = world.api().post(&path).json(json!({"type": "Fifty"})).send().await.unwrap();
        assert_eq!(refusal(&add), invalid);
    }
    let (missing, unknown) = ("Invalid credits package.", "The credit package cannot be found.");
    let foreign = "The user cannot access the credits package info.";
    for (query, status, message) in [
        (String::new(), 400, missing),
        ("?creditPackageId=".to_owned(), 400, missing),
        ("?creditPackageId=%20".to_owned(), 400, missing),
        ("?creditPackageId=none".to_owned(), 400, unknown),
        (format!("?creditPackageId={}", uuid::Uuid::new_v4()), 400, unknown),
        (format!("?creditPackageId={hers}"), 403, foreign),
    ] {
        let answer = get(&world, &bob, &format!("/credits/stripe/paymentUrl{query}")).await;
        assert_eq!(refusal(&answer), refused(status, message), "{query}");
    }
    let bad_type = "The credit package does not have a valid type.";
    for body in [
        json!({}),
        json!({"type": null}),
        json!({"type": "fifty"}),
        json!({"type": "FIFTY"}),
        json!({"type": ""}),
        json!({"type": "micro"}),
        json!({"type": "\u{2028}"}),
    ] {
        let answer = as_user(world.api().post("/credits/add"), &bob).json(body.clone()).send().await.unwrap();
        assert_eq!(refusal(&answer), refused(400, bad_type), "{body}");
    }
    for (kind, body, status) in [
        ("application/json", "", 400),
        ("application/json", "{\"type\":", 400),
        ("application/json", "[]", 400),
        ("application/json", "null", 400),
        ("application/json", "{\"type\":\"Fifty\",\"name\":\"\\u0000\"}", 400),
        ("text/plain", "{\"type\":\"Fifty\"}", 415),
    ] {
        let add = as_user(world.api().post("/credits/add"), &bob).header("content-type", kind).body(body);
        assert_eq!(refusal(&add.send().await.unwrap()).0, status, "{kind} {body}");
    }
    let long = json!({"type": "Fifty", "name": "x".repeat(201)});
    let long = as_user(world.api().post("/credits/add"), &bob).json(long).send().await.unwrap();
    assert_eq!(refusal(&long).0, 400);
    assert_eq!(list(&world, &bob, "").await, Vec::<Value>::new());
    // A type that is not sold any more cannot be paid.
    let packs = world.api().get("/purser/v1/catalog/packs").bearer(&world.settings().secrets.admin_api_key);
    let mut fifty = packs.expect(200).await["data"].as_array().unwrap().clone();
    let mut fifty = fifty.drain(..).find(|pack| pack["packId"] == "Fifty").unwrap();
    fifty["active"] = json!(false);
    let change = world.api().put("/purser/v1/catalog/packs/Fifty").json(fifty);
    change.bearer(&world.settings().secrets.admin_api_key).expect(200).await;
    assert_eq!(refusal(&payment_url(&world, &alice, &hers).await), refused(400, bad_type));
    let wrong = world.api().put("/credits/types").send().await.unwrap();
    assert_eq!(refusal(&wrong).0, 405);
    world.finish().await;
}

/// A payment on the page of a type's Payment Link pays the package that the link names.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_link_pays_for_the_package_that_it_names() {
    let world = World::start().await;
    world.link_packs().await;
    let alice = world.create_user("alice").await;
    let id = add(&world, &alice, json!({"type": "Fifty"})).await;
    let link = url(&world, &alice, &id).await;
    let end = format!("/l/plink_Fifty?client_reference_id={id}");
    assert!(link.ends_with(&end), "{link}");
    // Several pages may be open; only money counts.
    let (left, paid) = (visit(&world, &link).await, visit(&world, &link).await);
    world.emulator().post(&format!("/_emulator/checkout/{left}/expire")).expect(200).await;
    world.lose_events().await;
    world.pay(&paid, GOOD_CARD).await;
    // No event arrives: the confirmation asks the provider.
    assert_eq!(confirm(&world, &paid).await, 200);
    assert_eq!(package(&world, &alice, &id).await["buySuccess"], json!(true));
    assert!((total(&world, &alice).await - 50.0).abs() < f64::EPSILON);
    assert_eq!(confirm(&world, &left).await, 500);
    world.finish().await;
}

/// The buyer's browser, several times over, and the provider's events, all at once.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_confirmations_and_events_credit_once() {
    let world = World::start().await;
    world.link_packs().await;
    let alice = world.create_user("alice").await;
    world.set_provider_faults(json!({"duplicate": 1.0})).await;
    for _ in 0..3 {
        let id = add(&world, &alice, json!({"type": "OneHundred"})).await;
        let session = visit(&world, &url(&world, &alice, &id).await).await;
        world.pay(&session, GOOD_CARD).await;
        let statuses = join_all((0..8).map(|_| confirm(&world, &session))).await;
        // Some may be told to ask later, and none anything else.
        assert!(statuses.iter().all(|status| [200, 500].contains(status)), "{statuses:?}");
        world.drain().await;
        assert_eq!(confirm(&world, &session).await, 200);
    }
    assert_eq!(world.count("ledger_entries").await, 3);
    assert!((total(&world, &alice).await - 300.0).abs() < f64::EPSILON);
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

/// Genuine sessions of the same account that are not what the package costs.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_or_wrong_payment_does_not_pay_a_package() {
    let world = World::start().await;
    world.link_packs().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let large = add(&world, &alice, json!({"type": "OneHundred"})).await;
    let open = async |form: String| {
        let opened = world.stripe_post("checkout/sessions", &form).expect(200).await;
        opened["id"].as_str().unwrap().to_owned()
    };
    let form = |mode: &str, currency: &str, amount: i64, more: &str| {
        format!(
            "mode={mode}&success_url=http://localhost:3000/&client_reference_id={large}\
             &line_items[0][quantity]=1&line_items[0][price_data][currency]={currency}\
             &line_items[0][price_data][unit_amount]={amount}\
             &line_items[0][price_data][product_data][name]=Other{more}"
        )
    };
    let monthly = "&line_items[0][price_data][recurring][interval]=month";
    // The cheaper link with the dearer package's id, as anyone can write it into its address.
    let small = add(&world, &alice, json!({"type": "Fifty"})).await;
    let edited = url(&world, &alice, &small).await.replace(&small, &large);
    let sessions = [
        visit(&world, &edited).await,
        open(form("payment", "eur", 100, "")).await,
        open(form("payment", "eur", 10_001, "")).await,
        open(form("payment", "usd", 10_000, "")).await,
        open(form("subscription", "eur", 10_000, monthly)).await,
    ];
    for session in &sessions {
        world.pay(session, GOOD_CARD).await;
        assert_eq!(confirm(&world, session).await, 500, "{session}");
    }
    world.drain().await;
    // Bob's own purchase is confirmed, and is his.
    let bobs = world.buy(&bob, 500).await.session_id;
    assert_eq!(confirm(&world, &bobs).await, 200);
    assert!(total(&world, &alice).await.abs() < f64::EPSILON);
    assert_eq!(package(&world, &alice, &large).await["buySuccess"], json!(false));
    let reasons: BTreeSet<String> = quarantined(&world).await.into_iter().collect();
    assert!(reasons.is_subset(&["amount", "currency", "mode"].map(str::to_owned).into()), "{reasons:?}");
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    // None of it keeps the package from being paid.
    world.pay(&visit(&world, &url(&world, &alice, &large).await).await, GOOD_CARD).await;
    world.drain().await;
    assert!((total(&world, &alice).await - 100.0).abs() < f64::EPSILON);
    world.finish().await;
}

/// Confirming reveals nothing, and frequent callers are told to wait.
#[tokio::test(flavor = "multi_thread")]
async fn the_confirmation_tells_strangers_nothing() {
    let world = World::start().await;
    world.link_packs().await;
    let alice = world.create_user("alice").await;
    let id = add(&world, &alice, json!({"type": "Fifty"})).await;
    let unpaid = visit(&world, &url(&world, &alice, &id).await).await;
    let unknown = "cs_test_unknown1".to_owned();
    let live = unpaid.replace("cs_test_", "cs_live_");
    let odd = ["pi_1", &id, "cs_test_a%2F..%2Fb", "%7BCHECKOUT_SESSION_ID%7D"].map(str::to_owned);
    for session in [unpaid.clone(), unknown, live].into_iter().chain(odd) {
        let path = format!("/credits/stripe/confirmation/{session}");
        let answer = world.api().get(&path).send().await.unwrap();
        assert_eq!((answer.status(), answer.text()), (500, String::new()), "{session}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    for path in ["/credits/stripe/confirmation/", "/credits/stripe/confirmation/%20"] {
        let answer = world.api().get(path).send().await.unwrap();
        assert_eq!(refusal(&answer), refused(401, "MSG_ERROR_INVALID_SESSION"), "{path}");
    }
    // An unconfirmed session is asked about once a second at most, however often it is confirmed.
    let asked = async || {
        let requests = world.emulator().get("/_emulator/requests").expect(200).await;
        requests.to_string().matches(&unpaid).count()
    };
    let (before, started) = (asked().await, std::time::Instant::now());
    join_all((0..20).map(|_| confirm(&world, &unpaid))).await;
    let more = usize::try_from(started.elapsed().as_secs()).unwrap() + 2;
    assert!(asked().await <= before + more);
    assert_eq!(world.count("provider_events").await, 0);
    world.finish().await;
}

/// The second payment for a package is for a person to give back.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_payment_for_a_package_is_quarantined() {
    let world = World::start().await;
    world.link_packs().await;
    let alice = world.create_user("alice").await;
    let id = add(&world, &alice, json!({"type": "Fifty"})).await;
    let link = url(&world, &alice, &id).await;
    let (first, second) = (visit(&world, &link).await, visit(&world, &link).await);
    world.pay(&first, GOOD_CARD).await;
    world.drain().await;
    let paid = package(&world, &alice, &id).await;
    world.pay(&second, GOOD_CARD).await;
    world.drain().await;
    assert_eq!(confirm(&world, &second).await, 500);
    assert_eq!(confirm(&world, &first).await, 200);
    assert_eq!(package(&world, &alice, &id).await, paid);
    assert!((total(&world, &alice).await - 50.0).abs() < f64::EPSILON);
    let reasons: BTreeSet<String> = quarantined(&world).await.into_iter().collect();
    assert_eq!(reasons, BTreeSet::from(["paid_twice".to_owned()]));
    world.finish().await;
}

/// Unpaid packages are seen, and cannot be spent.
#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_package_grants_nothing() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    for _ in 0..2 {
        add(&world, &alice, json!({"type": "OneHundred"})).await;
    }
    let spend =
        world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.api_key).json(json!({"credits": 1}));
    assert_eq!(spend.send().await.unwrap().status(), 402);
    assert_eq!(list(&world, &alice, "").await.len(), 2);
    world.finish().await;
}

/// A page on which a card is saved is an order too, and nothing that can be bought or spent.
#[tokio::test(flavor = "multi_thread")]
async fn a_saved_card_is_no_package() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    // So much that the card is not charged.
    world.buy(&alice, 5_000).await;
    let asked = world.api().post("/v1/enable_autorecharge").bearer(&alice.api_key);
    let asked = asked.json(json!({"thresholdCredits": 10, "requestSetupSession": true})).expect(200).await;
    world.pay(asked["setupSessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.count("payments where mode = 'setup' and state = 'completed'").await, 1);
    assert_eq!(list(&world, &alice, "").await.len(), 1);
    world.finish().await;
}
