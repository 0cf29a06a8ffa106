//! The catalogue of metrics: its labels are the words of the domain, docs/metrics.md is made from it, and every metric
//! that is named anywhere exists and is watched.

use std::collections::BTreeSet;
use std::fs;

use billing::auto_recharge::PauseReason;
use billing::payments::Provider;
use billing::reversals::ReversalKind;
use billing::subscriptions::SubscriptionState;
use jobs::Role;
use kernel::metrics::{self, Kind, catalogue};
use ledger::CounterAccount;

use super::{files, text};

fn values(metric: &str, label: &str) -> BTreeSet<&'static str> {
    let metric = catalogue::ALL.iter().find(|known| known.name == metric).unwrap();
    let label = metric.labels.iter().find(|known| known.name == label).unwrap();
    label.values.iter().copied().collect()
}

/// A value that the catalogue does not have would not be shown from zero on.
#[test]
fn labels_are_the_words_of_the_domain() {
    let set = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
    let roles: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
    assert_eq!(values("purser_dead_letters_total", "role"), set(&roles));
    assert_eq!(values("purser_payments_credited_total", "provider"), set(Provider::NAMES));
    assert_eq!(values("purser_credits_moved_millionths_total", "account"), set(CounterAccount::NAMES));
    assert_eq!(values("purser_payments_reversed_total", "kind"), set(ReversalKind::NAMES));
    assert_eq!(values("purser_recharges_paused_total", "reason"), set(PauseReason::NAMES));
    assert_eq!(values("purser_subscriptions_changed_total", "state"), set(SubscriptionState::NAMES));
}

#[test]
fn names_say_what_they_count() {
    for metric in catalogue::ALL {
        assert!(metric.name.starts_with("purser_"), "{}", metric.name);
        assert!(metric.help.ends_with('.'), "{}: {}", metric.name, metric.help);
        let is_counter = metric.kind == Kind::Counter;
        assert_eq!(metric.name.ends_with("_total"), is_counter, "{}", metric.name);
        if let Kind::Histogram(buckets) = metric.kind {
            assert!(metric.name.ends_with("_seconds") && buckets.is_sorted(), "{}", metric.name);
        }
    }
    let names: BTreeSet<&str> = catalogue::ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), catalogue::ALL.len(), "two metrics have one name");
}

#[test]
fn the_documented_list_is_the_catalogue() {
    let renew = "renew it: cargo run -q -p api -- --metrics > docs/metrics.md";
    assert_eq!(text("docs/metrics.md"), metrics::documentation(), "{renew}");
}

/// The names of metrics in a text, those of a histogram's series without their endings.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |character: &char| character.is_ascii_lowercase() || "_0123456789".contains(*character);
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices("purser_") {
        let before = text[..at].chars().next_back();
        let word: String = text[at..].chars().take_while(is_part).collect();
        // Such as the variable of a shell, or a crate.
        if before.is_some_and(|character| is_part(&character) || character == '$') {
            continue;
        }
        names.insert(word.trim_end_matches('_').to_owned());
    }
    names
}

fn without_ending(name: &str) -> &str {
    let endings = ["_bucket", "_sum", "_count"];
    endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

#[test]
fn every_metric_that_is_named_exists() {
    let known: BTreeSet<&str> = catalogue::ALL.iter().map(|metric| metric.name).collect();
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", ".env.example", "docker-compose.yml"];
    let mut read: Vec<_> = top.iter().map(|file| servers::checkout().join(file)).collect();
    read.extend(files("deploy").into_iter().chain(files("docs")));
    let mut unknown = Vec::new();
    for file in read {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let is_unknown =
            |name: &String| !known.contains(without_ending(name)) && !known.contains(name.as_str());
        let names = named(&text).into_iter().filter(is_unknown);
        unknown.extend(names.map(|name| format!("{}: {name}", file.display())));
    }
    assert!(unknown.is_empty(), "no such metric:\n{}", unknown.join("\n"));
}

/// What nobody looks at need not be measured.
#[test]
fn every_metric_is_in_an_alert_or_on_the_dashboard() {
    let watched = named(&(text("deploy/prometheus/alerts.yml") + &text("deploy/grafana/purser.json")));
    let watched: BTreeSet<&str> = watched.iter().map(|name| without_ending(name)).collect();
    let unwatched: Vec<&str> =
        catalogue::ALL.iter().map(|metric| metric.name).filter(|name| !watched.contains(name)).collect();
    assert!(unwatched.is_empty(), "watched nowhere: {unwatched:?}");
}
