//! `.env.example` names every setting that the code reads, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use harness::system::Service;

use crate::commands;

/// How the code reads a variable; what follows is the variable's name.
const READERS: [&str; 11] = [
    "optional(",
    "required(",
    "secret(",
    "secrets(",
    "address(",
    "servers(",
    "parsed(",
    "list(",
    "at_least(",
    "origin(",
    "origins(",
];

/// The settings that the code in a folder of the checkout reads.
pub fn read_in(folder: &str) -> BTreeSet<String> {
    let mut read = BTreeSet::new();
    for file in rust_files(&servers::checkout().join(folder)) {
        let text = fs::read_to_string(&file).unwrap();
        // Tests make names up.
        let text = text.split("#[cfg(test)]").next().unwrap();
        read.extend(READERS.iter().flat_map(|reader| names_after(text, reader)));
    }
    read
}

#[test]
fn every_setting_is_documented() {
    let top = servers::checkout();
    let read: BTreeSet<String> =
        ["api/src", "common", "scheduler/src", "worker/src"].into_iter().flat_map(read_in).collect();
    assert!(
        read.contains("DATABASE_URL") && read.contains("WORKER_ROLES"),
        "the search finds nothing: {read:?}"
    );
    let compose = fs::read_to_string(top.join("docker-compose.yml")).unwrap();
    let used_by_compose: BTreeSet<String> = compose.split("${").skip(1).map(leading_name).collect();
    let example = fs::read_to_string(top.join(".env.example")).unwrap();
    let documented: BTreeSet<String> = example
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once('='))
        .map(|(name, _)| name.to_owned())
        .filter(|name| leading_name(name) == *name)
        .collect();
    let undocumented: Vec<&String> =
        read.union(&used_by_compose).filter(|name| !documented.contains(*name)).collect();
    assert!(undocumented.is_empty(), "not in .env.example: {undocumented:?}");
    let is_used = |name: &&String| read.contains(*name) || used_by_compose.contains(*name);
    let unused: Vec<&String> = documented.iter().filter(|name| !is_used(name)).collect();
    assert!(unused.is_empty(), "in .env.example, but not read: {unused:?}");
}

/// What a service answers that is started with the lines of `.env.example`, also with those that are commented out.
fn started_with_the_example(service: Service, with_comments: bool) -> String {
    let example = fs::read_to_string(servers::checkout().join(".env.example")).unwrap();
    let variables = example.lines().filter_map(|text| {
        let text = if with_comments { text.trim_start_matches("# ") } else { text };
        text.split_once('=').filter(|(name, _)| leading_name(name) == *name)
    });
    let output = commands::run(service, &[], variables);
    assert_eq!(output.code, 1, "{output:?}");
    output.stderr
}

#[test]
fn the_example_as_it_is_does_not_start_anything() {
    let cases: [(Service, bool, &[&str]); 4] = [
        (Service::Api, false, &["DATABASE_URL", "AMQP_URL", "ADMIN_API_KEY", "STRIPE_WEBHOOK_SECRET"]),
        (Service::Worker, false, &["DATABASE_URL", "AMQP_URL", "STRIPE_SECRET_KEY"]),
        (Service::Scheduler, true, &["DATABASE_URL", "AMQP_URL"]),
        (
            Service::Api,
            true,
            &[
                "DATABASE_URL",
                "RETURN_URL_ORIGINS",
                "ALLOWED_ORIGINS",
                "JWT_JWKS_URL",
                "JWT_ISSUER",
                "ADMIN_API_KEY",
            ],
        ),
    ];
    for (service, with_comments, names) in cases {
        let refusal = started_with_the_example(service, with_comments);
        for name in names {
            let lines =
                refusal.lines().filter(|line| line.trim_start().starts_with(&format!("{name} "))).count();
            assert_eq!(lines, 1, "{name} of {}: {refusal}", service.name());
        }
    }
}

#[test]
fn mistakes_come_all_at_once_with_what_to_do_and_without_what_was_set() {
    let servers = [("DATABASE_URL", "postgres://localhost/purser"), ("AMQP_URL", "amqp://localhost")];
    let api = [
        ("ADMIN_API_KEY", "hunter2", "openssl rand -hex 32"),
        ("STRIPE_WEBHOOK_SECRET", "sk_test_hunter2", "whsec_"),
        ("PUBLIC_URL", "hunter2.test/path", "https://shop.example.com"),
        ("MAX_CONNECTIONS", "0", "at least 1"),
        ("TRUSTED_PROXIES", "hunter2", "10.0.0.0/8"),
        ("METRICS_ADDR", "hunter2", "127.0.0.1:9090"),
        ("LOG_FORMAT", "hunter2", "`json`"),
    ];
    let worker = [
        ("STRIPE_SECRET_KEY", "pk_test_hunter2", "sk_test_"),
        ("CREEM_API_KEY", "whsec_hunter2", "creem_test_"),
        ("STRIPE_REQUESTS_PER_SECOND", "0", "at least 1"),
        ("DATABASE_MAX_CONNECTIONS", "0", "at least 1"),
        ("CHECKOUT_CANCEL_URL", "hunter2", "https://"),
    ];
    for (service, cases) in [(Service::Api, api.as_slice()), (Service::Worker, worker.as_slice())] {
        let wrong = cases.iter().map(|(name, value, _)| (*name, *value));
        let output = commands::run(service, &[], servers.into_iter().chain(wrong));
        assert_eq!(output.code, 1, "{output:?}");
        assert!(!output.stderr.contains("hunter2"), "{output:?}");
        for (name, _, remedy) in cases {
            let mut lines = output.stderr.lines().map(str::trim_start);
            let line = lines.find(|line| line.starts_with(&format!("{name} "))).unwrap_or_default();
            assert!(line.contains(remedy), "{name}: {output:?}");
        }
    }
}

fn names_after(text: &str, reader: &str) -> Vec<String> {
    let literals = text.split(reader).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
    literals.map(leading_name).filter(|name| name.len() > 2).collect()
}

/// The capital letters, digits and underscores that a text starts with.
fn leading_name(text: &str) -> String {
    let is_part =
        |character: &char| character.is_ascii_uppercase() || character.is_ascii_digit() || *character == '_';
    text.chars().take_while(is_part).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
