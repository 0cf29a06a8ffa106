//! Every command at least once, against the real system.

use std::fs;

use harness::world::{World, link};
use serde_json::{Value, json as value};

use super::{done, json, purser, refused};
use crate::parked_purchases::buy;

/// A field that holds a text.
fn text(answer: &Value, field: &str) -> String {
    answer[field].as_str().unwrap_or_else(|| panic!("no {field} in {answer}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_wallets_grants_debits_holds_and_transfers() {
    let world = World::start().await;
    let alice =
        done(&world, &["user", "put", "alice", "--email", "alice@example.com", "--metadata", "crm=7"]).await;
    assert!(alice.contains("email         alice@example.com\n"), "{alice}");
    assert!(alice.contains("metadata.crm  7\n"), "{alice}");
    done(&world, &["user", "put", "bob/../x"]).await;
    assert_eq!(json(&world, &["user", "show", "bob/../x"]).await["userId"], "bob/../x");
    let listed = done(&world, &["user", "list", "--query", "alice"]).await;
    assert_eq!(listed.lines().count(), 2, "{listed}");

    let given = [
        "grant",
        "user:alice",
        "120.5",
        "--reason",
        "Welcome",
        "--kind",
        "paid",
        "--expires-after-days",
        "30",
    ];
    let grant = json(&world, &given).await;
    assert_eq!((&grant["credits"], &grant["kind"]), (&value!(120.5), &value!("paid")));
    let keyed = [&given[..], &["--idempotency-key", "welcome"]].concat();
    assert_eq!(text(&json(&world, &keyed).await, "grantId"), text(&json(&world, &keyed).await, "grantId"));
    let grant_id = text(&grant, "grantId");
    done(&world, &["grant", "show", &grant_id]).await;
    let voided = json(&world, &["grant", "void", &grant_id, "--reason", "By mistake"]).await;
    assert_eq!((&voided["voided"], &voided["balance"]), (&value!(120.5), &value!(120.5)));
    assert_eq!(
        json(&world, &["wallet", "grants", "user:alice", "--open"]).await["data"].as_array().unwrap().len(),
        1
    );

    let debit =
        json(&world, &["debit", "user:alice", "20.5", "--type", "render", "--description", "Video 7"]).await;
    let debit_id = text(&debit, "debitId");
    done(&world, &["debit", "show", &debit_id]).await;
    let back = json(&world, &["debit", "refund", &debit_id, "--credits", "0.5"]).await;
    assert_eq!((&back["credits"], &back["balance"]), (&value!(0.5), &value!(100.5)));

    let hold =
        text(&json(&world, &["hold", "create", "user:alice", "50", "--ttl-seconds", "600"]).await, "holdId");
    done(&world, &["hold", "show", &hold]).await;
    done(&world, &["hold", "extend", &hold, "--ttl-seconds", "900"]).await;
    let part = json(&world, &["hold", "capture", &hold, "--credits", "10", "--keep-rest"]).await;
    assert_eq!(part["state"], "active", "{part}");
    assert!(done(&world, &["wallet", "holds", "user:alice", "--state", "active"]).await.contains(&hold));
    let released = json(&world, &["hold", "release", &hold]).await;
    assert_eq!((&released["state"], &released["captured"]), (&value!("released"), &value!(10)), "{released}");
    done(&world, &["transfer", "user:alice", "user:bob/../x", "0.5", "--reason", "A gift"]).await;

    let shown = done(&world, &["wallet", "show", "user:alice"]).await;
    assert!(shown.contains("balance             90\n"), "{shown}");
    let entries = done(&world, &["wallet", "entries", "user:alice", "--type", "render"]).await;
    assert!(entries.contains("render  -20.5") && entries.contains("Video 7"), "{entries}");

    done(&world, &["user", "block", "alice", "--reason", "Fraud"]).await;
    done(&world, &["user", "unblock", "alice", "--reason", "None"]).await;
    assert_eq!(done(&world, &["user", "erase", "bob/../x", "--yes"]).await, "The user is erased.\n");
    world.drain().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_on_page_by_page_and_programs_get_every_item() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    for index in 0..5 {
        done(&world, &["user", "put", &format!("user-{index}")]).await;
    }
    let first = super::run(&world, &["user", "list", "--limit", "2"]).await;
    assert_eq!((first.code, first.stdout.lines().count()), (0, 3), "{first:?}");
    assert!(first.stderr.contains("--cursor user-1"), "{first:?}");
    let all = done(&world, &["user", "list", "--limit", "2", "--all"]).await;
    assert_eq!(all.lines().count(), 6, "{all}");
    let items = done(&world, &["user", "list", "--limit", "2", "--all", "--json"]).await;
    let ids: Vec<String> =
        items.lines().map(|line| text(&serde_json::from_str(line).unwrap(), "userId")).collect();
    assert_eq!(ids, ["user-0", "user-1", "user-2", "user-3", "user-4"]);
    let page = json(&world, &["user", "list", "--limit", "2", "--cursor", "user-1"]).await;
    assert_eq!(page["nextCursor"], "user-3");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn catalog_orders_refunds_and_recharges() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let file = std::env::temp_dir().join(format!("purser-pack-{}.json", std::process::id()));
    let mut pack = value!({"packId": "starter", "name": "Starter", "credits": 100,
                           "price": {"minor": 1500, "currency": "usd"}, "dialects": ["native"]});
    fs::write(&file, pack.to_string()).unwrap();
    let file = file.to_str().unwrap();
    done(&world, &["catalog", "packs", "create", file]).await;
    pack["active"] = value!(false);
    fs::write(file, pack.to_string()).unwrap();
    assert_eq!(json(&world, &["catalog", "packs", "put", "starter", file]).await["active"], false);
    assert!(done(&world, &["catalog", "packs", "show", "starter"]).await.contains("price.minor"));
    assert!(done(&world, &["catalog", "packs", "list"]).await.contains("starter"));
    assert!(done(&world, &["catalog", "plans", "list"]).await.contains("team"));
    fs::write(file, r#"{"code": "SPRING", "percent": 20}"#).unwrap();
    done(&world, &["catalog", "coupons", "create", file]).await;
    assert!(done(&world, &["catalog", "coupons", "list"]).await.contains("SPRING"));
    fs::write(file, r#"{"enabled": true, "creditsPerDay": 5, "timeZone": "UTC"}"#).unwrap();
    done(&world, &["catalog", "check-in", "put", file]).await;
    assert_eq!(json(&world, &["catalog", "check-in", "show"]).await["creditsPerDay"], 5);
    fs::remove_file(file).unwrap();
    done(&world, &["catalog", "prices", "put", "usd", "--credits", "100", "--minor", "100"]).await;
    assert_eq!(
        done(&world, &["catalog", "prices", "list"]).await,
        "currency  credits  minor\nusd       100      100\n"
    );

    let bought =
        ["order", "create", "user:alice", "--credits", "250", "--coupon", "SPRING", "--reference", "cart-1"];
    let order = json(&world, &bought).await;
    assert_eq!(
        (&order["amount"]["minor"], &order["reference"]),
        (&value!(200), &value!("cart-1")),
        "{order}"
    );
    world.buy(&alice, 500).await;
    world.drain().await;
    let orders = json(&world, &["order", "list", "--wallet", "user:alice", "--status", "paid"]).await;
    let order = text(&orders["data"][0], "orderId");
    assert!(done(&world, &["order", "show", &order]).await.contains("status"));
    done(&world, &["order", "refund", &order, "--minor", "100", "--reason", "Asked for it"]).await;
    world.drain().await;
    assert_eq!(json(&world, &["wallet", "show", "user:alice"]).await["balance"], 400);

    done(&world, &["auto-recharge", "show", "user:alice"]).await;
    done(&world, &["auto-recharge", "list"]).await;
    for verb in ["pause", "resume"] {
        // Without settings there is nothing to pause: the API says so, in its words.
        let output = super::run(&world, &["auto-recharge", verb, "user:alice", "--reason", "x"]).await;
        assert!(output.code == 0 || output.stderr.contains("recharge"), "{output:?}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn organizations_keys_sessions_webhooks_and_the_record() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_user("alice").await;
    world.create_user("bob").await;
    let org = text(&json(&world, &["org", "create", "Films", "--member", "alice:owner"]).await, "orgId");
    done(&world, &["org", "put-member", &org, "bob", "viewer"]).await;
    assert!(done(&world, &["org", "show", &org]).await.contains("viewer"));
    done(&world, &["org", "remove-member", &org, "bob"]).await;
    assert!(done(&world, &["org", "list"]).await.contains("Films"));

    let made =
        json(&world, &["keys", "create", "Shop", "--scope", "read,spend", "--wallets-of", "user:alice"])
            .await;
    let (key_id, key) = (text(&made, "apiKeyId"), text(&made, "apiKey"));
    let listed = done(&world, &["keys", "list"]).await;
    assert!(listed.contains("read, spend") && !listed.contains(&key), "{listed}");
    assert!(done(&world, &["keys", "list", "--user", "alice"]).await.contains(&key_id));
    done(&world, &["keys", "show", &key_id]).await;
    assert_eq!(done(&world, &["keys", "revoke", &key_id]).await, "The key is revoked.\n");

    let session = text(&json(&world, &["sessions", "create", "alice", "--scope", "read"]).await, "sessionId");
    assert!(done(&world, &["sessions", "list", "alice"]).await.contains(&session));
    done(&world, &["sessions", "end", &session]).await;
    done(&world, &["sessions", "end-all", "alice"]).await;

    let url = "http://127.0.0.1:9999/hook";
    let endpoint = json(&world, &["webhooks", "create", url, "--event-type", "order.paid"]).await;
    let (id, secret) = (text(&endpoint, "endpointId"), text(&endpoint, "secret"));
    assert!(done(&world, &["webhooks", "list"]).await.contains(url));
    done(&world, &["webhooks", "show", &id]).await;
    assert_ne!(text(&json(&world, &["webhooks", "rotate-secret", &id]).await, "secret"), secret);
    done(&world, &["webhooks", "test", &id]).await;
    done(&world, &["webhooks", "deliveries", &id, "--state", "pending"]).await;
    assert!(refused(&world, &["webhooks", "replay", &id]).await.contains("not_found"));
    done(&world, &["webhooks", "delete", &id]).await;

    let record = done(&world, &["audit-log", "--limit", "200"]).await;
    for action in ["organization.create", "api_key.create", "api_key.revoke", "session.end"] {
        assert!(record.contains(action), "{action}: {record}");
    }
    let script = done(&world, &["completions", "bash"]).await;
    assert!(script.contains("auto-recharge") && script.contains("dead-letters"));
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_dead_letters_parked_purchases_the_clock_and_the_rest() {
    let mut world = World::start().await;
    world.allow_dead_letters();
    world.create_user("alice").await;
    // An authentic purchase by nobody, and one that can be dismissed.
    for transaction in ["1", "2"] {
        buy(&world, transaction).await;
    }
    let parked = json(&world, &["parked", "list"]).await["data"].clone();
    let (first, second) = (text(&parked[0], "purchaseId"), text(&parked[1], "purchaseId"));
    done(&world, &["parked", "show", &first]).await;
    done(&world, &["parked", "retry", &first]).await;
    world.drain().await;
    done(&world, &["parked", "claim", &first, "alice"]).await;
    done(&world, &["parked", "dismiss", &second, "--reason", "A test"]).await;
    world.drain().await;
    assert_eq!(json(&world, &["wallet", "show", "user:alice"]).await["balance"], 100);

    let events = json(&world, &["events", "list", "--provider", "revenuecat"]).await["data"].clone();
    let event = text(&events[0], "id");
    done(&world, &["events", "show", &event]).await;
    assert!(done(&world, &["events", "list", "--state", "open"]).await.starts_with("id "));
    for verb in ["credit", "retry", "dismiss"] {
        let says = refused(&world, &["events", verb, &event, "--reason", "Just so"]).await;
        assert!(says.starts_with("purser: ") && says.contains("request "), "{says}");
    }

    assert!(done(&world, &["dead-letters", "list"]).await.starts_with("id "));
    for arguments in [["show"].as_slice(), &["retry"], &["dismiss", "--reason", "x"]] {
        let all = [&["dead-letters", arguments[0], "01936f2e-7c1a-7000-8000-00000000dead"], &arguments[1..]]
            .concat();
        assert!(refused(&world, &all).await.contains("not_found"), "{all:?}");
    }

    let before = text(&json(&world, &["clock"]).await, "now");
    done(&world, &["clock", "advance", "86400"]).await;
    assert!(text(&json(&world, &["clock"]).await, "now") > before);
    assert!(refused(&world, &["clock", "to", "2020-01-01T00:00:00Z"]).await.contains("purser: "));

    assert!(done(&world, &["api", "GET", "/products"]).await.starts_with('{'));
    let mut post = purser(&world, &["api", "POST", "/purser/v1/wallets/user:alice/debits", "--body", "-"]);
    let mut child =
        post.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut child.stdin.take().unwrap(), br#"{"credits": 1}"#)
        .await
        .unwrap();
    let output: crate::commands::Output = child.wait_with_output().await.unwrap().into();
    assert!(output.stdout.contains(r#""balance":99"#), "{output:?}");
    world.drain().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_are_invited_changed_kept_out_and_removed() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let invite = ["operators", "invite", "ada@example.com", "--name", "Ada", "--role", "support"];
    let shown = done(&world, &invite).await;
    let url = shown.lines().find_map(|line| line.strip_prefix("url ")).unwrap_or_else(|| panic!("{shown}"));
    let accepted = value!({"link": link(url), "password": "correct horse battery"});
    let accept = world.api().post("/purser/v1/operator-invitations/accept").json(accepted);
    let id = text(&accept.expect(200).await, "operatorId");
    // The link is for one person, once: no list shows it, and the API says that it is used.
    let listed = done(&world, &["operators", "list"]).await;
    assert!(listed.contains("ada@example.com") && !listed.contains(&link(url)), "{listed}");
    assert!(refused(&world, &invite).await.contains("operator_exists"));

    let role = ["operators", "role", &id, "finance", "--reason", "Runs the books"];
    assert_eq!(json(&world, &role).await["role"], "finance");
    let again = text(&json(&world, &["operators", "invite-again", &id]).await, "url");
    assert_ne!(link(&again), link(url));
    let signed_in = text(&json(&world, &["operators", "sign-in-link", &id]).await, "url");
    let open = async || {
        let body = value!({"link": link(&signed_in)});
        world.api().post("/purser/v1/operator-sessions").json(body).send().await.unwrap()
    };
    let opened = open().await;
    assert_eq!((opened.status(), open().await.status()), (201, 404));
    let token = text(&opened.json().unwrap(), "sessionToken");
    let session = || world.api().get("/purser/v1/operator-session").bearer(&token);
    assert_eq!(session().expect(200).await["operator"]["role"], "finance");

    done(&world, &["operators", "disable", &id, "--reason", "On leave"]).await;
    session().expect(401).await;
    assert!(json(&world, &["operators", "show", &id]).await["disabledAt"].is_string());
    done(&world, &["operators", "enable", &id, "--reason", "Back"]).await;
    assert_eq!(json(&world, &["operators", "show", &id]).await["disabledAt"], Value::Null);
    let removed = done(&world, &["operators", "remove", &id, "--reason", "Left us"]).await;
    assert_eq!(removed, "The operator is removed.\n");
    assert!(refused(&world, &["operators", "show", &id]).await.contains("not_found"));
    let record = done(&world, &["audit-log"]).await;
    assert!(record.contains("Runs the books") && record.contains("Left us"), "{record}");
    world.finish().await;
}
