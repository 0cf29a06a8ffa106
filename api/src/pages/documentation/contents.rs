//! What the documentation consists of, in its order: files of the repository, built into this program.

/// A file that is a page.
pub(super) struct Source {
    /// Its address below `/docs`; that of the first page is empty.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// Where it is in the repository: its links start there.
    pub(super) file: &'static str,
    pub(super) text: &'static str,
}

pub(super) struct Chapter {
    pub(super) title: &'static str,
    pub(super) pages: &'static [Source],
}

macro_rules! page {
    ($name:literal, $title:literal, $file:literal) => {
        Source { name: $name, title: $title, file: $file, text: include_str!(concat!("../../../../", $file)) }
    };
}

pub(super) static CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "Begin",
        pages: &[
            page!("", "Overview", "docs/README.md"),
            page!("quick-start", "Quick start", "docs/quick-start.md"),
            page!("concepts", "Concepts", "docs/concepts.md"),
            page!("python", "Client for Python", "clients/python/README.md"),
            page!("typescript", "Client for TypeScript", "clients/typescript/README.md"),
            page!("shop-in-python", "A shop in Python", "examples/shop.py"),
            page!("shop-in-typescript", "A shop in TypeScript", "examples/shop.ts"),
        ],
    },
    Chapter {
        title: "Sell",
        pages: &[
            page!("sell-packs", "Sell packs", "docs/sell-packs.md"),
            page!("sell-a-plan", "Sell a plan", "docs/sell-a-plan.md"),
            page!("auto-recharge", "Auto-recharge", "docs/auto-recharge.md"),
            page!("give-back-and-refund", "Give back and refund", "docs/give-back-and-refund.md"),
        ],
    },
    Chapter {
        title: "Spend",
        pages: &[
            page!("spend-with-holds", "Spend with holds", "docs/spend-with-holds.md"),
            page!("members", "Members", "docs/members.md"),
            page!("limits", "Limits", "docs/limits.md"),
            page!("live-balance", "Live balance", "docs/live-balance.md"),
            page!("wallet-page", "The wallet page", "docs/wallet-page.md"),
            page!("webhooks", "Webhooks", "docs/webhooks.md"),
        ],
    },
    Chapter {
        title: "Run",
        pages: &[
            page!("readme", "Set up and run", "README.md"),
            page!("settings", "Settings", ".env.example"),
            page!("command-line", "The command line", "docs/command-line.md"),
            page!("operate", "Operate", "docs/operate.md"),
            page!("failover", "Failover", "docs/failover.md"),
            page!("statistics", "Statistics", "docs/statistics.md"),
            page!("users-and-their-data", "Users and their data", "docs/users-and-their-data.md"),
            page!("rotate-keys", "Rotate keys", "docs/rotate-keys.md"),
            page!("test-with-the-clock", "Test with the clock", "docs/test-with-the-clock.md"),
            page!("import-and-migrate", "Import and migrate", "docs/import-and-migrate.md"),
            page!("when-something-is-wrong", "When something is wrong", "docs/when-something-is-wrong.md"),
            page!("upgrade-notes", "Upgrade notes", "docs/upgrade-notes.md"),
            page!("changelog", "Changelog", "CHANGELOG.md"),
        ],
    },
    Chapter {
        title: "Runbooks",
        pages: &[
            page!("runbooks", "Runbooks", "docs/runbooks/README.md"),
            page!("runbook-dead-letters", "Dead letters", "docs/runbooks/dead-letters.md"),
            page!("runbook-failover", "The primary has failed", "docs/runbooks/failover.md"),
            page!("runbook-full-disk", "A full disk", "docs/runbooks/full-disk.md"),
            page!("runbook-leaked-key", "A leaked key", "docs/runbooks/leaked-key.md"),
            page!("runbook-outbox-old", "Outbox old", "docs/runbooks/outbox-old.md"),
            page!("runbook-paid-not-credited", "Paid, not credited", "docs/runbooks/paid-not-credited.md"),
            page!(
                "runbook-provider-events-refused",
                "Provider events are refused",
                "docs/runbooks/provider-events-refused.md"
            ),
            page!("runbook-quarantine-grows", "Quarantine grows", "docs/runbooks/quarantine-grows.md"),
            page!("runbook-recharges-refused", "Recharges are refused", "docs/runbooks/recharges-refused.md"),
            page!("runbook-restore-drill", "Restore drill", "docs/runbooks/restore-drill.md"),
            page!("runbook-slow-requests", "Slow or failing requests", "docs/runbooks/slow-requests.md"),
            page!("runbook-stuck-queue", "A stuck queue", "docs/runbooks/stuck-queue.md"),
            page!("runbook-upgrade", "Upgrade", "docs/runbooks/upgrade.md"),
            page!("runbook-webhook-endpoints", "Webhook endpoints", "docs/runbooks/webhook-endpoints.md"),
            page!("runbook-wrong-price", "A wrong price", "docs/runbooks/wrong-price.md"),
        ],
    },
    Chapter {
        title: "Look up",
        pages: &[
            page!("errors", "Errors", "docs/errors.md"),
            page!("events", "Events", "docs/events.md"),
            page!("metrics", "Metrics", "docs/metrics.md"),
        ],
    },
];

/// All pages, in their order.
pub(super) fn sources() -> impl Iterator<Item = &'static Source> {
    CHAPTERS.iter().flat_map(|chapter| chapter.pages)
}

/// Where a link in `file` leads: to a page of the documentation, with what follows `#`, or to no page.
pub(super) fn linked(file: &str, target: &str) -> Option<(&'static Source, Option<String>)> {
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let mut segments: Vec<&str> = file.split('/').collect();
    if !path.is_empty() {
        segments.pop();
    }
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    let path = segments.join("/");
    sources().find(|source| source.file == path).map(|source| (source, anchor.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_page_of_the_folder_is_there_once() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let pages = names.filter_map(|name| name.into_string().ok()).filter(|name| name.ends_with(".md"));
        let files: BTreeSet<&str> = sources().map(|source| source.file).collect();
        for page in pages {
            assert!(
                files.contains(format!("docs/{page}").as_str()),
                "docs/{page} is in no chapter of CHAPTERS"
            );
        }
        let names: BTreeSet<&str> = sources().map(|source| source.name).collect();
        assert_eq!((files.len(), names.len()), (sources().count(), sources().count()));
    }

    #[test]
    fn links_are_followed_as_a_code_forge_does() {
        let leads = |file, target| {
            let (source, anchor) = linked(file, target)?;
            Some((source.name, anchor.unwrap_or_default()))
        };
        let to = |name, anchor: &str| Some((name, anchor.to_owned()));
        assert_eq!(leads("docs/webhooks.md", "events.md#orderpaid"), to("events", "orderpaid"));
        assert_eq!(leads("docs/webhooks.md", "#verify"), to("webhooks", "verify"));
        assert_eq!(leads("docs/README.md", "../clients/python/README.md"), to("python", ""));
        assert_eq!(leads("clients/python/README.md", "../../README.md"), to("readme", ""));
        assert_eq!(leads("README.md", "docs/README.md"), to("", ""));
        assert_eq!(leads("README.md", "SECURITY.md"), None);
    }
}
