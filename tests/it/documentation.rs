//! The documentation as a reader has it: every page is reached by links, every link leads somewhere, and nothing comes
//! from elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use harness::client::Answer;
use harness::world::World;
use serde_json::Value;
use url::Url;

/// Other sites that pages link to.
const OTHER_SITES: [&str; 4] =
    ["www.standardwebhooks.com", "www.revenuecat.com", "keepachangelog.com", "semver.org"];
const PAGE_BYTES: usize = 150_000;

async fn world() -> World {
    World::builder().without_worker().without_scheduler().start().await
}

/// The values of an attribute. What is in the page itself is no link.
fn values<'page>(page: &'page str, attribute: &str) -> Vec<&'page str> {
    let start = format!(" {attribute}=\"");
    let values = page.split(&start).skip(1).filter_map(|rest| rest.split('"').next());
    values.filter(|value| !value.starts_with("data:")).collect()
}

fn between<'page>(page: &'page str, start: &str, end: &str) -> &'page str {
    let rest = page.split_once(start).unwrap_or_else(|| panic!("no {start} in {page}")).1;
    rest.split_once(end).unwrap().0
}

fn is_html(answer: &Answer) -> bool {
    answer.header("content-type") == Some("text/html; charset=utf-8")
}

/// What must hold for every page, whatever is on it.
fn check_page(address: &Url, answer: &Answer) {
    let page = answer.text();
    let policy = answer.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self';") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(!page.contains("<script") && !page.contains("style=\"") && !page.contains("<!--"), "{address}");
    assert!(page.len() < PAGE_BYTES, "{address} has {} bytes", page.len());
    assert_eq!(page.matches("<h1>").count(), 1, "{address}");
    assert!(between(&page, "<title>", "</title>").ends_with(" · Purser"), "{address}");
    let ids = values(&page, "id");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{address}: two parts share an id");
}

/// Follows all links from the first page, and answers what is there.
async fn all_pages(world: &World) -> BTreeMap<Url, Answer> {
    let first = Url::parse(&format!("{}/docs", world.api().base())).unwrap();
    let (mut pages, mut waiting) = (BTreeMap::new(), vec![first.clone()]);
    while let Some(address) = waiting.pop() {
        if pages.contains_key(&address) {
            continue;
        }
        let answer = world.api().get(address.as_str()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{address}");
        if is_html(&answer) {
            check_page(&address, &answer);
            let page = answer.text();
            for link in ["href", "src", "action"].into_iter().flat_map(|attribute| values(&page, attribute)) {
                let mut target = address.join(link).unwrap();
                target.set_fragment(None);
                if target.origin() == first.origin() {
                    waiting.push(target);
                } else {
                    let site = target.host_str().unwrap();
                    assert!(OTHER_SITES.contains(&site), "{address} links to {target}");
                }
            }
        }
        pages.insert(address, answer);
    }
    pages
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_linked_and_every_link_leads_somewhere() {
    let world = world().await;
    let pages = all_pages(&world).await;
    let mut titles = BTreeSet::new();
    for (address, answer) in pages.iter().filter(|(_, answer)| is_html(answer)) {
        let page = answer.text();
        assert!(
            titles.insert(between(&page, "<title>", "</title>").to_owned()),
            "{address}: the title is another's"
        );
        for link in values(&page, "href") {
            let mut target = address.join(link).unwrap();
            let Some(anchor) = target.fragment().map(str::to_owned) else { continue };
            target.set_fragment(None);
            let there = pages.get(&target).unwrap_or_else(|| panic!("{address}: {link}")).text();
            assert!(values(&there, "id").contains(&anchor.as_str()), "{address}: {link} has no such part");
        }
    }
    let paths: BTreeSet<&str> = pages.keys().map(Url::path).collect();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(name) = name.strip_suffix(".md").filter(|name| *name != "README") {
            assert!(paths.contains(format!("/docs/{name}").as_str()), "{name}: {paths:?}");
        }
    }
    assert!(paths.contains("/docs/reference") && paths.contains("/docs/python"), "{paths:?}");
    world.finish().await;
}

/// A program that gets an error can be sent to the paragraph about it.
#[tokio::test(flavor = "multi_thread")]
async fn each_error_and_event_has_an_anchor() {
    let world = world().await;
    let document = world.api().get("/openapi.json?dialect=native").expect(200).await;
    let codes = &document["components"]["schemas"]["native.ErrorDetail"]["properties"]["code"]["enum"];
    let names = |values: &Value| -> Vec<String> {
        values.as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    let events = document["webhooks"].as_object().unwrap().keys().map(|name| name.replace('.', ""));
    for (path, expected) in [("/docs/errors", names(codes)), ("/docs/events", events.collect())] {
        let page = world.api().get(path).send().await.unwrap().text();
        let ids = values(&page, "id");
        for name in expected {
            assert!(ids.contains(&name.as_str()), "{path}#{name}");
        }
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_kept_until_they_change() {
    let world = world().await;
    for path in ["/docs", "/docs/webhooks", "/docs/search?q=hold", "/docs/reference"] {
        let answer = world.api().get(path).send().await.unwrap();
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"), "{path}");
        let tag = answer.header("etag").unwrap().to_owned();
        for (known, status) in
            [(tag.as_str(), 304), (&format!("\"other\", W/{tag}"), 304), ("\"other\"", 200)]
        {
            let again = world.api().get(path).header("if-none-match", known).send().await.unwrap();
            assert_eq!(
                (again.status(), again.header("etag")),
                (status, Some(tag.as_str())),
                "{path} {known}"
            );
            assert_eq!(again.text().is_empty(), status == 304, "{path}");
        }
        let head = world.api().request(reqwest::Method::HEAD, path).send().await.unwrap();
        assert_eq!(
            (head.status(), head.header("etag"), head.text()),
            (200, Some(tag.as_str()), String::new())
        );
        assert_eq!(head.header("content-length"), Some(answer.text().len().to_string().as_str()), "{path}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_path_leads_back() {
    let world = world().await;
    for path in ["/docs/nothing", "/docs/", "/docs/a/b/c", "/docs/webhooks/", "/docs/%3Cscript%3E"] {
        let answer = world.api().get(path).send().await.unwrap();
        assert_eq!((answer.status(), is_html(&answer)), (404, true), "{path}");
        check_page(&Url::parse(&format!("{}{path}", world.api().base())).unwrap(), &answer);
        assert!(values(&answer.text(), "href").contains(&"/docs"), "{path}");
    }
    let wrong_method = world.api().post("/docs/webhooks").send().await.unwrap();
    assert_eq!((wrong_method.status(), wrong_method.header("allow")), (405, Some("GET")));
    assert!(is_html(&wrong_method));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_finds_sections() {
    let world = world().await;
    let first = async |query: &str| {
        let answer = world.api().get(&format!("/docs/search?q={query}")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{query}");
        let page = answer.text();
        let results = between(&page, "<ul class=\"hits\">", "</ul>");
        values(results, "href").first().map(|link| (*link).to_owned())
    };
    assert_eq!(first("insufficient_credits").await.as_deref(), Some("errors#insufficient_credits"));
    assert_eq!(first("Idempotency").await.as_deref(), Some("concepts#idempotency"));
    assert_eq!(first("post+/purser/v1/orders").await.as_deref(), Some("reference#/native/createOrder"));
    assert_eq!(first("").await, None);
    assert_eq!(first("%3Cb%3Ex").await, None);
    world.finish().await;
}
