//! Who may set limits.

use harness::client::Answer;
use harness::world::World;
use serde_json::{Value, json};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn owners_and_admins_limit_others_and_nobody_lifts_a_limit_of_their_own() {
    let world = World::start().await;
    let cast = acme(&world).await;
    let of = |user: &str| format!("/purser/v1/organizations/{}/members/{user}/limit", cast.id);
    let put = async |bearer: &str, user: &str| -> Answer {
        let request = world.api().put(&of(user)).bearer(bearer);
        request.json(json!({"credits": 7, "per": "month"})).send().await.unwrap()
    };
    let delete = async |bearer: &str, user: &str| {
        let answer = world.api().delete(&of(user)).bearer(bearer).send().await.unwrap();
        answer.status()
    };
    let session = async |user: &str, scopes: Value| {
        let made = json!({"userId": user, "scopes": scopes});
        let made = world.admin_post("/purser/v1/sessions", made).expect(201).await;
        made["sessionToken"].as_str().unwrap().to_owned()
    };
    let forbidden = (403, "role_not_allowed".to_owned());
    let unknown = (404, "not_found".to_owned());
    let missing = (403, "missing_scope".to_owned());
    for (who, whom, expected) in [
        ("owner", "owner", done()),
        ("owner", "admin", done()),
        ("owner", "member", done()),
        ("admin", "viewer", done()),
        ("admin", "member", done()),
        ("admin", "owner", forbidden.clone()),
        ("admin", "admin", forbidden.clone()),
        ("member", "member", forbidden.clone()),
        ("member", "viewer", forbidden.clone()),
        ("viewer", "viewer", forbidden.clone()),
        ("stranger", "member", unknown.clone()),
        ("stranger", "stranger", unknown.clone()),
        ("owner", "stranger", unknown.clone()),
        ("owner", "nobody", unknown.clone()),
    ] {
        let token = session(who, json!(["read", "buy"])).await;
        let answer = put(&token, whom).await;
        assert_eq!(status(&answer), expected, "{who} limits {whom}: {answer}");
        let taken_away = delete(&token, whom).await;
        assert_eq!(taken_away == 204, expected.0 == 200, "{who} frees {whom}: {taken_away}");
    }
    let token = session("owner", json!(["read", "spend"])).await;
    assert_eq!(status(&put(&token, "member").await), missing);

    // Servers: with `manage`, for this organization or for all.
    let key = async |scopes: Value, owner: Value| {
        let made = json!({"name": "x", "scopes": scopes, "walletsOf": owner});
        let made = world.admin_post("/purser/v1/api-keys", made).expect(201).await;
        made["apiKey"].as_str().unwrap().to_owned()
    };
    let other = json!({"name": "Other", "members": []});
    let other = world.admin_post("/purser/v1/organizations", other).expect(201).await;
    let (this, other) = (format!("org:{}", cast.id), format!("org:{}", other["orgId"].as_str().unwrap()));
    for (scopes, owner, expected) in [
        (json!(["manage"]), Value::Null, done()),
        (json!(["manage"]), json!(this), done()),
        (json!(["manage"]), json!(other), unknown.clone()),
        (json!(["read", "spend", "buy", "admin"]), Value::Null, missing.clone()),
        (json!(["buy"]), json!(this), missing.clone()),
    ] {
        let answer = put(&key(scopes.clone(), owner.clone()).await, "member").await;
        assert_eq!(status(&answer), expected, "{scopes} of {owner}: {answer}");
    }
    // Every member sees it.
    let path = format!("/purser/v1/organizations/{}", cast.id);
    let shown = world.api().get(&path).bearer(&cast.viewer.api_key).expect(200).await;
    assert!(shown["members"].as_array().unwrap().iter().any(|member| member["limit"]["credits"] == json!(7)));
    world.finish().await;
}
