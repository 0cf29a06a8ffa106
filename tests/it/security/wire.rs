//! The bytes themselves: what is no single, well-formed request is refused or read as one, nothing that is sent is
//! written where it could pass for something else, and no client keeps others from being served.

use std::time::Duration;

use harness::client::Client;
use harness::world::{User, World};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::DEV;
use crate::events::publish_raw;
use crate::openapi::operations;

/// Longer than the server waits for what does not come.
const PATIENCE: Duration = Duration::from_secs(60);
const LAST: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn address(world: &World) -> String {
    world.api().base().trim_start_matches("http://").to_owned()
}

async fn connect(world: &World) -> TcpStream {
    TcpStream::connect(address(world)).await.unwrap()
}

/// Everything that is answered to these bytes, until the server closes the connection.
async fn exchange(world: &World, bytes: &[u8]) -> String {
    let mut stream = connect(world).await;
    // It may be closed before all is written.
    let _refused = stream.write_all(bytes).await;
    let mut answered = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answered));
    let _reset = reading.await.unwrap_or_else(|_| panic!("left open: {:?}", String::from_utf8_lossy(bytes)));
    String::from_utf8_lossy(&answered).into_owned()
}

/// The statuses of all answers.
fn statuses(answered: &str) -> Vec<u16> {
    let lines = answered.split("HTTP/1.").skip(1).map(|rest| rest.get(2..5).unwrap_or_default());
    lines.map(|status| status.parse().unwrap()).collect()
}

/// A debit, which would be seen.
fn debit(user: &User) -> String {
    format!(
        "POST /purser/v1/wallets/me/debits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\n\
         Content-Length: 13\r\n\r\n{{\"credits\":1}}",
        user.api_key
    )
}

/// What is done with a request that two servers might read in two ways.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// 400 or the like, and the connection is closed.
    Refused,
    /// It is one request; what follows on the connection is the next, or is not read.
    One,
}

/// Heads of requests, and what is done with them.
fn heads() -> Vec<(String, Fate)> {
    use Fate::{One, Refused};
    let mut heads = Vec::new();
    for (lines, fate) in [
        ("Transfer-Encoding: identity\r\n", Refused),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", Refused),
        ("Transfer-Encoding: chunked, identity\r\n", Refused),
        ("Transfer-Encoding: xchunked\r\n", Refused),
        ("Transfer-Encoding : chunked\r\n", Refused),
        ("Transfer-Encoding:\x0bchunked\r\n", Refused),
        ("Transfer-Encoding: chunked\x00\r\n", Refused),
        ("Transfer-Encoding: \"chunked\"\r\n", Refused),
        ("X: y\r\n Transfer-Encoding: chunked\r\n", Refused),
        ("X: a\r\n\tb\r\n", Refused),
        (" X: y\r\n", Refused),
        ("X\r\n", Refused),
        (": y\r\n", Refused),
        ("X: a\rb\r\n", Refused),
        ("X: a\x00b\r\n", Refused),
        ("X: \x7f\r\n", Refused),
        ("X\x00: y\r\n", Refused),
        ("X Y: z\r\n", Refused),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", Refused),
        ("Content-Length: 0\r\nContent-Length: 700\r\n", Refused),
        ("Content-Length: 5, 5\r\n", Refused),
        ("Content-Length: 5 5\r\n", Refused),
        ("Content-Length: +5\r\n", Refused),
        ("Content-Length: -5\r\n", Refused),
        ("Content-Length: 0x5\r\n", Refused),
        ("Content-Length: 5.0\r\n", Refused),
        ("Content-Length:\r\n", Refused),
        ("Content-Length: 99999999999999999999999\r\n", Refused),
        ("Content-Length: 18446744073709551615\r\n", Refused),
        ("Content-Length: 0\r\nContent-Length: 0\r\n", One),
    ] {
        heads.push((format!("POST /nothing HTTP/1.1\r\nHost: x\r\n{lines}\r\n"), fate));
    }
    for line in [
        "POST  /nothing HTTP/1.1",
        "POST /nothing  HTTP/1.1",
        "POST\t/nothing HTTP/1.1",
        "POST /nothing HTTP/1.1 x",
        "POST /nothing HTTP/9.9",
        "POST /nothing http/1.1",
        "POST /nothing HTTP/1.1\0",
        "POST /no\0thing HTTP/1.1",
        "POST /no\x7fthing HTTP/1.1",
        "POST /nothing",
        "P\u{f6}ST /nothing HTTP/1.1",
        "PRI * HTTP/2.0",
        "\x16\x03\x01\x02\x00\x01\x00",
    ] {
        heads.push((format!("{line}\r\nHost: x\r\n\r\n"), Refused));
    }
    heads.push(("POST http://evil.example/nothing HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), One));
    heads.push(("POST /nothing HTTP/1.1\nHost: x\n\n".to_owned(), One));
    heads.push(("\r\nPOST /nothing HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), One));
    heads.push(("POST /nothing HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), Refused));
    heads
}

/// A body, in each way in which its end can be stated, and within it or after it a request that must not be read as
/// one; and how many answers there may be.
fn bodies(hidden: &str) -> Vec<(&'static str, String, usize)> {
    let post = |lines: &str, body: &str| format!("POST /nothing HTTP/1.1\r\nHost: x\r\n{lines}\r\n{body}");
    let length = hidden.len();
    let chunk = format!("{length:x}\r\n{hidden}\r\n0\r\n\r\n");
    let chunked = "Transfer-Encoding: chunked\r\n";
    let both = format!("0\r\n\r\n{hidden}");
    let (all, some) = (format!("Content-Length: {}\r\n", both.len()), "Content-Length: 4\r\n");
    vec![
        ("within its length", post(&format!("Content-Length: {length}\r\n"), hidden), 2),
        ("within a chunk", post(chunked, &chunk), 2),
        (
            "in a chunk's extension",
            post(chunked, &format!("1;x=\"{}\"\r\na\r\n0\r\n\r\n", "POST /purser/v1/wallets/me/debits")),
            2,
        ),
        (
            "in what follows the last chunk",
            post(chunked, &format!("0\r\nX: {}\r\n\r\n", "POST /purser/v1/wallets/me/debits")),
            2,
        ),
        ("after the last chunk, within a length", post(&format!("{all}{chunked}"), &both), 1),
        ("after the last chunk, within a length that comes last", post(&format!("{chunked}{all}"), &both), 1),
        ("after a length, within a chunk", post(&format!("{some}{chunked}"), &chunk), 1),
        ("behind a size that is none", post(chunked, &format!("zz\r\n{hidden}")), 1),
        ("behind a size with a sign", post(chunked, &format!("-1\r\n{hidden}")), 1),
        ("behind a size with a prefix", post(chunked, &format!("0x5\r\nhello\r\n0\r\n\r\n{hidden}")), 1),
        ("behind a size that overflows", post(chunked, &format!("fffffffffffffffff0\r\n{hidden}")), 1),
        (
            "behind a chunk that is longer than it says",
            post(chunked, &format!("5\r\nhelloX0\r\n\r\n{hidden}")),
            1,
        ),
        ("behind a chunk that ends otherwise", post(chunked, &format!("5\nhello\n0\n\n{hidden}")), 1),
        (
            "behind an upper limit",
            post(chunked, &format!("1;{}\r\na\r\n0\r\n\r\n{hidden}", "x".repeat(100_000))),
            1,
        ),
        ("behind a request of old", format!("GET /healthz HTTP/1.0\r\n\r\n{hidden}"), 1),
        (
            "behind one that is to be the last",
            format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n{hidden}"),
            1,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_smuggled_in_another() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 500).await;
    let hidden = debit(&alice);
    let spent = async || world.count("ledger_entries where entry_type = 'usage'").await;
    // It is what it seems to be: sent openly it is done, and the connection goes on.
    assert_eq!(statuses(&exchange(&world, format!("{hidden}{LAST}").as_bytes()).await), [200, 200]);
    assert_eq!(spent().await, 1);

    for (head, fate) in heads() {
        let is_refused = fate == Fate::Refused;
        // What is refused is followed by nothing; what is one request is followed by the next.
        let rest = if is_refused { hidden.as_str() } else { LAST };
        let found = statuses(&exchange(&world, format!("{head}{rest}").as_bytes()).await);
        match fate {
            // Sometimes closed without a word.
            Fate::Refused => assert!(
                found.iter().all(|status| (400..=505).contains(status)) && found.len() <= 1,
                "{head:?}: {found:?}"
            ),
            Fate::One => assert_eq!(found, [404, 200], "{head:?}"),
        }
    }

    for (how, bytes, answers) in bodies(&hidden) {
        let found = statuses(&exchange(&world, format!("{bytes}{LAST}").as_bytes()).await);
        assert!(found.len() <= answers, "{how}: {found:?}");
        if answers == 2 {
            assert_eq!(found.last(), Some(&200), "{how}: the next request is not read: {found:?}");
        }
    }
    world.drain().await;
    assert_eq!(spent().await, 1, "a hidden request was done");
    world.finish().await;
}

/// What a header of a request says comes back only where it can do no harm.
#[tokio::test(flavor = "multi_thread")]
async fn input_never_injects_response_headers() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let long = "x".repeat(129);
    for (given, comes_back) in [
        ("a-7/b.c", true),
        ("a b", false),
        ("a%0d%0aset-cookie:x=1", true),
        ("\u{e9}", false),
        ("", false),
        (long.as_str(), false),
    ] {
        let answer = world.api().get("/healthz").header("x-request-id", given).send().await.unwrap();
        assert_eq!(answer.header("x-request-id") == Some(given), comes_back, "{given}");
        assert!(answer.header("set-cookie").is_none());
    }
    for path in [
        "/orders/%0d%0aset-cookie:%20x=1",
        "/credits/stripe/confirmation/cs_test_%0d%0aset-cookie:%20x=1",
        "/v1/payment_status?checkoutSessionId=%0d%0aset-cookie:%20x=1",
        "/%0d%0aset-cookie:%20x=1",
        "/docs/%0d%0aset-cookie:%20x=1",
    ] {
        let answer = world.api().get(path).bearer(&alice.api_key).send().await.unwrap();
        assert!((400..=500).contains(&answer.status()) && answer.header("set-cookie").is_none(), "{answer}");
        assert!(!answer.text().contains("\r\n"), "{answer}");
    }
    for line in ["Idempotency-Key: a\x01b", "Idempotency-Key: a\x0bb", "X-Request-Id: a\r\nset-cookie: x=1"] {
        let head = format!("POST /purser/v1/wallets/me/debits HTTP/1.1\r\nHost: x\r\n{line}\r\n");
        let credential = format!("Authorization: Bearer {}\r\n", alice.api_key);
        let body = "Content-Length: 13\r\nConnection: close\r\n\r\n{\"credits\":1}";
        let answered = exchange(&world, format!("{head}{credential}{body}").as_bytes()).await;
        assert!(!answered.to_ascii_lowercase().contains("\r\nset-cookie"), "{answered}");
        assert_ne!(statuses(&answered), [200], "{answered}");
    }
    for key in ["\u{e9}", "", &"k".repeat(256), "a\tb"] {
        let request =
            world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.api_key).idempotency_key(key);
        let answer = request.json(json!({"credits": 1})).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{key:?}: {answer}");
    }
    let twice = world
        .api()
        .post("/purser/v1/wallets/me/debits")
        .bearer(&alice.api_key)
        .idempotency_key("a")
        .idempotency_key("b");
    assert_eq!(twice.json(json!({"credits": 1})).send().await.unwrap().status(), 400);
    world.finish().await;
}

/// The beginning of a forged line of a log, and ways to get it to the beginning of one.
const FORGED: &str = "FORGED: all is well";
const BREAKS: [&str; 7] = ["\n", "\r\n", "\r", "\u{2028}", "\u{85}", "\x1b[2K\x1b[1G", "\x08\x08"];

/// The log contains only lines of the process itself.
#[tokio::test(flavor = "multi_thread")]
async fn input_never_forges_log_lines() {
    let mut world =
        World::builder().own_servers().api_process(DEV).worker_process(DEV).logs("debug").start().await;
    world.allow_dead_letters();
    let alice = world.create_user("alice").await;
    let session = world.create_session(&alice).await;
    let admin = world.settings().secrets.admin_api_key.clone();
    let say_it = async || {
        for text in BREAKS.map(|text| format!("x{text}{FORGED}")) {
            let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let api = world.api();
            let put = |user: &str| api.put(&format!("/purser/v1/users/{user}")).bearer(&admin);
            let as_alice = |path: &str| api.post(path).bearer(&alice.api_key);
            let mut requests = vec![
                put(&encoded).json(json!({"name": text})),
                put("somebody").json(json!({"email": text})),
                api.post("/purser/v1/organizations")
                    .bearer(&admin)
                    .json(json!({"name": text, "members": []})),
                as_alice("/purser/v1/wallets/me/debits").json(json!({"credits": 1, "description": text})),
                as_alice("/purser/v1/wallets/me/debits").json(json!({"credits": text, "type": text})),
                as_alice("/credits/add").json(json!({"name": text, "type": text, "buySuccess": false})),
                as_alice("/payment/create-session")
                    .json(json!({"channel": text, "plan_id": text, "success_url": text})),
                api.get(&format!("/orders/{encoded}?x={encoded}")).bearer(&alice.api_key),
                api.get(&format!("/{encoded}")).header("x-session-token", &session),
                api.get("/v1/credits").bearer(&encoded).header("user-agent", &encoded),
                api.request(Method::from_bytes(b"FORGED").unwrap(), "/v1/credits"),
            ];
            if text.bytes().all(|byte| byte >= 0x20 || byte == b'\t') {
                requests
                    .push(api.get("/v1/credits").header("x-request-id", &text).header("user-agent", &text));
            }
            for request in requests {
                let _whatever_is_answered = request.send().await;
            }
            let told = json!({"id": text, "object": "event", "type": text, "api_version": text,
                              "data": {"object": {"id": text, "object": text}}});
            crate::events::deliver(&world, &told).await;
        }
    };
    say_it().await;
    poison(&world).await;
    world.drain().await;
    // Failures are logged with more.
    tokio::task::block_in_place(|| world.servers().postgres().kill9()).unwrap();
    world.wait_until_api_unready().await;
    say_it().await;
    tokio::task::block_in_place(|| world.servers().postgres().start()).unwrap();
    world.wait_until_api_ready().await;
    for process in [world.api_process(), world.worker()] {
        let output = process.output().unwrap();
        assert!(output.lines().count() > 50, "it has not logged: {output}");
        for line in output.lines() {
            let starts_as_ours = line.starts_with("\x1b[2m20") || line.starts_with("20");
            assert!(!line.contains("FORGED: ") || starts_as_ours, "a forged line: {line:?}");
            for strange in ["\x1b[2K", "\x1b[1G", "\x08", "\u{2028}", "\u{85}", "\r"] {
                assert!(!line.contains(strange), "what moves a cursor: {line:?}");
            }
        }
    }
    world.abandon().await;
}

/// Foreign messages that cannot be read, with texts that try to forge lines.
async fn poison(world: &World) {
    let bodies = BREAKS
        .map(|text| format!("x{text}{FORGED}"))
        .into_iter()
        .flat_map(|text| [json!({"kind": text, "payload": {}}).to_string(), format!("{text}\n{FORGED}")]);
    publish_raw(world, bodies).await;
}

/// Oversized input is refused as such, without cost to other callers.
#[tokio::test(flavor = "multi_thread")]
async fn oversized_input_is_refused() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let key = &world.create_admin("root").await.api_key;
    let many = format!("[{}0]", "0,".repeat(200_000));
    let numbers = format!("{{\"credits\":{}}}", "9".repeat(500_000));
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    let nested = "{\"input\":".repeat(60_000) + "1" + &"}".repeat(60_000);
    let document: Value = serde_json::from_str(include_str!("../../../api/openapi.json")).unwrap();
    for operation in operations().iter().filter(|operation| operation.takes_body()) {
        let schema = &operation.described["requestBody"]["content"]["application/json"]["schema"];
        let reference = schema["$ref"].as_str().unwrap_or_default().trim_start_matches('#');
        let described = document.pointer(reference).unwrap_or(schema);
        let fields = described["properties"].as_object().into_iter().flatten();
        // In place of each field that is a list, one that has no end.
        let lists = fields.filter(|(_, field)| field.to_string().contains("\"array\""));
        let wide = lists.map(|(name, _)| format!("{{\"{name}\":{many}}}"));
        for body in [&deep, &nested, &numbers, &many].into_iter().cloned().chain(wide) {
            let request = world.api().request(operation.method.clone(), &operation.example()).bearer(key);
            let request = request.header("content-type", "application/json").body(body);
            let answer = request.send().await.unwrap();
            // Some bodies may be left out, and are not looked at.
            assert!(answer.status() < 500 && !(300..400).contains(&answer.status()), "{answer}");
            assert!(answer.text().len() < 100_000, "{}: a refusal repeats what it refuses", operation.path);
        }
    }
    let host = "GET /healthz HTTP/1.1\r\nHost: x\r\n";
    for (what, bytes) in [
        ("a header", format!("{host}X: {}\r\n\r\n", "x".repeat(1_000_000))),
        ("a name", format!("{host}{}: x\r\n\r\n", "x".repeat(1_000_000))),
        ("many headers", format!("{host}{}\r\n", "X: y\r\n".repeat(5_000))),
        ("a path", format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(1_000_000))),
        ("a query", format!("GET /healthz?{} HTTP/1.1\r\nHost: x\r\n\r\n", "x=y&".repeat(250_000))),
        ("a method", format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", "X".repeat(1_000_000))),
        ("nothing but a beginning", "x".repeat(1_000_000)),
    ] {
        let found = statuses(&exchange(&world, bytes.as_bytes()).await);
        let refused = found.iter().all(|status| [400, 404, 405, 414, 431].contains(status));
        assert!(refused && found.len() <= 1, "{what}: {found:?}");
    }
    // A query that is just let through is read in reasonable time, however many parts it has.
    let parts = format!("/v1/payment_status?{}", "a=&".repeat(15_000));
    let answer = world.api().get(&parts).bearer(key).send().await.unwrap();
    assert!((400..500).contains(&answer.status()), "{answer}");
    world.api().get("/healthz").expect(200).await;
    // Saving a card costs nothing; nothing was ordered.
    assert_eq!(world.count("payments where mode <> 'setup'").await, 0);
    world.abandon().await;
}

/// Who sends slowly, or nothing, or never reads, takes a place and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn slow_connections_take_one_place_each_and_nothing_more() {
    const EACH: usize = 100;
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let unread = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    let body = "POST /purser/v1/wallets/me/debits HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{";
    let begun = [
        "",
        "G",
        "GET /v1/credits HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        body,
        "POST /api/payments/webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{",
        &unread,
    ];
    let mut open = Vec::new();
    for bytes in begun {
        for _ in 0..EACH {
            let stream = connect(&world).await;
            stream.writable().await.unwrap();
            assert_eq!(stream.try_write(bytes.as_bytes()).unwrap(), bytes.len());
            open.push(stream);
        }
    }
    // Others buy, spend and see meanwhile.
    world.buy(&alice, 500).await;
    let spend = Client::new(world.api().base()).unwrap();
    let asked = (0..20).map(|_| {
        spend
            .post("/purser/v1/wallets/me/debits")
            .bearer(&alice.api_key)
            .json(json!({"credits": 1}))
            .expect(200)
    });
    futures::future::join_all(asked).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 480);
    drop(open);
    world.finish().await;
}
