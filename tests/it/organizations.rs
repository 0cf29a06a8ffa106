//! Organizations: who is in them, and what each role may do.

use harness::client::{Answer, Request};
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// An organization with a user in each role, and a user in none.
pub struct Cast {
    pub id: i64,
    pub wallet_id: String,
    pub owner: User,
    pub admin: User,
    pub member: User,
    pub viewer: User,
    pub stranger: User,
}

impl Cast {
    /// Those who belong to it.
    pub fn members(&self) -> [&User; 4] {
        [&self.owner, &self.admin, &self.member, &self.viewer]
    }

    /// A path of the shared wallet.
    pub fn path(&self, what: &str) -> String {
        format!("/purser/v1/wallets/org:{}/{what}", self.id)
    }

    fn everybody(&self) -> [&User; 5] {
        [&self.owner, &self.admin, &self.member, &self.viewer, &self.stranger]
    }
}

/// Makes one, with a user of each role, named like it.
pub async fn organization(world: &World) -> Cast {
    let mut users = Vec::new();
    for name in ["owner", "admin", "member", "viewer", "stranger"] {
        users.push(world.create_user(name).await);
    }
    let members: Vec<Value> =
        users[..4].iter().map(|user| json!({"userId": user.id, "role": user.id})).collect();
    let body = json!({"name": "Acme", "members": members});
    let made = world.admin_post("/purser/v1/organizations", body).expect(201).await;
    let mut users = users.into_iter();
    let mut next = || users.next().unwrap();
    Cast {
        id: made["orgId"].as_str().unwrap().parse().unwrap(),
        wallet_id: made["walletId"].as_str().unwrap().to_owned(),
        owner: next(),
        admin: next(),
        member: next(),
        viewer: next(),
        stranger: next(),
    }
}

fn code(answer: &Answer) -> (u16, String) {
    let body = answer.json().unwrap();
    (answer.status(), body["error"]["code"].as_str().unwrap_or("none").to_owned())
}

fn admin(world: &World, request: Request) -> Request {
    request.bearer(&world.settings().secrets.admin_api_key)
}

fn membership(cast: &Cast, user: &str) -> String {
    format!("/purser/v1/organizations/{}/members/{user}", cast.id)
}

async fn put(world: &World, path: &str, role: &str) -> Answer {
    admin(world, world.api().put(path)).json(json!({"role": role})).send().await.unwrap()
}

async fn delete(world: &World, path: &str) -> Answer {
    admin(world, world.api().delete(path)).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_see_their_organizations() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let cast = organization(&world).await;
    let members = json!([
        {"userId": "admin", "role": "admin", "limit": null}, {"userId": "member", "role": "member", "limit": null},
        {"userId": "owner", "role": "owner", "limit": null}, {"userId": "viewer", "role": "viewer", "limit": null},
    ]);
    let path = format!("/purser/v1/organizations/{}", cast.id);
    for user in cast.members() {
        let own = json!({"orgId": cast.id.to_string(), "name": "Acme", "role": user.id,
                         "walletId": cast.wallet_id});
        let listed = world.api().get("/purser/v1/organizations").bearer(&user.api_key).expect(200).await;
        assert_eq!(listed, json!({"data": [own], "nextCursor": null}));
        let mut details = own;
        details["members"] = members.clone();
        assert_eq!(world.api().get(&path).bearer(&user.api_key).expect(200).await, details);
    }
    let key = &cast.stranger.api_key;
    let listed = world.api().get("/purser/v1/organizations").bearer(key).expect(200).await;
    assert_eq!(listed["data"], json!([]));
    for path in [path.as_str(), "/purser/v1/organizations/999", "/purser/v1/organizations/x"] {
        let answer = world.api().get(path).bearer(key).send().await.unwrap();
        assert_eq!(code(&answer), (404, "not_found".to_owned()), "{path}");
    }
    assert_eq!(world.api().get(&path).send().await.unwrap().status(), 401);
    world.finish().await;
}

/// Who may spend: consume, and hold.
#[tokio::test(flavor = "multi_thread")]
async fn owners_admins_and_members_spend_from_the_shared_wallet() {
    let world = World::start().await;
    let cast = organization(&world).await;
    let request = world.api().post("/api/payments/checkout").bearer(&cast.owner.api_key);
    let checkout = request.json(json!({"packId": "micro", "orgId": cast.id})).expect(200).await;
    world.pay(checkout["sessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    let (forbidden, unknown) = ((403, "role_not_allowed".to_owned()), (404, "wallet_not_found".to_owned()));
    for user in cast.everybody() {
        let post = |what: &str| {
            let request = world.api().post(&cast.path(what)).bearer(&user.api_key);
            request.json(json!({"credits": 10}))
        };
        match user.id.as_str() {
            "owner" | "admin" | "member" => {
                post("debits").expect(200).await;
                let hold = post("holds").expect(201).await;
                let path = format!("/purser/v1/holds/{}/capture", hold["holdId"].as_str().unwrap());
                world.api().post(&path).bearer(&user.api_key).expect(200).await;
            }
            refused => {
                let expected = if refused == "viewer" { &forbidden } else { &unknown };
                for what in ["debits", "holds"] {
                    assert_eq!(&code(&post(what).send().await.unwrap()), expected, "{refused} {what}");
                }
            }
        }
    }
    let path = format!("/purser/v1/wallets/org:{}", cast.id);
    let shown = world.api().get(&path).bearer(&cast.viewer.api_key).expect(200).await;
    assert_eq!((&shown["balance"], &shown["orgId"]), (&json!(40), &json!(cast.id.to_string())));
    world.finish().await;
}

/// Who may do what, over each API: buy, spend, see.
#[tokio::test(flavor = "multi_thread")]
async fn each_role_has_exactly_its_permissions() {
    let world = World::start().await;
    let cast = organization(&world).await;
    let buy = async |user: &User| {
        let request = world.api().post("/api/payments/checkout").bearer(&user.api_key);
        request.json(json!({"packId": "bulk", "orgId": cast.id})).send().await.unwrap()
    };
    let bought = buy(&cast.admin).await.json().unwrap();
    world.pay(bought["sessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    // Buying, spending, holding; then the balance, the history and the payment, and the organization itself.
    for (user, may) in [
        (&cast.owner, [200, 200, 201, 200, 200, 200, 200]),
        (&cast.admin, [200, 200, 201, 200, 200, 200, 200]),
        (&cast.member, [403, 200, 201, 200, 200, 200, 200]),
        (&cast.viewer, [403, 403, 403, 200, 200, 200, 200]),
        (&cast.stranger, [403, 404, 404, 403, 403, 404, 404]),
    ] {
        let post = async |what: &str| {
            let request = world.api().post(&cast.path(what)).bearer(&user.api_key);
            request.json(json!({"credits": 1})).send().await.unwrap().status()
        };
        let get =
            async |path: String| world.api().get(&path).bearer(&user.api_key).send().await.unwrap().status();
        let did = [
            buy(user).await.status(),
            post("debits").await,
            post("holds").await,
            get(format!("/api/payments/balances?orgId={}", cast.id)).await,
            get(format!("/api/payments/history?orgId={}", cast.id)).await,
            get(format!("/api/payments/session/{}", bought["sessionId"].as_str().unwrap())).await,
            get(format!("/purser/v1/organizations/{}", cast.id)).await,
        ];
        assert_eq!(did, may, "{}", user.id);
        // Nothing of it is the user's own.
        let own = world.api().get("/credits/balance").bearer(&user.api_key).expect(200).await;
        assert_eq!(own["data"]["balance"], 0, "{}", user.id);
    }
    // Roles are given by administrators of the installation, whatever one's role in the organization.
    for user in cast.everybody() {
        let body = json!({"role": "owner"});
        let path = membership(&cast, &user.id);
        let put = world.api().put(&path).bearer(&user.api_key).json(body).send().await.unwrap();
        assert_eq!(put.status(), 403, "{}", user.id);
        let delete = world.api().delete(&path).bearer(&user.api_key).send().await.unwrap();
        assert_eq!(delete.status(), 403, "{}", user.id);
    }
    world.finish().await;
}

/// A removed member neither buys, spends nor sees, whatever was begun before; what was paid is the organization's.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_loses_access_at_once() {
    let world = World::start().await;
    let cast = organization(&world).await;
    let mut live = world.api().open_websocket("/ws", &cast.admin.api_key).await.unwrap();
    let checkout = async |user: &User| {
        let request = world.api().post("/api/payments/checkout").bearer(&user.api_key);
        request.json(json!({"packId": "micro", "orgId": cast.id})).send().await.unwrap()
    };
    let opened = checkout(&cast.admin).await.json().unwrap();
    assert_eq!(delete(&world, &membership(&cast, "admin")).await.status(), 204);
    // The open connection ends, and one that is opened again is about the user's own wallet only.
    let end = tokio::time::timeout(PATIENCE, live.receive()).await.expect("the connection goes on");
    assert!(end.is_err(), "{end:?}");
    let mut live = world.api().open_websocket("/ws", &cast.admin.api_key).await.unwrap();
    assert_eq!(checkout(&cast.admin).await.status(), 403);
    // The page that was open is paid all the same.
    world.pay(opened["sessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&cast.wallet_id).await, 100);
    world.buy(&cast.admin, 700).await;
    let told = live.receive_within(PATIENCE).await.unwrap();
    assert_eq!(told["credits"], 700, "{told}");
    let spend = world.api().post(&cast.path("debits")).bearer(&cast.admin.api_key);
    assert_eq!(spend.json(json!({"credits": 1})).send().await.unwrap().status(), 404);
    for path in ["balances", "history"] {
        let path = format!("/api/payments/{path}?orgId={}", cast.id);
        assert_eq!(world.api().get(&path).bearer(&cast.admin.api_key).send().await.unwrap().status(), 403);
    }
    let listed = world.api().get("/purser/v1/organizations").bearer(&cast.admin.api_key).expect(200).await;
    assert_eq!(listed["data"], json!([]));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_granted_changed_and_revoked() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let cast = organization(&world).await;
    let consume = async |user: &User| {
        let request = world.api().post(&cast.path("debits")).bearer(&user.api_key);
        request.json(json!({"credits": 1})).send().await.unwrap().status()
    };
    // 402 is as far as one gets who may spend.
    assert_eq!((consume(&cast.stranger).await, consume(&cast.viewer).await), (404, 403));
    let given = put(&world, &membership(&cast, "stranger"), "member").await;
    assert_eq!(
        (given.status(), given.json().unwrap()),
        (200, json!({"userId": "stranger", "role": "member", "limit": null}))
    );
    assert_eq!(put(&world, &membership(&cast, "viewer"), "admin").await.status(), 200);
    assert_eq!((consume(&cast.stranger).await, consume(&cast.viewer).await), (402, 402));
    assert_eq!(delete(&world, &membership(&cast, "stranger")).await.status(), 204);
    assert_eq!(consume(&cast.stranger).await, 404);

    let not_found = (404, "not_found".to_owned());
    assert_eq!(code(&delete(&world, &membership(&cast, "stranger")).await), not_found);
    assert_eq!(code(&put(&world, "/purser/v1/organizations/999/members/owner", "admin").await), not_found);
    assert_eq!(code(&delete(&world, "/purser/v1/organizations/x/members/owner").await), not_found);
    let unknown = put(&world, &membership(&cast, "nobody"), "member").await;
    assert_eq!(code(&unknown), (404, "user_not_found".to_owned()));
    assert_eq!(put(&world, &membership(&cast, "member"), "emperor").await.status(), 400);
    let path = membership(&cast, "member");
    let own = world.api().put(&path).bearer(&cast.owner.api_key).json(json!({"role": "owner"}));
    assert_eq!(code(&own.send().await.unwrap()), (403, "missing_scope".to_owned()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_keeps_an_owner() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let cast = organization(&world).await;
    let last = (409, "last_owner".to_owned());
    let owner = membership(&cast, "owner");
    assert_eq!(code(&put(&world, &owner, "admin").await), last);
    assert_eq!(code(&delete(&world, &owner).await), last);
    assert_eq!(put(&world, &owner, "owner").await.status(), 200);
    // With two, either may go; when both go at once, one stays.
    let other = membership(&cast, "admin");
    assert_eq!(put(&world, &other, "owner").await.status(), 200);
    let (first, second) = futures::join!(delete(&world, &owner), put(&world, &other, "viewer"));
    let mut statuses = [first.status(), second.status()];
    statuses.sort_unstable();
    assert!(statuses == [204, 409] || statuses == [200, 409], "{statuses:?}");
    assert_eq!(world.count("organization_members where role = 'owner'").await, 1);
    world.finish().await;
}

/// Its wallet goes by the organization's id, which is text, and by its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_organizations_wallet_has_two_names() {
    let world = World::start().await;
    let cast = organization(&world).await;
    let request = world.api().post("/api/payments/checkout").bearer(&cast.owner.api_key);
    let page = request.json(json!({"packId": "micro", "orgId": cast.id})).expect(200).await;
    world.pay(page["sessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    let debit = async |wallet: &str| {
        let path = format!("/purser/v1/wallets/{wallet}/debits");
        let request = world.api().post(&path).bearer(&cast.member.api_key);
        request.json(json!({"credits": 10})).send().await.unwrap()
    };
    for (wallet, balance) in [(format!("org:{}", cast.id), 90), (cast.wallet_id.clone(), 80)] {
        assert_eq!(debit(&wallet).await.json().unwrap()["balance"], balance, "{wallet}");
    }
    let many = format!("org:{}", "9".repeat(30));
    for wrong in ["org:x", "org:", "org:1.5", "org", &cast.id.to_string(), &many] {
        assert_eq!(code(&debit(wrong).await), (404, "wallet_not_found".to_owned()), "{wrong}");
    }
    let body = json!({"enabled": true, "thresholdCredits": 10, "amount": {"minor": 700, "currency": "usd"}});
    let put = world.api().put(&cast.path("auto-recharge")).bearer(&cast.owner.api_key);
    put.json(body).expect(200).await;
    let listed = admin(&world, world.api().get("/purser/v1/auto-recharge")).expect(200).await;
    let listed = &listed["data"][0];
    assert_eq!(
        (&listed["orgId"], &listed["walletId"]),
        (&json!(cast.id.to_string()), &json!(cast.wallet_id))
    );
    world.finish().await;
}
