//! Operators: invited once, signed in within limits, signed out in time, and never without an admin.

use std::time::Duration;

use harness::client::{Answer, Request};
use harness::world::{Operator, World, link};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

async fn world() -> World {
    World::builder().without_worker().without_scheduler().start().await
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.json().unwrap()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn refused(request: Request) -> (u16, String) {
    refusal(&request.send().await.unwrap())
}

/// Invites somebody and returns the operator with the secret of the link.
async fn invite(world: &World, email: &str, role: &str) -> (Value, String) {
    let new = json!({"email": email, "name": "Ada", "role": role});
    let made = world.admin_post("/purser/v1/operators", new).expect(201).await;
    let secret = link(made["url"].as_str().unwrap());
    (made, secret)
}

fn accept(world: &World, link: &str, password: &str) -> Request {
    let body = json!({"link": link, "password": password});
    world.api().post("/purser/v1/operator-invitations/accept").json(body)
}

fn sign_in(world: &World, email: &str, password: &str) -> Request {
    let body = json!({"email": email, "password": password});
    world.api().post("/purser/v1/operator-sessions").json(body)
}

async fn signed_in(world: &World, email: &str) -> String {
    let opened = sign_in(world, email, PASSWORD).expect(201).await;
    opened["sessionToken"].as_str().unwrap().to_owned()
}

fn current(world: &World, token: &str) -> Request {
    world.api().get("/purser/v1/operator-session").bearer(token)
}

/// An operator with a password.
async fn accepted(world: &World, email: &str, role: &str) -> (String, String) {
    let (made, secret) = invite(world, email, role).await;
    accept(world, &secret, PASSWORD).expect(200).await;
    (made["operatorId"].as_str().unwrap().to_owned(), signed_in(world, email).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_accepted_once() {
    let world = world().await;
    let (made, secret) = invite(&world, "ada@example.com", "support").await;
    assert_eq!((&made["role"], &made["acceptedAt"]), (&json!("support"), &Value::Null));
    let look_up = |secret: &str| {
        world.api().post("/purser/v1/operator-invitations/look-up").json(json!({"link": secret}))
    };
    assert_eq!(look_up(&secret).expect(200).await["email"], json!("ada@example.com"));
    // Nobody signs in before it is accepted, and a bad password does not use it up.
    assert_eq!(refused(sign_in(&world, "ada@example.com", "")).await, is(401, "sign_in_failed"));
    for bad in ["short", "ada@example.com", "aaaaaaaaaaaaaaa"] {
        assert_eq!(refused(accept(&world, &secret, bad)).await, is(400, "invalid_request"), "{bad}");
    }
    let wrong = secret.replace("pol_", "pol_0");
    assert_eq!(refused(accept(&world, &wrong, PASSWORD)).await, is(404, "invitation_invalid"));
    // Of two who accept it at the same time one does.
    let both =
        futures::join!(accept(&world, &secret, PASSWORD).send(), accept(&world, &secret, PASSWORD).send());
    let mut statuses = [both.0.unwrap().status(), both.1.unwrap().status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404]);
    assert_eq!(refused(look_up(&secret)).await, is(404, "invitation_invalid"));

    let token = signed_in(&world, "ADA@example.com").await;
    let shown = current(&world, &token).expect(200).await;
    assert_eq!(
        (&shown["operator"]["operatorId"], &shown["operator"]["role"]),
        (&made["operatorId"], &made["role"])
    );
    let kept: Vec<String> =
        sqlx::query_scalar("select password_hash from operators").fetch_all(world.pool()).await.unwrap();
    assert!(kept.iter().all(|hash| hash.starts_with("$argon2id$") && !hash.contains(PASSWORD)), "{kept:?}");

    // Invited again, with a link in place of the one before: the sessions and the password of before end.
    let again = format!("/purser/v1/operators/{}/invite", made["operatorId"].as_str().unwrap());
    let first = world.admin_post(&again, json!({})).expect(201).await;
    let second = world.admin_post(&again, json!({})).expect(201).await;
    let [first, second] = [first, second].map(|made| link(made["url"].as_str().unwrap()));
    assert_eq!(refused(accept(&world, &first, PASSWORD)).await, is(404, "invitation_invalid"));
    accept(&world, &second, "another long password").expect(200).await;
    assert_eq!(refused(current(&world, &token)).await, is(401, "unauthorized"));
    assert_eq!(refused(sign_in(&world, "ada@example.com", PASSWORD)).await, is(401, "sign_in_failed"));

    // One that waits too long ends.
    let (_, late) = invite(&world, "late@example.com", "viewer").await;
    world.advance(Duration::from_hours(73)).await;
    assert_eq!(refused(accept(&world, &late, PASSWORD)).await, is(404, "invitation_invalid"));
    let taken = json!({"email": "Late@Example.com", "name": "Late", "role": "viewer"});
    assert_eq!(refused(world.admin_post("/purser/v1/operators", taken)).await, is(409, "operator_exists"));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_bounded_by_account_and_tell_nothing() {
    let world = world().await;
    accepted(&world, "ada@example.com", "viewer").await;
    accepted(&world, "grace@example.com", "viewer").await;
    let guess = |email: &'static str| sign_in(&world, email, "wrong password").send();
    let (known, unknown) =
        (guess("ada@example.com").await.unwrap(), guess("nobody@example.com").await.unwrap());
    let without_id = |answer: &Answer| {
        let mut body = answer.json().unwrap();
        body["error"]["requestId"].take();
        (answer.status(), body)
    };
    assert_eq!(without_id(&known), without_id(&unknown));
    for _ in 1..8 {
        for email in ["ada@example.com", "nobody@example.com"] {
            assert_eq!(refusal(&guess(email).await.unwrap()), is(401, "sign_in_failed"));
        }
    }
    for email in ["ada@example.com", "nobody@example.com"] {
        assert_eq!(refusal(&guess(email).await.unwrap()), is(429, "too_many_attempts"));
    }
    // Who knows the password waits too; another account does not.
    let right = sign_in(&world, "Ada@example.com", PASSWORD).send().await.unwrap();
    assert_eq!(refusal(&right), is(429, "too_many_attempts"));
    assert!((1..=900).contains(&right.header("retry-after").unwrap().parse::<u32>().unwrap()), "{right}");
    signed_in(&world, "grace@example.com").await;
    world.advance(Duration::from_mins(16)).await;
    // Signing in does not use attempts up.
    for _ in 0..9 {
        signed_in(&world, "ada@example.com").await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_bounded_by_address() {
    let world = world().await;
    accepted(&world, "ada@example.com", "viewer").await;
    for account in 0..40 {
        let email = format!("guess-{account}@example.com");
        assert_eq!(refused(sign_in(&world, &email, PASSWORD)).await, is(401, "sign_in_failed"));
    }
    assert_eq!(refused(sign_in(&world, "ada@example.com", PASSWORD)).await, is(429, "too_many_attempts"));
    world.advance(Duration::from_mins(16)).await;
    signed_in(&world, "ada@example.com").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_is_not_used_and_after_half_a_day() {
    let world = world().await;
    let Operator { id, token, .. } = world.create_operator("viewer").await;
    let idle = world.sign_in(&id).await;
    for _ in 0..3 {
        world.advance(Duration::from_mins(110)).await;
        current(&world, &token).expect(200).await;
    }
    assert_eq!(refused(current(&world, &idle)).await, is(401, "unauthorized"));
    let path = format!("/purser/v1/operators/{id}/sessions");
    let listed = world.api().get(&path).bearer(&token).expect(200).await;
    let sessions = listed["data"].as_array().unwrap();
    assert_eq!(sessions.len(), 1, "{listed}");
    assert_eq!((&sessions[0]["current"], &sessions[0]["address"]), (&json!(true), &json!("127.0.0.1")));
    for _ in 0..3 {
        world.advance(Duration::from_mins(110)).await;
        current(&world, &token).expect(200).await;
    }
    world.advance(Duration::from_mins(70)).await;
    assert_eq!(refused(current(&world, &token)).await, is(401, "unauthorized"), "after half a day");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_ended_by_their_operator_and_by_admins() {
    let world = world().await;
    let (id, token) = accepted(&world, "ada@example.com", "finance").await;
    let other = signed_in(&world, "ada@example.com").await;
    let (stranger, admin) = (world.create_operator("finance").await, world.create_operator("admin").await);
    let session = current(&world, &other).expect(200).await["sessionId"].as_str().unwrap().to_owned();
    let end = |session: &str, token: &str| {
        world.api().delete(&format!("/purser/v1/operator-sessions/{session}")).bearer(token).send()
    };
    let path = format!("/purser/v1/operators/{id}/sessions");
    assert_eq!(refused(world.api().get(&path).bearer(&stranger.token)).await, is(403, "missing_scope"));
    assert_eq!(refusal(&end(&session, &stranger.token).await.unwrap()), is(404, "not_found"));
    assert_eq!(end(&session, &token).await.unwrap().status(), 204);
    assert_eq!(refused(current(&world, &other)).await, is(401, "unauthorized"));

    // Another password ends the other sessions, and takes the present one.
    let other = signed_in(&world, "ada@example.com").await;
    let change = |token: &str, present: &str, new: &str| {
        let body = json!({"password": present, "newPassword": new});
        world.api().put("/purser/v1/operator-password").bearer(token).json(body).send()
    };
    let wrong = change(&token, "not the password", "staple battery horse").await.unwrap();
    assert_eq!(refusal(&wrong), is(401, "sign_in_failed"));
    assert_eq!(change(&token, PASSWORD, "staple battery horse").await.unwrap().status(), 204);
    assert_eq!(refused(current(&world, &other)).await, is(401, "unauthorized"));
    let listed = world.api().get(&path).bearer(&admin.token).expect(200).await;
    let session = listed["data"][0]["sessionId"].as_str().unwrap();
    assert_eq!(end(session, &admin.token).await.unwrap().status(), 204);
    assert_eq!(refused(current(&world, &token)).await, is(401, "unauthorized"));
    assert_eq!(end("current", &admin.token).await.unwrap().status(), 204);
    assert_eq!(refused(current(&world, &admin.token)).await, is(401, "unauthorized"));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_stays_and_changes_take_effect_at_once() {
    let world = world().await;
    let (ada, ada_token) = accepted(&world, "ada@example.com", "admin").await;
    let put = |token: &str, id: &str, body: Value| {
        world.api().put(&format!("/purser/v1/operators/{id}")).bearer(token).json(body)
    };
    let remove = |token: &str, id: &str| {
        world.api().delete(&format!("/purser/v1/operators/{id}?reason=left")).bearer(token)
    };
    // An admin who was only invited does not count.
    invite(&world, "invited@example.com", "admin").await;
    for change in
        [json!({"role": "finance", "reason": "a test"}), json!({"disabled": true, "reason": "a test"})]
    {
        assert_eq!(refused(put(&ada_token, "me", change)).await, is(409, "last_admin"));
    }
    assert_eq!(refused(remove(&ada_token, &ada)).await, is(409, "last_admin"));
    assert_eq!(refused(put(&ada_token, &ada, json!({"name": "Ada L."}))).await, is(400, "invalid_request"));

    // Of two admins who remove each other at the same time one stays.
    let (grace, grace_token) = accepted(&world, "grace@example.com", "admin").await;
    let both = futures::join!(remove(&ada_token, &grace).send(), remove(&grace_token, &ada).send());
    let statuses = [both.0.unwrap().status(), both.1.unwrap().status()];
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    let (admin_token, gone) =
        if statuses[0] == 204 { (&ada_token, &grace_token) } else { (&grace_token, &ada_token) };
    assert_eq!(refused(current(&world, gone)).await, is(401, "unauthorized"));

    // Another role is in force with the next request; who is disabled is out.
    let (viewer, token) = accepted(&world, "vi@example.com", "viewer").await;
    let block = || {
        let blocked = world.api().post("/purser/v1/users/alice/block").bearer(&token);
        blocked.json(json!({"reason": "asked for it"}))
    };
    world.create_user("alice").await;
    assert_eq!(refused(block()).await, is(403, "role_not_allowed"));
    put(admin_token, &viewer, json!({"role": "support", "reason": "Helps out"})).expect(200).await;
    block().expect(200).await;
    put(admin_token, &viewer, json!({"disabled": true, "reason": "Is on holiday"})).expect(200).await;
    assert_eq!(refused(block()).await, is(401, "unauthorized"));
    assert_eq!(refused(sign_in(&world, "vi@example.com", PASSWORD)).await, is(401, "sign_in_failed"));
    put(admin_token, &viewer, json!({"disabled": false, "reason": "Is back"})).expect(200).await;
    signed_in(&world, "vi@example.com").await;

    // The log says who, from where and why.
    let log = world.api().get("/purser/v1/audit-log").bearer(&token);
    assert_eq!(refused(log).await, is(401, "unauthorized"), "the session from before ended for good");
    let log = world.api().get("/purser/v1/audit-log").bearer(admin_token).expect(200).await;
    let blocked = log["data"].as_array().unwrap().iter().find(|one| one["action"] == "user.block").unwrap();
    assert_eq!(blocked["actor"], json!(format!("operator:{viewer}")));
    assert_eq!(
        (&blocked["address"], &blocked["details"]["reason"]),
        (&json!("127.0.0.1"), &json!("asked for it"))
    );
    assert!(!log.to_string().contains("@example.com"), "addresses of people stay out of the log: {log}");
    world.finish().await;
}

/// What a person does to somebody's credits or rights they give a reason for, which a program need not.
#[tokio::test(flavor = "multi_thread")]
async fn operators_say_why() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 100).await;
    let spend = world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.api_key);
    let debit = spend.json(json!({"credits": 10})).expect(200).await["debitId"].as_str().unwrap().to_owned();
    let hold = world.api().post("/purser/v1/wallets/me/holds").bearer(&alice.api_key);
    let hold = hold.json(json!({"credits": 5})).expect(201).await["holdId"].as_str().unwrap().to_owned();
    let (support, admin) = (world.create_operator("support").await, world.create_operator("admin").await);
    for path in [format!("/purser/v1/debits/{debit}/refund"), format!("/purser/v1/holds/{hold}/release")] {
        let post = |body: Value| world.api().post(&path).bearer(&support.token).json(body);
        assert_eq!(refused(post(json!({}))).await, is(400, "invalid_request"), "{path}");
        assert_eq!(refused(post(json!({"reason": " "}))).await, is(400, "invalid_request"), "{path}");
        post(json!({"reason": "The render failed"})).expect(200).await;
    }
    let erase =
        |query: &str| world.api().delete(&format!("/purser/v1/users/alice{query}")).bearer(&admin.token);
    assert_eq!(refused(erase("")).await, is(400, "invalid_request"));
    assert_eq!(erase("?reason=She%20asked").send().await.unwrap().status(), 204);
    let log = world.api().get("/purser/v1/audit-log").bearer(&support.token).expect(200).await;
    let find =
        |action: &str| log["data"].as_array().unwrap().iter().find(|one| one["action"] == action).unwrap();
    for action in ["debit.refund", "hold.release"] {
        let (actor, reason) = (&find(action)["actor"], &find(action)["details"]["reason"]);
        assert_eq!(
            (actor, reason),
            (&json!(format!("operator:{}", support.id)), &json!("The render failed"))
        );
        assert_eq!(find(action)["subject"], json!(alice.wallet_id));
    }
    assert_eq!(find("user.erase")["details"]["reason"], json!("She asked"));
    world.finish().await;
}

/// Links sign nobody in where money is real.
#[tokio::test(flavor = "multi_thread")]
async fn there_are_no_sign_in_links_in_live_mode() {
    let world = World::builder().live().without_worker().without_scheduler().start().await;
    let (made, _) = invite(&world, "ada@example.com", "admin").await;
    let path = format!("/purser/v1/operators/{}/sign-in-link", made["operatorId"].as_str().unwrap());
    assert_eq!(refused(world.admin_post(&path, json!({}))).await, is(403, "live_mode"));
    world.finish().await;
}
