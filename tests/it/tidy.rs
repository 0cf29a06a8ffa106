//! Keeps the code base in the shape that ARCHITECTURE.md promises: headers, sizes, words, and who may use what.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file and its path from the top of the checkout.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("tests.rs")
    }

    /// The code that ships: without the test module at its end and without comments.
    fn shipped(&self) -> String {
        let code = self.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
    }
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["api", "clients/command", "common", "scheduler", "tests", "worker"] {
        collect(&top().join(folder), &mut found);
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(top()).unwrap().to_string_lossy().into_owned();
            found.push(Source { path: name, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

fn assert_none(what: &str, offenders: Vec<String>) {
    assert!(offenders.is_empty(), "{what}:\n  {}", offenders.join("\n  "));
}

#[test]
fn every_file_says_what_it_is_for() {
    let bare =
        sources().into_iter().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path);
    assert_none("files without a `//!` header", bare.collect());
}

#[test]
fn files_stay_readable() {
    let mut offenders = Vec::new();
    for source in sources() {
        let limit = if source.is_test() { 800 } else { 500 };
        let lines = source.text.lines().count();
        if lines > limit {
            offenders.push(format!("{}: {lines} lines, {limit} allowed", source.path));
        }
        let long = source.text.lines().filter(|line| line.chars().count() > 120).count();
        if long > 0 {
            offenders.push(format!("{}: {long} lines over 120 columns", source.path));
        }
    }
    assert_none("files that have grown too large", offenders);
}

#[test]
fn nothing_is_left_unfinished() {
    let words =
        ["TO".to_owned() + "DO", "FIX".to_owned() + "ME", "dbg".to_owned() + "!(", "XX".to_owned() + "X"];
    let mut offenders = Vec::new();
    for source in sources() {
        for word in &words {
            if source.text.contains(word.as_str()) {
                offenders.push(format!("{}: {word}", source.path));
            }
        }
    }
    assert_none("unfinished work", offenders);
}

#[test]
fn files_are_named_by_what_they_do() {
    let vague = ["utils.rs", "util.rs", "helpers.rs", "misc.rs", "models.rs"];
    let offenders = sources()
        .into_iter()
        .filter(|source| {
            let name = source.path.rsplit('/').next().unwrap();
            vague.contains(&name) || (name == "types.rs" && !source.path.contains("/dialects/"))
        })
        .map(|source| source.path);
    assert_none("vague file names", offenders.collect());
}

#[test]
fn entry_points_only_start_the_library() {
    let long = sources().into_iter().filter(|source| source.path.ends_with("/src/main.rs"));
    let long = long.filter(|source| source.text.lines().count() > 40).map(|source| source.path);
    assert_none("a main.rs over 40 lines", long.collect());
}

/// Implements traits of serde that have methods for every type of number. It keeps none.
const SERDE_TRAITS: &str = "api/src/http/objects.rs";

/// Who may use what, beyond what the dependencies of each crate settle: (a word of the code, where it is allowed, why).
const BOUNDARIES: &[(&str, &[&str], &str)] = &[
    (
        "f64",
        &["tests/", "api/src/dialects/wasdi/", "common/kernel/src/metrics/", SERDE_TRAITS],
        "amounts are whole numbers",
    ),
    ("f32", &["tests/", SERDE_TRAITS], "amounts are whole numbers"),
];

#[test]
fn boundaries_hold() {
    let mut offenders = Vec::new();
    for source in sources().into_iter().filter(|source| !source.path.ends_with("tidy.rs")) {
        let code = source.shipped();
        for (word, allowed, why) in BOUNDARIES {
            if code.contains(word) && !allowed.iter().any(|place| source.path.starts_with(place)) {
                offenders.push(format!("{} uses {word} ({why})", source.path));
            }
        }
    }
    assert_none("boundaries crossed", offenders);
}

#[test]
fn shipped_code_does_not_panic_on_purpose() {
    let mut offenders = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        let code = source.shipped();
        for (index, line) in code.lines().enumerate() {
            if [".unwrap()", ".expect(", "panic!("].iter().any(|word| line.contains(word)) {
                offenders.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    assert_none("panics in shipped code", offenders);
}

/// The manifests of the workspace's packages.
fn manifests() -> Vec<PathBuf> {
    let packages =
        ["api", "clients/command", "scheduler", "tests", "tests/emulator", "tests/servers", "worker"];
    let common = fs::read_dir(top().join("common")).unwrap().map(|entry| entry.unwrap().path());
    packages
        .into_iter()
        .map(|package| top().join(package))
        .chain(common)
        .map(|folder| folder.join("Cargo.toml"))
        .collect()
}

#[test]
fn versions_live_in_the_root_only() {
    let mut offenders = Vec::new();
    for manifest in manifests() {
        let package = manifest.display();
        let text = fs::read_to_string(&manifest).unwrap();
        let dependencies = text.split("ependencies]").skip(1);
        for line in dependencies.flat_map(|section| section.split("\n[").next().unwrap_or_default().lines()) {
            if line.contains('=') && !line.contains("workspace = true") {
                offenders.push(format!("{package}: {line}"));
            }
        }
        if !text.contains("[lints]\nworkspace = true") {
            offenders.push(format!("{package}: does not take the workspace's lints"));
        }
    }
    assert_none("packages that go their own way", offenders);
}

#[test]
fn every_job_has_a_file_of_its_name() {
    let handlers = top().join("worker/src/handlers");
    let catalogue = fs::read_to_string(handlers.join("catalogue.rs")).unwrap();
    let set = catalogue.split("AnyJob {").nth(1).and_then(|rest| rest.split('}').next()).unwrap();
    let jobs: Vec<&str> = set.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    assert!(jobs.len() > 20, "the jobs were not found: {jobs:?}");
    let missing = jobs.iter().map(|job| format!("{}.rs", snake_case(job)));
    let missing = missing.filter(|file| !handlers.join(file).exists()).collect();
    assert_none("jobs without a file in worker/src/handlers", missing);
    let files = fs::read_dir(&handlers).unwrap().count();
    assert_eq!(
        files,
        jobs.len() + 2,
        "worker/src/handlers holds jobs, mod.rs and catalogue.rs, and nothing else"
    );
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}
