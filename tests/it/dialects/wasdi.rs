//! WASDI's credits API: the samples of its document, and what must not be possible over its confirmation.

use harness::client::{Answer, Request};
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

fn as_user(request: Request, user: &User) -> Request {
    request.header("x-session-token", &user.api_key)
}

async fn get(world: &World, user: &User, path: &str) -> Answer {
    as_user(world.api().get(path), user).send().await.unwrap()
}

/// Adds a package and returns its id.
async fn add(world: &World, user: &User, body: Value) -> String {
    let answer = as_user(world.api().post("/credits/add"), user).json(body).expect(200).await;
    answer["message"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_types_to_a_paid_package() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    for root in ["", "/wasdiwebserver/rest"] {
        let types = world.api().get(&format!("{root}/credits/types")).expect(200).await;
        assert_eq!(
            types,
            json!([{"typeId": "Fifty", "name": "Fifty credits", "description": "Fifty credits"},
                   {"typeId": "OneHundred", "name": "One hundred credits", "description": "One hundred credits"}])
        );
    }
    let id = add(&world, &alice, json!({"name": "mine", "type": "Fifty", "buySuccess": true})).await;
    let total = get(&world, &alice, "/credits/totalbyuser").await;
    assert_eq!((total.status(), total.json().unwrap().as_f64()), (200, Some(0.0)));
    let listed = get(&world, &alice, "/credits/listbyuser").await.json().unwrap();
    assert_eq!(
        (&listed[0]["creditPackageId"], &listed[0]["buySuccess"], listed[0]["creditsRemaining"].as_f64()),
        (&json!(id), &json!(false), Some(50.0))
    );
    let url = get(&world, &alice, &format!("/credits/stripe/paymentUrl?creditPackageId={id}")).await;
    assert_eq!(url.status(), 200, "{url}");
    let session: String = sqlx::query_scalar("select coalesce(provider_session, '') from payments")
        .fetch_one(world.pool())
        .await
        .unwrap();
    assert!(session.starts_with("cs_"), "{url}");
    // Not paid: confirming it changes nothing.
    let early = world.api().get(&format!("/credits/stripe/confirmation/{session}")).send().await.unwrap();
    assert_eq!((early.status(), early.text()), (500, String::new()));
    world.pay(&session, GOOD_CARD).await;
    world.drain().await;
    for _ in 0..2 {
        let confirmed =
            world.api().get(&format!("/credits/stripe/confirmation/{session}")).send().await.unwrap();
        assert_eq!((confirmed.status(), confirmed.text()), (200, String::new()));
    }
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 50);
    let paid = get(&world, &alice, &format!("/credits/stripe/paymentUrl?creditPackageId={id}")).await;
    assert_eq!(paid.status(), 400);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_made_unique_however_many_are_added_at_once() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let body = json!({"name": "X", "type": "OneHundred"});
    futures::future::join_all((0..10).map(|_| add(&world, &alice, body.clone()))).await;
    let listed = get(&world, &alice, "/credits/listbyuser?ascendingOrder=TRUE").await.json().unwrap();
    let names: std::collections::BTreeSet<&str> =
        listed.as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 10);
    assert!(names.contains("X") && names.contains("X(1)") && names.contains("X(9)"), "{names:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_error() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let hers = add(&world, &alice, json!({"type": "Fifty"})).await;
    let invalid = json!({"message": "MSG_ERROR_INVALID_SESSION"});
    for path in ["/credits/totalbyuser", "/credits/listbyuser", "/credits/stripe/paymentUrl"] {
        let answer = world.api().get(path).send().await.unwrap();
        assert_eq!((answer.status(), answer.json().unwrap()), (401, invalid.clone()), "{path}");
    }
    for (query, status, message) in [
        ("", 400, "Invalid credits package."),
        ("?creditPackageId=", 400, "Invalid credits package."),
        ("?creditPackageId=none", 400, "The credit package cannot be found."),
        (
            &format!("?creditPackageId={hers}") as &str,
            403,
            "The user cannot access the credits package info.",
        ),
    ] {
        let answer = get(&world, &bob, &format!("/credits/stripe/paymentUrl{query}")).await;
        assert_eq!(
            (answer.status(), answer.json().unwrap()),
            (status, json!({"message": message})),
            "{query}"
        );
    }
    let bad = as_user(world.api().post("/credits/add"), &bob).json(json!({"type": "fifty"}));
    assert_eq!(bad.send().await.unwrap().status(), 400);
    let blank = world.api().get("/credits/stripe/confirmation/").send().await.unwrap();
    assert_eq!(blank.status(), 401);
    let odd = world.api().get("/credits/stripe/confirmation/pi_1").send().await.unwrap();
    assert_eq!(odd.status(), 500);
    world.finish().await;
}
