//! The alerts: Prometheus's own program checks and tests them; each has a test and names a page that exists.

use std::path::Path;
use std::process::Command;

use harness::tool;
use servers::python::run;

use super::{text, yaml_values};

fn promtool(arguments: &[&str]) -> String {
    let mut command = Command::new(tool("promtool", "prometheus"));
    run(command.args(arguments).current_dir(servers::checkout())).unwrap()
}

#[test]
fn the_rules_and_the_configuration_are_valid() {
    let checked = promtool(&["check", "rules", "--lint=all", "deploy/prometheus/alerts.yml"]);
    assert!(checked.contains("SUCCESS"), "{checked}");
    let checked = promtool(&["check", "config", "deploy/prometheus/prometheus.yml"]);
    assert!(checked.contains("SUCCESS"), "{checked}");
}

#[test]
fn each_alert_fires_when_it_should_and_is_calm_otherwise() {
    let tested = promtool(&["test", "rules", "deploy/prometheus/alerts_test.yml"]);
    assert!(tested.contains("SUCCESS"), "{tested}");
    let tests = text("deploy/prometheus/alerts_test.yml");
    for alert in yaml_values(&text("deploy/prometheus/alerts.yml"), "alert") {
        let calm = format!("alertname: {alert}, exp_alerts: []");
        let fires = format!("alertname: {alert}\n        exp_alerts:\n          - exp_labels");
        assert!(tests.contains(&calm) && tests.contains(&fires), "{alert} is not tested both ways");
    }
}

#[test]
fn each_alert_names_a_page_that_exists() {
    let rules = text("deploy/prometheus/alerts.yml");
    let (alerts, pages) = (yaml_values(&rules, "alert"), yaml_values(&rules, "runbook"));
    assert!(alerts.len() > 30 && alerts.len() == pages.len(), "{alerts:?} {pages:?}");
    let index = text("docs/runbooks/README.md");
    for page in pages {
        assert!(servers::checkout().join(&page).is_file(), "{page} does not exist");
        let name = Path::new(&page).file_name().unwrap().to_str().unwrap();
        assert!(index.contains(name), "docs/runbooks/README.md does not name {name}");
    }
}
