//! Who may what: every operation of the description, asked with every kind of credential and every single scope.

use harness::client::{Answer, Request};
use harness::world::{User, World};
use serde_json::{Value, json};

use crate::openapi::{Operation, operations};

const SCOPES: [&str; 5] = ["read", "spend", "buy", "manage", "admin"];
/// What users' own tokens may have.
const OF_USERS: [&str; 3] = ["read", "spend", "buy"];

/// Operations that anybody with the scope may ask for, and that answer what is the caller's only.
const OF_THE_CALLER: [&str; 5] = [
    "GET /purser/v1/organizations",
    "GET /purser/v1/orders",
    "GET /purser/v1/products",
    "POST /purser/v1/debits/batch",
    "POST /purser/v1/live-tickets",
];

pub(super) fn own_operations() -> Vec<Operation> {
    // Live streams are opened with a ticket instead of a credential.
    let streams = ["/purser/v1/live", "/purser/v1/events"];
    let is_own = |path: &str| path.starts_with("/purser/v1/") && !streams.contains(&path);
    let own = operations().into_iter().filter(|operation| is_own(&operation.path));
    own.filter(|operation| !WITHOUT_CREDENTIAL.contains(&name(operation).as_str())).collect()
}

/// How operators and customers get in, which is how they get a credential, and what came of a payment page, which is
/// told
/// to those who know its id.
const WITHOUT_CREDENTIAL: [&str; 5] = [
    "POST /purser/v1/operator-sessions",
    "POST /purser/v1/operator-invitations/look-up",
    "POST /purser/v1/operator-invitations/accept",
    "POST /purser/v1/portal-sessions/open",
    "GET /purser/v1/checkout-results/{sessionId}",
];

pub(super) fn name(operation: &Operation) -> String {
    format!("{} {}", operation.method, operation.path)
}

/// The scope that the description asks for.
fn scope(operation: &Operation) -> &str {
    let scopes = operation.described["security"][0]["bearer"].as_array();
    let scopes = scopes.unwrap_or_else(|| panic!("{} asks for nothing", name(operation)));
    let [scope] = scopes.as_slice() else { panic!("{} asks for {scopes:?}", name(operation)) };
    scope.as_str().unwrap()
}

/// The scope that a kind of credential needs: to limit members, and to change or end what somebody pays for, servers
/// need another one than users.
fn scope_of(operation: &Operation, kind: Kind) -> &str {
    let is_for_everyone = kind == Kind::KeyForEveryone;
    match operation.path.as_str() {
        "/purser/v1/subscriptions/{subscriptionId}/cancel"
        | "/purser/v1/subscriptions/{subscriptionId}/change"
            if is_for_everyone =>
        {
            "manage"
        }
        path if path.ends_with("/members/{userId}/limit")
            && (is_for_everyone || kind == Kind::KeyOfOrganization) =>
        {
            "manage"
        }
        _ => scope(operation),
    }
}

/// A credential, and what it is for the reader of a failure.
struct Credential {
    what: String,
    text: String,
}

/// What it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    KeyOfUser,
    KeyOfOrganization,
    KeyForEveryone,
    Session,
    Token,
}

const KINDS: [Kind; 5] =
    [Kind::KeyOfUser, Kind::KeyOfOrganization, Kind::KeyForEveryone, Kind::Session, Kind::Token];

pub(super) struct House {
    pub(super) world: World,
    /// Whose things are asked for.
    alice: User,
    /// Whose credentials are used.
    bob: User,
    bobs_organization: String,
    /// One that alice sees, and its wallet.
    alices_organization: String,
    shared_wallet: String,
    /// A hold of alice's.
    hold: String,
}

fn text(answer: &Value, field: &str) -> String {
    answer[field].as_str().unwrap_or_else(|| panic!("no {field} in {answer}")).to_owned()
}

impl House {
    pub(super) async fn build() -> Self {
        let world = World::start().await;
        let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
        world.buy(&alice, 500).await;
        let hold = world.api().post("/purser/v1/wallets/me/holds").bearer(&alice.api_key);
        let hold = text(&hold.json(json!({"credits": 5, "ttlSeconds": 86_400})).expect(201).await, "holdId");
        let organization = async |name: &str, user: &str, role: &str| {
            let made = json!({"name": name, "members": [{"userId": user, "role": role}]});
            world.admin_post("/purser/v1/organizations", made).expect(201).await
        };
        let bobs_organization = text(&organization("Bob's", "bob", "owner").await, "orgId");
        let hers = organization("Alice's", "alice", "viewer").await;
        let (alices_organization, shared_wallet) = (text(&hers, "orgId"), text(&hers, "walletId"));
        Self { world, alice, bob, bobs_organization, alices_organization, shared_wallet, hold }
    }

    /// One of a kind with just this scope; none if there is no such one.
    async fn credential(&self, kind: Kind, scope: &str) -> Option<Credential> {
        let (bob, organization) = (&self.bob.id, &self.bobs_organization);
        let key = async |owner: Value| {
            let body = json!({"name": "One scope", "scopes": [scope], "walletsOf": owner});
            text(&self.world.admin_post("/purser/v1/api-keys", body).expect(201).await, "apiKey")
        };
        let made = match kind {
            Kind::KeyOfUser => key(json!(format!("user:{bob}"))).await,
            Kind::KeyOfOrganization => key(json!(format!("org:{organization}"))).await,
            Kind::KeyForEveryone => key(Value::Null).await,
            Kind::Session if OF_USERS.contains(&scope) => {
                let body = json!({"userId": bob, "scopes": [scope]});
                text(&self.world.admin_post("/purser/v1/sessions", body).expect(201).await, "sessionToken")
            }
            // A token reads and buys, whatever it says.
            Kind::Token if OF_USERS.contains(&scope) => {
                super::credentials::token(&self.world, bob, &json!({"scope": scope}))
            }
            Kind::Session | Kind::Token => return None,
        };
        Some(Credential { what: format!("{kind:?} with {scope}"), text: made })
    }

    /// What the operation is asked for: something of alice's, where it is about something of somebody's.
    pub(super) fn request(&self, operation: &Operation) -> Request {
        let segments = operation.path.split('/').map(|segment| match segment {
            "{wallet}" => "user:alice",
            "{holdId}" => self.hold.as_str(),
            "{userId}" => self.alice.id.as_str(),
            "{orgId}" => self.alices_organization.as_str(),
            "{currency}" => "usd",
            // The others are operators' to see, and unknown.
            segment if segment.starts_with('{') => "1",
            segment => segment,
        });
        let path = segments.collect::<Vec<_>>().join("/");
        let request = self.world.api().request(operation.method.clone(), &path);
        match (operation.takes_body(), operation.path.as_str()) {
            (_, "/purser/v1/debits/batch") => {
                let debit = json!({"wallet": "user:alice", "credits": 1, "idempotencyKey": "of another"});
                request.json(json!({"debits": [debit]}))
            }
            (true, path) if path.ends_with("/debits") || path.ends_with("/holds") => {
                request.json(json!({"credits": 1}))
            }
            (true, "/purser/v1/orders") => request.json(json!({"wallet": "user:alice", "credits": 100})),
            (true, "/purser/v1/redemptions") => request.json(json!({"wallet": "user:alice", "code": "GIFT"})),
            (true, path) if path.ends_with("/limit") => request.json(json!({"credits": 1, "per": "day"})),
            (true, path) if path.ends_with("/cancel") => {
                request.json(json!({"when": "period_end", "reason": "a test"}))
            }
            (true, path) if path.ends_with("/change") => request.json(json!({"planId": "team"})),
            (true, path) if path.ends_with("/extend") => request.json(json!({"ttlSeconds": 60})),
            (true, path) if path.ends_with("/grants") => {
                request.json(json!({"credits": 1, "kind": "paid", "reason": "a test"}))
            }
            (true, path) if path.ends_with("/adjustments") => {
                request.json(json!({"credits": 1, "reason": "a test"}))
            }
            (true, path) if path.ends_with("/void") || path.ends_with("{orderId}/refund") => {
                request.json(json!({"reason": "a test"}))
            }
            (true, path) if path.ends_with("/balance-alerts") => request.json(json!({"levels": [7]})),
            (true, _) => request.json(json!({})),
            (false, _) => request,
        }
    }

    /// All that alice has.
    pub(super) async fn possessions(&self) -> String {
        let all = "select json_build_array(
                       (select json_agg(w) from wallets w where user_id = 'alice'),
                       (select json_agg(h order by h.id) from holds h where user_id = 'alice'),
                       (select json_agg(e order by e.id) from ledger_entries e),
                       (select json_agg(u) from users u where id = 'alice'),
                       (select json_agg(r) from auto_recharge r))::text";
        sqlx::query_scalar(all).fetch_one(self.world.pool()).await.unwrap()
    }
}

pub(super) fn code(answer: &Answer) -> String {
    answer.json().unwrap()["error"]["code"].as_str().unwrap_or("none").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_is_done_without_its_scope_or_for_another_owner() {
    let house = House::build().await;
    let operations = own_operations();
    assert!(operations.len() > 50, "{}", operations.len());
    let before = house.possessions().await;
    for operation in &operations {
        let anonymous = house.request(operation).send().await.unwrap();
        assert_eq!((anonymous.status(), code(&anonymous).as_str()), (401, "unauthorized"), "{anonymous}");
    }
    for scope in SCOPES {
        for kind in KINDS {
            let Some(credential) = house.credential(kind, scope).await else { continue };
            let Credential { what, text } = &credential;
            for operation in &operations {
                let asked = scope_of(operation, kind);
                let may = asked == scope || kind == Kind::Token && ["read", "buy"].contains(&asked);
                if may && kind == Kind::KeyForEveryone {
                    // It is done below, when nothing is compared any more.
                    continue;
                }
                let answer = house.request(operation).bearer(text).send().await.unwrap();
                if !may {
                    assert_eq!(
                        (answer.status(), code(&answer).as_str()),
                        (403, "missing_scope"),
                        "{what}: {answer}"
                    );
                } else if OF_THE_CALLER.contains(&name(operation).as_str()) {
                    let shown = answer.json().unwrap();
                    match shown["data"][0].get("error") {
                        Some(error) => assert_eq!(error["code"], "wallet_not_found", "{what}: {answer}"),
                        None => {
                            assert!(
                                !answer.text().contains("alice") && [200, 201].contains(&answer.status()),
                                "{answer}"
                            )
                        }
                    }
                } else {
                    let refused = (answer.status(), code(&answer));
                    let is_refused = match refused.0 {
                        403 => refused.1 == "bound_credential",
                        404 => refused.1 == "wallet_not_found" || refused.1 == "not_found",
                        _ => false,
                    };
                    assert!(is_refused, "{what}: {answer}");
                }
            }
        }
    }
    house.world.drain().await;
    assert_eq!(house.possessions().await, before, "somebody else has changed it");
    // The scope that is asked for is enough: what is refused now is refused for what was sent.
    for scope in SCOPES {
        let credential = house.credential(Kind::KeyForEveryone, scope).await.unwrap();
        let of_scope = |operation: &&Operation| scope_of(operation, Kind::KeyForEveryone) == scope;
        for operation in operations.iter().filter(of_scope) {
            if operation.method == "DELETE" && operation.path == "/purser/v1/users/{userId}" {
                continue;
            }
            let answer = house.request(operation).bearer(&credential.text).send().await.unwrap();
            assert!(![401, 403].contains(&answer.status()), "{}: {answer}", credential.what);
        }
    }
    house.world.finish().await;
}

/// A wallet that is not the caller's is unknown, whatever it is called.
#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_is_known_by_its_names_to_those_only_whose_it_is() {
    let house = House::build().await;
    let world = &house.world;
    let (org, org_wallet) = (format!("org:{}", house.alices_organization), &house.shared_wallet);
    let get = async |wallet: &str, key: &str| {
        let path = format!("/purser/v1/wallets/{wallet}");
        world.api().get(&path).bearer(key).send().await.unwrap()
    };
    let own =
        [("user:alice", &house.alice.wallet_id), (house.alice.wallet_id.as_str(), &house.alice.wallet_id)];
    let both = own.into_iter().chain([(org.as_str(), org_wallet), (org_wallet.as_str(), org_wallet)]);
    let everyone = &world.settings().secrets.admin_api_key;
    for (wallet, id) in both {
        for key in [everyone, &house.alice.api_key] {
            assert_eq!(get(wallet, key).await.json().unwrap()["walletId"], json!(id), "{wallet}");
        }
        let (theirs, nobodys) =
            (get(wallet, &house.bob.api_key).await, get("user:nobody", &house.bob.api_key).await);
        for answer in [&theirs, &nobodys] {
            assert_eq!(
                (answer.status(), code(answer).as_str()),
                (404, "wallet_not_found"),
                "{wallet}: {answer}"
            );
        }
        let message = |answer: &Answer| answer.json().unwrap()["error"]["message"].clone();
        assert_eq!(message(&theirs), message(&nobodys));
    }
    let hers = get("me", &house.alice.api_key).await.json().unwrap();
    let (id, expected) = (&house.alice.wallet_id, [json!(500), json!(495), json!(5), json!(0)]);
    assert_eq!(
        (&hers["walletId"], &hers["userId"], &hers["orgId"]),
        (&json!(id), &json!("alice"), &Value::Null)
    );
    assert_eq!(["balance", "available", "held", "debt"].map(|field| hers[field].clone()), expected);
    // A key for everyone has none of its own.
    assert_eq!(code(&get("me", everyone).await), "wallet_not_found");
    world.api().get("/purser/v1/wallets/me").expect(401).await;
    house.world.finish().await;
}

/// A user with the admin role acts for everyone, but only with a key that was made for it; nobody gets the role from
/// less.
#[tokio::test(flavor = "multi_thread")]
async fn administrators_are_made_and_act_with_the_scope_admin_only() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_user("alice").await;
    let root = world.create_admin("root").await;
    let path = "/purser/v1/users/alice";
    let change = |key: &str, body: Value| world.api().put(path).bearer(key).json(body);
    change(&root.api_key, json!({"name": "Alice"})).expect(200).await;
    let plain =
        json!({"name": "Everyday", "scopes": ["read", "spend", "buy", "manage"], "walletsOf": "user:root"});
    let plain = text(&world.admin_post("/purser/v1/api-keys", plain).expect(201).await, "apiKey");
    let refused = change(&plain, json!({"name": "Eve"})).send().await.unwrap();
    assert_eq!((refused.status(), code(&refused).as_str()), (403, "bound_credential"));

    let manager = json!({"name": "Back office", "scopes": ["read", "manage"]});
    let manager = text(&world.admin_post("/purser/v1/api-keys", manager).expect(201).await, "apiKey");
    change(&manager, json!({"name": "Alice L."})).expect(200).await;
    let refused = change(&manager, json!({"admin": true})).send().await.unwrap();
    assert_eq!((refused.status(), code(&refused).as_str()), (403, "missing_scope"));
    for (path, body) in [
        ("/purser/v1/api-keys", json!({"name": "More", "scopes": ["admin"]})),
        ("/purser/v1/wallets/user:alice/debits", json!({"credits": 1})),
    ] {
        let refused = world.api().post(path).bearer(&manager).json(body).send().await.unwrap();
        assert_eq!((refused.status(), code(&refused).as_str()), (403, "missing_scope"), "{path}");
    }
    world.finish().await;
}
