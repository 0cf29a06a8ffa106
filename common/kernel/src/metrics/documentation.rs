//! The list of all metrics for people: docs/metrics.md.

use super::{Label, catalogue};

const HEAD: &str = "\
# Metrics

Each process shows its metrics at `METRICS_ADDR`, path `/metrics`. This list is made from the code:
`cargo run -q -p api -- --metrics > docs/metrics.md`.

- Counters begin at zero with the process, for every combination of labels that can be known.
- Durations are histograms with fixed buckets: add them up over processes, then take the quantile.
- What concerns the whole system is shown by the scheduler that leads and by no other process. When another takes
  over, the old value goes away within two minutes; use `max`, not `sum`.
- Credits are millionths of a credit, money is the currency's smallest unit: `/ 1e6` makes credits.
- Credits are counted when an entry is written to the ledger. A transaction that fails after that is counted again
  when it is repeated. The books are in the database; these counters show how fast they move.

Alerts are in [deploy/prometheus/alerts.yml](../deploy/prometheus/alerts.yml), a dashboard in
[deploy/grafana/purser.json](../deploy/grafana/purser.json).

| metric | type | shown by | labels | what it tells |
|---|---|---|---|---|
";

/// The text of docs/metrics.md.
pub fn documentation() -> String {
    let lines = catalogue::ALL.iter().map(|metric| {
        let labels: Vec<String> = metric.labels.iter().map(label).collect();
        let (name, kind, source) = (metric.name, metric.kind.as_str(), metric.source.as_str());
        format!("| `{name}` | {kind} | {source} | {} | {} |\n", labels.join("; "), metric.help)
    });
    std::iter::once(HEAD.to_owned()).chain(lines).collect()
}

fn label(label: &Label) -> String {
    if label.values.is_empty() {
        return format!("`{}`", label.name);
    }
    format!("`{}`: {}", label.name, label.values.join(", "))
}
