//! Reconciliation from the command line: the same comparison as the scheduled job's, over any window, and a look before
//! anything is done.

use std::str::FromStr;

use anyhow::ensure;
use billing::reconciliation::{Comparison, Finding, operations};
use clap::Args;
use jobs::Role;
use kernel::clock::{Clock, Timestamp};
use kernel::service::Verdict;
use kernel::test_clock;
use kernel::{database, installation};
use messaging::Publisher;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Date, Time};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::context::Context;
use crate::steps::comparison::{compare, repair};
use crate::steps::reversal_comparison::compare_older;
use crate::steps::windows::Window;

/// What to compare
#[derive(Debug, Args)]
pub struct Command {
    /// Start of the window: a day such as 2026-11-21, or a time such as 2026-11-21T08:00:00Z
    #[arg(long)]
    from: Moment,
    /// End of the window; now unless given
    #[arg(long)]
    to: Option<Moment>,
    /// Ask the provider about payments, refunds and disputes that no event has announced, which mends them
    #[arg(long)]
    apply: bool,
    /// One JSON object a line: each difference, and at last the counts
    #[arg(long)]
    json: bool,
}

/// A time, or the beginning of a day in UTC.
#[derive(Clone, Copy, Debug)]
struct Moment(Timestamp);

impl FromStr for Moment {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let day = time::macros::format_description!("[year]-[month]-[day]");
        let time = Timestamp::parse(text, &Rfc3339).ok();
        let moment =
            time.or_else(|| Some(Date::parse(text, &day).ok()?.with_time(Time::MIDNIGHT).assume_utc()));
        moment
            .map(Self)
            .ok_or("it is neither a day such as 2026-11-21 nor a time such as 2026-11-21T08:00:00Z")
    }
}

impl Command {
    pub(super) async fn run(self, config: Config, clock: Clock) -> anyhow::Result<Verdict> {
        let primary = database::found_primary(&config.connections).await?;
        let pool = installation::pool(&primary, &config.connections, config.mode)?;
        installation::check_at_start(&config.connections, config.mode).await?;
        clock.set_offset(test_clock::offset(&pool).await?);
        let window = Window { from: self.from.0, to: self.to.map_or_else(|| clock.now(), |to| to.0) };
        ensure!(window.from < window.to, "the window is empty: --from must be before --to");
        let stopping = CancellationToken::new();
        let _stop = stopping.clone().drop_guard();
        let publisher = Publisher::start(&config.connections, stopping);
        let context = Context::new(&config, Role::Verify, pool.clone(), publisher.clone(), clock.clone())?;
        if self.apply {
            publisher.wait_until_connected().await;
        }
        let (mut whole, mut asked) = (Comparison::default(), Vec::new());
        for slice in window.slices() {
            eprintln!("{} to {}", slice.from.format(&Rfc3339)?, slice.to.format(&Rfc3339)?);
            let found = whole.extend(compare(&context, slice).await?);
            asked.extend(self.tell(&context, found).await?);
        }
        let found = whole.extend(compare_older(&context, window.from).await?);
        asked.extend(self.tell(&context, found).await?);
        if !asked.is_empty() {
            operations::record_repair(&mut *pool.acquire().await?, clock.now(), &asked).await?;
        }
        pool.close().await;
        if self.json {
            println!("{}", counts(&whole));
        }
        eprintln!(
            "{} agree, {} differ, {} so new that their events may be under way, {} for no order of this installation",
            whole.agreeing,
            whole.findings.len(),
            whole.in_flight,
            whole.foreign
        );
        let left = whole.findings.len().saturating_sub(asked.len());
        Ok(if left == 0 { Verdict::Fine } else { Verdict::Remaining })
    }
}

impl Command {
    /// Prints differences, and has what can be mended mended if that is asked for; returns what was asked about.
    async fn tell(&self, context: &Context, found: &[Finding]) -> anyhow::Result<Vec<String>> {
        let mut asked = Vec::new();
        for finding in found {
            let is_repaired = self.apply && repair(context, finding).await?;
            asked.extend(finding.repair.clone().filter(|_| is_repaired));
            let told = if self.json {
                described(finding, is_repaired).to_string()
            } else {
                line(finding, is_repaired)
            };
            println!("{told}");
        }
        Ok(asked)
    }
}

/// The last line of the output.
fn counts(whole: &Comparison) -> Value {
    json!({ "counts": {
        "agreeing": whole.agreeing, "differing": whole.findings.len(), "inFlight": whole.in_flight,
        "foreign": whole.foreign,
    } })
}

fn line(finding: &Finding, is_repaired: bool) -> String {
    let shown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    format!(
        "{}  {}  order {}  object {}  ours {}  theirs {}  {}",
        finding.difference.as_str(),
        finding.provider.as_str(),
        shown(finding.order.map(|order| order.to_string())),
        shown(finding.object.clone()),
        shown(finding.ours.map(|money| money.to_string())),
        shown(finding.theirs.map(|money| money.to_string())),
        what_to_do(finding, is_repaired),
    )
}

fn what_to_do(finding: &Finding, is_repaired: bool) -> &'static str {
    match (&finding.repair, is_repaired) {
        (Some(_), true) => "asked about: a worker mends it in a moment",
        (Some(_), false) => "--apply mends it",
        (None, _) => "for a person",
    }
}

fn described(finding: &Finding, is_repaired: bool) -> Value {
    json!({
        "difference": finding.difference.as_str(), "provider": finding.provider.as_str(), "order": finding.order,
        "object": finding.object, "ours": finding.ours, "theirs": finding.theirs,
        "repairable": finding.repair.is_some(), "askedAbout": is_repaired,
    })
}
