//! docker-compose.yml passes every setting of `.env.example` on to each process that reads it, and names servers that
//! are tested.

use std::collections::BTreeSet;

use servers::newest::{POSTGRES, RABBITMQ};

use super::text;
use crate::settings::read_in;

/// A section of the file at the top or below `services`, with what it takes over from the others.
fn section(compose: &str, start: &str) -> String {
    let indent = start.len() - start.trim_start().len();
    let body = compose.lines().skip_while(|line| *line != start).skip(1);
    let is_inside = |line: &&str| line.is_empty() || line.len() - line.trim_start().len() > indent;
    let text: Vec<&str> = body.take_while(is_inside).collect();
    assert!(!text.is_empty(), "docker-compose.yml has no {start:?}");
    text.join("\n")
}

#[test]
fn docker_compose_passes_every_setting_to_whom_reads_it() {
    let compose = text("docker-compose.yml");
    let shared = section(&compose, "x-connections: &connections");
    let by_all = read_in("common/kernel/src");
    assert!(by_all.contains("DATABASE_URL") && by_all.contains("LOG_FORMAT"), "{by_all:?}");
    let mut lost = Vec::new();
    for process in ["api", "worker", "scheduler"] {
        let own = section(&compose, &format!("  {process}:"));
        assert!(own.contains("<<: *connections"), "{process} does not get the connections");
        let is_set = |name: &str| {
            let start = format!("{name}:");
            own.lines().chain(shared.lines()).any(|line| line.trim_start().starts_with(&start))
        };
        let mut read: BTreeSet<String> = read_in(&format!("{process}/src"));
        read.extend(by_all.iter().cloned());
        if process == "scheduler" {
            // It takes part in no payment.
            read.remove("PURSER_MODE");
        }
        lost.extend(read.into_iter().filter(|name| !is_set(name)).map(|name| format!("{process}: {name}")));
    }
    assert!(lost.is_empty(), "docker-compose.yml does not pass on: {lost:?}");
}

#[test]
fn docker_compose_names_servers_that_are_tested() {
    let compose = text("docker-compose.yml");
    for image in [format!("image: postgres:{POSTGRES}"), format!("image: rabbitmq:{RABBITMQ}-management")] {
        assert!(compose.lines().any(|line| line.trim() == image), "docker-compose.yml has no `{image}`");
    }
}
