//! The description of the API: the committed one is the one of the code, each operation in it is tested, and it is
//! served for programs and for people.

use std::collections::BTreeSet;
use std::path::Path;

use harness::world::World;
use reqwest::Method;
use serde_json::Value;

const COMMITTED: &str = include_str!("../../api/openapi.json");

/// What can be done at a path.
pub struct Operation {
    pub method: Method,
    pub path: String,
    /// The API that it belongs to.
    pub api: String,
    /// As the description has it.
    pub described: Value,
}

impl Operation {
    /// Whether it answers those only whom it knows.
    pub fn is_protected(&self) -> bool {
        self.described["security"].as_array().is_some_and(|ways| !ways.is_empty())
    }

    /// Whether it answers administrators only.
    pub fn is_for_admins(&self) -> bool {
        self.described["security"].as_array().is_some_and(|ways| ways.len() == 1)
    }

    /// Whether it takes a body.
    pub fn takes_body(&self) -> bool {
        self.described["requestBody"].is_object()
    }

    /// A path of its form, at which there is nothing; but the wallet is that of the user `root`.
    pub fn example(&self) -> String {
        let segments = self.path.split('/').map(|segment| match segment {
            "{wallet}" => "user:root",
            segment if segment.starts_with('{') => "1",
            segment => segment,
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

/// All that is described.
pub fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, described) in item.as_object().unwrap() {
            found.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                api: described["tags"][0].as_str().unwrap().to_owned(),
                described: described.clone(),
            });
        }
    }
    assert!(found.len() > 70, "the description is not complete");
    found
}

#[test]
fn the_committed_description_matches_the_code() {
    let same = api::description() == COMMITTED;
    assert!(same, "renew it with: cargo run -q -p api -- --openapi > api/openapi.json");
}

#[test]
fn every_operation_documents_its_purpose_and_its_answers() {
    let mut ids = BTreeSet::new();
    for Operation { method, path, described, .. } in operations() {
        let of = |field: &str| described[field].as_str().unwrap_or_default().to_owned();
        assert!(!of("summary").is_empty(), "{method} {path}");
        assert!(ids.insert(of("operationId")), "{method} {path}: its operationId is another's");
        let answers = described["responses"].as_object().unwrap();
        let own = |status: &String| !matches!(status.as_str(), "400" | "408" | "413" | "429" | "500" | "503");
        assert!(answers.keys().any(own), "{method} {path}");
        assert!(answers.contains_key("500"), "{method} {path}");
    }
}

/// Read from the tests' text, since they run in any order and not always all of them: each operation's path is in a
/// file of tests that also makes requests with its method.
#[test]
fn every_operation_has_a_test() {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("it"), &mut files);
    let is_tested = |operation: &Operation| {
        let method = operation.method.as_str();
        let calls =
            [format!("{}(", method.to_lowercase()), format!("\"{method}\""), format!("Method::{method}")];
        files.iter().any(|file| {
            calls.iter().any(|call| file.contains(call))
                && literals(file).any(|path| has_form(path, &operation.path, file))
        })
    };
    let missing: Vec<String> = operations()
        .iter()
        .filter(|operation| !is_tested(operation))
        .map(|operation| format!("{} {}", operation.method, operation.path))
        .collect();
    assert!(missing.is_empty(), "operations without a test:\n  {}", missing.join("\n  "));
}

/// The text of all tests, but for those that go through the whole description themselves.
fn collect(folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("isolation.rs")
        {
            files.push(std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The paths in quotes, without their queries.
fn literals(file: &str) -> impl Iterator<Item = &str> {
    let quoted = file.lines().flat_map(|line| line.split('"').skip(1).step_by(2));
    quoted.filter_map(|text| text.split('?').next()).filter(|text| text.starts_with(['/', '{']))
}

/// Whether a path of a test, perhaps one with parts still to be put in, has the form of a template. WASDI's paths are
/// served in two places, which its tests put in as `{root}`.
fn has_form(path: &str, template: &str, file: &str) -> bool {
    let path = path.strip_prefix("{root}").unwrap_or(path);
    let template = template.strip_prefix("/wasdiwebserver/rest").unwrap_or(template);
    let is_same = |(expected, found): (&str, &str)| match found.split_once('{') {
        _ if expected.starts_with('{') => !found.is_empty(),
        // One of several words, which are elsewhere in the file.
        Some(("", _)) => file.contains(&format!("\"{expected}")),
        // A query follows.
        Some((name, _)) => name == expected,
        None => found == expected,
    };
    template.split('/').count() == path.split('/').count()
        && template.split('/').zip(path.split('/')).all(is_same)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_served() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let served = world.api().get("/openapi.json").expect(200).await;
    assert_eq!(served, serde_json::from_str::<Value>(COMMITTED).unwrap());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_loads_nothing_from_elsewhere() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let get = async |path: &str| {
        let answer = world.api().get(path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains('*'), "{policy}");
        answer
    };
    let page = get("/docs/reference").await;
    assert_eq!(page.header("content-type"), Some("text/html"));
    let text = page.text();
    assert!(text.contains("<base href=\"reference/\">") && !text.contains("://"), "{text}");
    let parts = ["src=\"", "href=\""].into_iter().flat_map(|start| text.split(start).skip(1));
    let parts: Vec<&str> = parts.filter_map(|rest| rest.split('"').next()).collect();
    assert!(parts.len() > 5, "{parts:?}");
    for part in parts.iter().filter(|part| **part != "reference/") {
        let answer = get(&format!("/docs/reference/{}", part.trim_start_matches("./"))).await;
        let kind = answer.header("content-type").unwrap().to_owned();
        assert!(kind.starts_with("text/") || kind.starts_with("image/"), "{part}: {kind}");
        if kind == "text/css" {
            assert!(!answer.text().contains("@import") && !answer.text().contains("url(http"), "{part}");
        }
    }
    // It shows this server's description, and sends it to no validator.
    let settings = get("/docs/reference/swagger-initializer.js").await.text();
    assert!(settings.contains(r#""url": "../../openapi.json""#), "{settings}");
    assert!(settings.contains(r#""validatorUrl": "none""#) && !settings.contains("://"), "{settings}");
    let missing = world.api().get("/docs/reference/nothing.js").send().await.unwrap();
    assert_eq!(missing.status(), 404);
    // All APIs are on it.
    let apis: BTreeSet<String> = operations().into_iter().map(|operation| operation.api).collect();
    let expected = ["allmine", "billing", "native", "samsar", "timeproof", "wasdi", "webhooks"];
    assert_eq!(apis.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    world.finish().await;
}
