//! Refunds through the own API: the provider gives the money back, the credits follow, and in all never more goes back
//! than was paid.

use billing::refunds::RefundPayment;
use harness::client::Answer;
use harness::world::World;
use serde_json::{Value, json};

use super::{admin, bought, get, order, pay, refusal, sell, shown, usd};
use crate::events::publish;

async fn refund(world: &World, order: &Value, minor: Option<i64>) -> Answer {
    let path = format!("/purser/v1/orders/{}/refund", order["orderId"].as_str().unwrap());
    let mut body = json!({"reason": "asked for it"});
    if let Some(minor) = minor {
        body["minor"] = json!(minor);
    }
    world.admin_post(&path, body).send().await.unwrap()
}

/// How often the providers were asked for a refund, and made one.
async fn made(world: &World) -> i64 {
    let asked = get_requests(world).await;
    let of = |route: &str| asked["requests"][route]["executed"].as_i64().unwrap_or(0);
    of("POST /v1/refunds") + of("POST /creem/v1/refunds")
}

async fn get_requests(world: &World) -> Value {
    world.emulator().get("/_emulator/requests").expect(200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_and_then_the_rest_go_back_with_their_credits() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    let open = order(&world, json!({"wallet": "user:alice", "packId": "starter"})).await;
    assert_eq!(refusal(&refund(&world, &open, None).await), (409, "order_not_paid".to_owned()));
    pay(&world, &open).await;

    let part = refund(&world, &open, Some(600)).await;
    let body = part.json().unwrap();
    assert_eq!((part.status(), &body["state"], &body["amount"]), (200, &json!("done"), &usd(600)), "{part}");
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 60);
    let now = shown(&world, &open).await;
    assert_eq!((&now["status"], &now["refunded"]), (&json!("partially_refunded"), &usd(600)));
    assert_eq!(now["reversals"][0]["id"], body["providerRefund"]);
    assert_eq!(now["creditsReversed"], json!(40));

    let more = refund(&world, &open, Some(901)).await;
    assert_eq!(refusal(&more), (409, "refund_exceeds_payment".to_owned()), "{more}");
    assert!(more.text().contains("900 usd"), "{more}");
    assert_eq!(refusal(&refund(&world, &open, Some(0)).await), (400, "invalid_request".to_owned()));
    let rest = refund(&world, &open, None).await;
    assert_eq!((rest.status(), &rest.json().unwrap()["amount"]), (200, &usd(900)), "{rest}");
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    let now = shown(&world, &open).await;
    assert_eq!((&now["status"], &now["refunded"]), (&json!("refunded"), &usd(1_500)));
    assert_eq!(now["refunds"].as_array().map(Vec::len), Some(2));
    assert_eq!(refusal(&refund(&world, &open, None).await), (409, "already_refunded".to_owned()));
    assert_eq!(
        (made(&world).await, world.count("admin_actions where action = 'order.refund'").await),
        (2, 2)
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_made_once_for_its_key_and_for_its_job() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    let (first, second) = (bought(&world, &alice, "stripe").await, bought(&world, &alice, "stripe").await);
    let send = |order: &Value, minor: i64| {
        let path = format!("/purser/v1/orders/{}/refund", order["orderId"].as_str().unwrap());
        let request = admin(&world, world.api().post(&path)).idempotency_key("refund 1");
        request.json(json!({"minor": minor, "reason": "twice"})).send()
    };
    let tries = futures::future::join_all((0..4).map(|_| send(&first, 500))).await;
    let mut ids: Vec<Value> = Vec::new();
    for answer in tries {
        let answer = answer.unwrap();
        assert!([200, 202].contains(&answer.status()), "{answer}");
        ids.push(answer.json().unwrap()["refundId"].clone());
    }
    ids.dedup();
    world.drain().await;
    assert_eq!((ids.len(), made(&world).await), (1, 1));
    for (order, minor) in [(&first, 501), (&second, 500)] {
        let other = send(order, minor).await.unwrap();
        assert_eq!(refusal(&other), (409, "idempotency_key_reused".to_owned()), "{other}");
    }
    // The job comes again, before and after it is settled.
    let job = RefundPayment { refund_request_id: ids[0].as_str().unwrap().parse().unwrap() };
    publish(&world, &job).await;
    let reopen = "update refund_requests set state = 'requested', provider_refund = null";
    sqlx::query(reopen).execute(world.pool()).await.unwrap();
    publish(&world, &job).await;
    world.drain().await;
    assert_eq!(send(&first, 500).await.unwrap().status(), 200);
    let given_back = world.stripe_get("refunds?limit=10").expect(200).await;
    assert_eq!(given_back["data"].as_array().map(Vec::len), Some(1), "{given_back}");
    assert_eq!(world.count("refund_requests where state = 'done' and provider_refund is not null").await, 1);
    // 100 of one, and of the other all but a third.
    assert_eq!(world.balance(&alice.wallet_id).await, 166);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_refunds_give_back_no_more_than_was_paid() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    let order = bought(&world, &alice, "stripe").await;
    let answers = futures::future::join_all((0..8).map(|_| refund(&world, &order, Some(400)))).await;
    world.drain().await;
    let taken = answers.iter().filter(|answer| [200, 202].contains(&answer.status())).count();
    assert_eq!((taken, made(&world).await), (3, 3), "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status() == 409) {
        assert_eq!(refusal(answer).1, "refund_exceeds_payment", "{answer}");
    }
    assert_eq!(
        (world.balance(&alice.wallet_id).await, shown(&world, &order).await["refunded"].clone()),
        (20, usd(1_200))
    );
    world.finish().await;
}

/// Creem gives back all that is left, and is asked once.
#[tokio::test(flavor = "multi_thread")]
async fn creem_gives_back_the_whole() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    let order = bought(&world, &alice, "creem").await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    let part = refund(&world, &order, Some(500)).await;
    assert_eq!(refusal(&part), (409, "partial_refund_not_supported".to_owned()), "{part}");
    let whole = refund(&world, &order, None).await;
    assert_eq!((whole.status(), &whole.json().unwrap()["state"]), (200, &json!("done")), "{whole}");
    world.drain().await;
    let now = shown(&world, &order).await;
    assert_eq!((world.balance(&alice.wallet_id).await, &now["status"]), (0, &json!("refunded")), "{now}");
    assert_eq!(refusal(&refund(&world, &order, None).await), (409, "already_refunded".to_owned()));
    assert_eq!(made(&world).await, 1);

    // Its answer is lost: nobody asks again, and the order says what to do.
    let other = bought(&world, &alice, "creem").await;
    let lost = json!({"timeout_after_success": 1.0, "timeout_ms": 50, "only": ["POST /creem/v1/refunds"], "limit": 1});
    world.set_provider_faults(lost).await;
    let unclear = refund(&world, &other, None).await;
    assert_eq!(refusal(&unclear), (409, "provider_refused".to_owned()), "{unclear}");
    assert_eq!(refusal(&refund(&world, &other, None).await), (409, "already_refunded".to_owned()));
    world.drain().await;
    let now = shown(&world, &other).await;
    assert_eq!((&now["refunds"][0]["state"], made(&world).await), (&json!("unclear"), 2));
    assert!(now["refunds"][0]["refusal"].as_str().unwrap().contains("Creem's dashboard"), "{now}");
    world.finish().await;
}

/// A period of a plan is known by its invoice, and the money by the payment of that.
#[tokio::test(flavor = "multi_thread")]
async fn a_period_of_a_plan_is_given_back_too() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    for provider in ["stripe", "creem"] {
        let body = json!({"wallet": "user:alice", "planId": "pro", "provider": provider});
        let answer = world.admin_post("/purser/v1/orders", body).send().await.unwrap();
        if provider == "creem" {
            // One subscription for a wallet.
            assert_eq!(refusal(&answer), (409, "already_subscribed".to_owned()), "{answer}");
            continue;
        }
        let order = answer.json().unwrap();
        pay(&world, &order).await;
        assert_eq!(world.balance(&alice.wallet_id).await, 10_000);
        assert_eq!(refund(&world, &order, Some(333)).await.status(), 200);
        world.drain().await;
        let now = shown(&world, &order).await;
        assert_eq!((&now["status"], &now["refunded"]), (&json!("partially_refunded"), &usd(333)));
        assert_eq!(world.balance(&alice.wallet_id).await, 6_666);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_given_back_says_what_to_do() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    let order = bought(&world, &alice, "stripe").await;
    // The buyer's bank is first.
    let paid = shown(&world, &order).await;
    let dispute = json!({"payment_intent": paid["providerPayment"], "amount": 500, "inquiry": false});
    world.emulator().post("/_emulator/disputes").json(dispute).expect(200).await;
    let refused = refund(&world, &order, Some(1_000)).await;
    assert_eq!(refusal(&refused), (409, "provider_refused".to_owned()), "{refused}");
    assert!(refused.text().contains("charged back"), "{refused}");
    world.drain().await;
    let now = shown(&world, &order).await;
    assert_eq!((&now["status"], &now["refunds"][0]["state"]), (&json!("disputed"), &json!("refused")));
    assert!(now["refunds"][0]["refusal"].as_str().unwrap().contains("charged back"), "{now}");
    assert_eq!(now["withdrawn"], usd(500));

    let in_store = bought(&world, &alice, "stripe").await;
    let moved = "update payments set provider = 'revenuecat' where id = $1::text::uuid";
    let moved = sqlx::query(moved).bind(in_store["orderId"].as_str().unwrap());
    moved.execute(world.pool()).await.unwrap();
    assert_eq!(refusal(&refund(&world, &in_store, None).await), (409, "refund_at_the_store".to_owned()));
    // Users give themselves nothing back.
    let path = format!("/purser/v1/orders/{}/refund", order["orderId"].as_str().unwrap());
    let hers =
        world.api().post(&path).bearer(&alice.api_key).json(json!({"reason": "mine"})).send().await.unwrap();
    assert_eq!(hers.status(), 403, "{hers}");
    let nowhere = world.admin_post(
        "/purser/v1/orders/01936f2e-7c1a-7000-8000-00000000dead/refund",
        json!({"reason": "none"}),
    );
    assert_eq!(nowhere.send().await.unwrap().status(), 404);
    assert_eq!(
        get(&world, "/purser/v1/orders?status=disputed").await["data"].as_array().map(Vec::len),
        Some(1)
    );
    world.finish().await;
}
