//! `.env.example` names every setting that the code reads, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How the code reads a variable; what follows is the variable's name.
const READERS: [&str; 8] =
    ["optional(", "required(", "secret(", "address(", "parsed(", "list(", "origin(", "env = "];

#[test]
fn every_setting_is_documented() {
    let top = servers::checkout();
    let mut read = BTreeSet::new();
    for package in ["api", "common", "scheduler", "worker"] {
        for file in rust_files(&top.join(package).join("src")) {
            let text = fs::read_to_string(&file).unwrap();
            // Tests make names up.
            let text = text.split("#[cfg(test)]").next().unwrap();
            read.extend(READERS.iter().flat_map(|reader| names_after(text, reader)));
        }
    }
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
