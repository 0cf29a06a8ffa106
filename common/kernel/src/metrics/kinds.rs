//! The kinds of metrics. A call gives the values of the labels as an array, so that one which forgets a label does not
//! compile.

use std::borrow::Cow;
use std::time::Duration;

use metrics::{Label as Pair, Unit};

/// A process of Purser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    Api,
    Worker,
    Scheduler,
}

impl Process {
    pub const NAMES: &[&str] = &["api", "worker", "scheduler"];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Scheduler => "scheduler",
        }
    }
}

/// Who shows a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Every process.
    All,
    Api,
    Worker,
    /// Whichever of both did it.
    ApiAndWorker,
    Scheduler,
    /// The scheduler that leads, and no other: it measures the whole system.
    Leader,
}

impl Source {
    pub(super) fn includes(self, process: Process) -> bool {
        match self {
            Self::All => true,
            Self::Api => process == Process::Api,
            Self::Worker => process == Process::Worker,
            Self::ApiAndWorker => process != Process::Scheduler,
            Self::Scheduler | Self::Leader => process == Process::Scheduler,
        }
    }

    /// For the documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "every process",
            Self::Api => "api",
            Self::Worker => "worker",
            Self::ApiAndWorker => "api and worker",
            Self::Scheduler => "every scheduler",
            Self::Leader => "the scheduler that leads",
        }
    }
}

/// What Prometheus calls a type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// A label, and its values if they are a closed set; none if they are not.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    pub name: &'static str,
    pub values: &'static [&'static str],
}

/// A metric as operators know it.
#[derive(Debug)]
pub struct Definition {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub unit: Unit,
    pub source: Source,
    pub labels: &'static [Label],
}

impl Definition {
    fn pairs<const LABELS: usize, Value: Into<Cow<'static, str>>>(
        &self,
        values: [Value; LABELS],
    ) -> Vec<Pair> {
        let pair = |(label, value): (&Label, Value)| {
            let value: Cow<'static, str> = value.into();
            debug_assert!(
                label.values.is_empty() || label.values.contains(&&*value),
                "the catalogue does not have {value} as a {} of {}",
                label.name,
                self.name
            );
            Pair::new(label.name, value)
        };
        self.labels.iter().zip(values).map(pair).collect()
    }

    /// Every combination of labels, if all of them have closed sets of values.
    fn known(&self) -> Vec<Vec<Pair>> {
        self.labels.iter().fold(vec![Vec::new()], |combinations, label| {
            let with = |before: &Vec<Pair>, value| {
                before.iter().cloned().chain([Pair::new(label.name, value)]).collect()
            };
            combinations
                .iter()
                .flat_map(|before| label.values.iter().map(move |value| with(before, *value)))
                .collect()
        })
    }

    /// Describes it to the exporter, and shows each combination of labels that is known from zero on. A gauge says
    /// something only once it is measured.
    pub(super) fn begin(&self) {
        let known = self.known();
        match self.kind {
            Kind::Counter => {
                metrics::describe_counter!(self.name, self.unit, self.help);
                known.into_iter().for_each(|labels| metrics::counter!(self.name, labels).increment(0));
            }
            Kind::Gauge => metrics::describe_gauge!(self.name, self.unit, self.help),
            Kind::Histogram(_) => {
                metrics::describe_histogram!(self.name, self.unit, self.help);
                known.into_iter().for_each(|labels| drop(metrics::histogram!(self.name, labels)));
            }
        }
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub struct $kind<const LABELS: usize>(&'static Definition);

        impl<const LABELS: usize> $kind<LABELS> {
            pub(super) const fn new(definition: &'static Definition) -> Self {
                assert!(definition.labels.len() == LABELS, "as many labels as its type says");
                Self(definition)
            }

            pub(super) const fn definition(&self) -> &'static Definition {
                self.0
            }
        }
    )+};
}

kinds! {
    /// A count that only grows.
    Counter;
    /// A value that goes up and down.
    Gauge;
    /// How many measurements were how large.
    Histogram;
}

impl<const LABELS: usize> Counter<LABELS> {
    /// Counts one.
    pub fn increment<Value: Into<Cow<'static, str>>>(&self, labels: [Value; LABELS]) {
        self.add(labels, 1);
    }

    /// Counts so many; a negative number counts nothing.
    pub fn add<Value: Into<Cow<'static, str>>>(&self, labels: [Value; LABELS], count: impl TryInto<u64>) {
        if let Ok(count) = count.try_into() {
            metrics::counter!(self.0.name, self.0.pairs(labels)).increment(count);
        }
    }
}

impl<const LABELS: usize> Gauge<LABELS> {
    #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floating point numbers")]
    pub fn set<Value: Into<Cow<'static, str>>>(&self, labels: [Value; LABELS], value: i64) {
        metrics::gauge!(self.0.name, self.0.pairs(labels)).set(value as f64);
    }
}

impl<const LABELS: usize> Histogram<LABELS> {
    pub fn record<Value: Into<Cow<'static, str>>>(&self, labels: [Value; LABELS], took: Duration) {
        metrics::histogram!(self.0.name, self.0.pairs(labels)).record(took);
    }
}

/// The labels of a metric that has none.
pub const NONE: [&str; 0] = [];
