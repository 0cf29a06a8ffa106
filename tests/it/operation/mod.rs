//! What operators see and use: metrics, alerts, the dashboard, traces, and how the system is deployed.

mod catalogue;
mod compose;
mod deploy;
mod logs;
mod rules;
mod system;
mod traces;

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the checkout.
fn text(path: &str) -> String {
    let path = servers::checkout().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below a folder of the checkout.
fn files(folder: &str) -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { collect(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    collect(&servers::checkout().join(folder), &mut found);
    found
}

/// The values of a key in YAML that has one on a line of its own, without quotes.
fn yaml_values(yaml: &str, key: &str) -> Vec<String> {
    let start = format!("{key}:");
    let values = yaml.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(&start));
    values.map(|value| value.trim().trim_matches('"').to_owned()).collect()
}
