//! Traces of real processes, as a receiver of OTLP sees them: one trace leads from a webhook to its credit, and from an
//! order to the provider; links lead from a job to all that caused it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use harness::eventually::Look;
use harness::world::World;
use jobs::EncodedJob;
use kernel::traces::TraceParent;
use ledger::holds::ExpireHolds;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::events::{deliver, event, paid_session, publish};

const DEV: &str = env!("CARGO_BIN_EXE_dev");

/// A span, and the service that made it.
#[derive(Clone, Debug)]
struct Seen {
    service: String,
    span: Span,
}

impl Seen {
    fn is(&self, service: &str, kind: SpanKind, name: &str) -> bool {
        self.service == service && self.span.kind() == kind && self.span.name == name
    }

    fn is_child_of(&self, other: &Self) -> bool {
        self.span.trace_id == other.span.trace_id && self.span.parent_span_id == other.span.span_id
    }
}

/// A collector on loopback.
struct Collector {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Self { port, seen }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// Takes requests over one connection for as long as it is open.
async fn serve(mut stream: TcpStream, kept: Arc<Mutex<Vec<Seen>>>) {
    let mut bytes = Vec::new();
    loop {
        let Some((length, body)) = request(&bytes) else {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        };
        let exported = ExportTraceServiceRequest::decode(body).unwrap();
        kept.lock().unwrap().extend(spans(exported));
        bytes.drain(..length);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    }
}

/// The length of a whole request to the path of traces, and its body.
fn request(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let head_length = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_length]).unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
    let headers: HashMap<String, &str> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let length = head_length + headers["content-length"].parse::<usize>().unwrap();
    (bytes.len() >= length).then(|| (length, &bytes[head_length..length]))
}

fn spans(exported: ExportTraceServiceRequest) -> Vec<Seen> {
    let of_service = |(service, spans): (String, Vec<Span>)| {
        spans.into_iter().map(move |span| Seen { service: service.clone(), span })
    };
    let resources = exported.resource_spans.into_iter().map(|resource| {
        let attributes = resource.resource.unwrap().attributes;
        let name = attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
        let Some(Value::StringValue(service)) = name.value.clone().unwrap().value else { panic!("{name:?}") };
        (service, resource.scope_spans.into_iter().flat_map(|scope| scope.spans).collect())
    });
    resources.flat_map(of_service).collect()
}

/// Waits for a chain of spans, each the child of the one before.
async fn chain(world: &World, collector: &Collector, links: &[(&str, SpanKind, &str)]) -> Vec<Seen> {
    let look = async || {
        let seen = collector.seen();
        let (first, rest) = links.split_first().unwrap();
        let begins = seen.iter().filter(|span| span.is(first.0, first.1, first.2));
        let mut chains: Vec<Vec<Seen>> = begins.map(|span| vec![span.clone()]).collect();
        for (service, kind, name) in rest {
            let longer = |chain: &Vec<Seen>| {
                let last = chain.last().unwrap();
                let next =
                    seen.iter().find(|span| span.is(service, *kind, name) && span.is_child_of(last))?;
                Some(chain.iter().chain([next]).cloned().collect())
            };
            chains = chains.iter().filter_map(longer).collect();
        }
        match chains.pop() {
            Some(chain) => Look::Done(chain),
            None => {
                let names = seen
                    .iter()
                    .map(|seen| format!("{} {:?} {}", seen.service, seen.span.kind(), seen.span.name));
                Look::NotYet(names.collect::<Vec<_>>().join("\n"))
            }
        }
    };
    world.eventually(&format!("a trace has {links:?}"), look).await
}

/// A system that sends its traces there.
async fn traced(collector: &Collector) -> World {
    let world = World::builder()
        .api_process(DEV)
        .worker_process(DEV)
        // Its jobs would share batches.
        .without_scheduler()
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://127.0.0.1:{}", collector.port))
        .variable("OTEL_BSP_SCHEDULE_DELAY", "200");
    world.start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_a_webhook_to_its_credit_and_from_an_order_to_the_provider() {
    let collector = Collector::start().await;
    let world = traced(&collector).await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    // One event alone: those that come together share a message, and lead on by links.
    let paid = event("checkout.session.completed", &paid_session(&world, &alice, &checkout).await);
    assert_eq!(deliver(&world, &paid).await.status(), 200);
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    let (api, worker) = ("purser-api", "purser-worker");
    let webhook = "POST /api/payments/webhook";
    let credit = [
        (api, SpanKind::Server, webhook),
        (worker, SpanKind::Consumer, "provider.events"),
        (worker, SpanKind::Consumer, "notify.send"),
    ];
    chain(&world, &collector, &credit).await;
    let order = [
        (api, SpanKind::Server, "POST /v1/credits/recharge"),
        (worker, SpanKind::Consumer, "checkout.create"),
        (worker, SpanKind::Client, "stripe"),
    ];
    chain(&world, &collector, &order).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_several_causes_has_a_link_to_each_and_a_callers_trace_is_only_mentioned() {
    let collector = Collector::start().await;
    let world = traced(&collector).await;
    let trace = |digit: &str| format!("00-{}-{}-01", digit.repeat(32), digit.repeat(16));
    let causes = [trace("a"), trace("b")].map(|text| TraceParent::read(&text).unwrap());
    publish(&world, EncodedJob::caused_by(&ExpireHolds {}, &causes)).await;
    let job = chain(&world, &collector, &[("purser-worker", SpanKind::Consumer, "holds.expire")]).await;
    let linked: Vec<&[u8]> = job[0].span.links.iter().map(|link| link.trace_id.as_slice()).collect();
    assert_eq!(linked, [[0xaa_u8; 16], [0xbb; 16]]);
    assert!(job[0].span.parent_span_id.is_empty(), "{job:?}");

    world.api().get("/healthz").header("traceparent", &trace("c")).expect(200).await;
    let request = chain(&world, &collector, &[("purser-api", SpanKind::Server, "GET /healthz")]).await;
    assert_ne!(request[0].span.trace_id, [0xcc; 16], "a stranger's trace is continued");
    assert_eq!(request[0].span.links[0].trace_id, [0xcc; 16]);
    world.finish().await;
}
