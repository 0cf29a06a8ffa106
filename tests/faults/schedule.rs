//! What goes wrong and when, all of it from the seed: the same seed and length is the same schedule.
//!
//! Three lanes run beside each other: machines, the network between them, and the payment provider. Each lane goes
//! through all that can go wrong there in a shuffled order, and then again in another, so that nothing is left out.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use servers::patroni::Office;
use sha2::{Digest, Sha256};

use crate::network::Link;

/// What can be killed or frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    Api(usize),
    Worker(usize),
    Scheduler(usize),
    /// A server without others.
    Postgres,
    RabbitMq,
    /// A member of a PostgreSQL cluster, by the office that it has when it is struck.
    Member(Office),
    /// A node of a RabbitMQ cluster.
    Node(usize),
    /// Its memory is the provider's: it is frozen but never killed, as what it has charged would be forgotten.
    Emulator,
}

impl Machine {
    /// Those of a system on one database and one broker.
    pub const ALL: [Self; 8] = [
        Self::Api(0),
        Self::Worker(0),
        Self::Worker(1),
        Self::Scheduler(0),
        Self::Scheduler(1),
        Self::Postgres,
        Self::RabbitMq,
        Self::Emulator,
    ];

    /// The processes of a system on a cluster; its servers are in [`Schedule::of_cluster`].
    pub const PROCESSES: [Self; 7] = [
        Self::Api(0),
        Self::Api(1),
        Self::Worker(0),
        Self::Worker(1),
        Self::Scheduler(0),
        Self::Scheduler(1),
        Self::Emulator,
    ];
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Api(_) => "api",
            Self::Worker(_) => "worker",
            Self::Scheduler(_) => "scheduler",
            Self::Postgres => "PostgreSQL",
            Self::RabbitMq => "RabbitMQ",
            Self::Member(Office::Primary) => "the primary",
            Self::Member(Office::SynchronousStandby) => "the synchronous standby",
            Self::Member(Office::Standby) => "the other standby",
            Self::Node(_) => "a node of RabbitMQ",
            Self::Emulator => "provider",
        })
    }
}

/// How the provider misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Duplicate,
    DuplicateEvent,
    Reorder,
    Delay,
    Drop,
    TooManyRequests,
    ServerErrors,
    TimeoutAfterSuccess,
}

impl Trouble {
    const ALL: [Self; 8] = [
        Self::Duplicate,
        Self::DuplicateEvent,
        Self::Reorder,
        Self::Delay,
        Self::Drop,
        Self::TooManyRequests,
        Self::ServerErrors,
        Self::TimeoutAfterSuccess,
    ];

    /// The emulator's settings, with the seed of its own decisions.
    pub fn knobs(self, seed: u64) -> Value {
        match self {
            Self::Duplicate => json!({"seed": seed, "duplicate": 0.7}),
            Self::DuplicateEvent => json!({"seed": seed, "duplicate_event": 0.5}),
            Self::Reorder => json!({"seed": seed, "reorder": 0.5}),
            Self::Delay => json!({"seed": seed, "delay": 0.5, "delay_ms": 1_500}),
            Self::Drop => json!({"seed": seed, "drop": 0.3}),
            Self::TooManyRequests => json!({"seed": seed, "rate_429": 0.5}),
            Self::ServerErrors => json!({"seed": seed, "rate_500": 0.9}),
            Self::TimeoutAfterSuccess => {
                json!({"seed": seed, "timeout_after_success": 0.3, "timeout_ms": 3_000})
            }
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Duplicate => "every event twice",
            Self::DuplicateEvent => "two events for one fact",
            Self::Reorder => "events out of order",
            Self::Delay => "events late",
            Self::Drop => "events lost",
            Self::TooManyRequests => "429",
            Self::ServerErrors => "500",
            Self::TimeoutAfterSuccess => "done, but no answer",
        })
    }
}

/// A build of the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    Before,
    This,
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`, and started again after a while.
    Kill(Machine),
    /// `SIGSTOP`, and `SIGCONT` after a while.
    Freeze(Machine),
    /// Connections break, and new ones are refused for a while.
    Cut(Link),
    /// Nothing gets through for a while, but connections stay.
    Silence(Link),
    /// What is sent to a host or by it is lost for a while, and nobody is told.
    CutOff(Machine),
    /// The synchronous standby becomes the primary, on purpose.
    SwitchOver,
    /// All nodes of RabbitMQ but this one are killed, and started again after a while.
    LoseMajority(usize),
    /// A process ends, as it is asked to, and starts as another build. Nothing goes wrong, or so it should be.
    Replace(Machine, Build),
    /// The provider misbehaves for a while.
    Provider(Trouble),
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(machine) => write!(formatter, "kill -9 {machine}"),
            Self::Freeze(machine) => write!(formatter, "freeze {machine}"),
            Self::Cut(link) => write!(formatter, "cut {link}"),
            Self::Silence(link) => write!(formatter, "silence {link}"),
            Self::CutOff(machine) => write!(formatter, "cut off {machine}"),
            Self::SwitchOver => write!(formatter, "switch over to the synchronous standby"),
            Self::LoseMajority(_) => write!(formatter, "kill -9 two nodes of RabbitMQ"),
            Self::Replace(machine, Build::This) => write!(formatter, "upgrade {machine}"),
            Self::Replace(machine, Build::Before) => write!(formatter, "put {machine} back"),
            Self::Provider(trouble) => write!(formatter, "provider: {trouble}"),
        }
    }
}

/// A fault, how long it lasts, and the pause after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub fault: Fault,
    pub lasts: Duration,
    pub pause: Duration,
    /// The seed of what the fault itself leaves to chance.
    pub seed: u64,
}

/// How long to wait, and how many seconds then pass at once for the whole system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    pub after: Duration,
    pub seconds: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub machines: Vec<Step>,
    pub network: Vec<Step>,
    pub provider: Vec<Step>,
    /// A month for each minute.
    pub time: Vec<Passage>,
}

/// The processes in the order in which the runbook upgrades them.
const UPGRADED: [Machine; 6] = [
    Machine::Worker(0),
    Machine::Worker(1),
    Machine::Scheduler(0),
    Machine::Scheduler(1),
    Machine::Api(0),
    Machine::Api(1),
];

impl Schedule {
    /// The schedule of a seed, planned for `length`, or longer if not everything could go wrong once in it. How long it
    /// takes depends on how fast servers start again.
    pub fn of(seed: u64, length: Duration) -> Self {
        let killed = Machine::ALL.into_iter().filter(|machine| *machine != Machine::Emulator);
        let machines = killed.map(Fault::Kill).chain(Machine::ALL.map(Fault::Freeze)).collect();
        let network =
            Link::ALL.into_iter().flat_map(|link| [Fault::Cut(link), Fault::Silence(link)]).collect();
        let provider = Trouble::ALL.map(Fault::Provider).to_vec();
        Self {
            machines: lane(seed, 0, machines, length, 200..4_000, 500..2_500),
            network: lane(seed, 1, network, length, 100..4_000, 300..2_000),
            provider: lane(seed, 2, provider, length, 3_000..6_000, 500..2_000),
            time: passages(&mut StdRng::seed_from_u64(seed.wrapping_mul(5)), length),
        }
    }

    /// The schedule of a seed for a system on a cluster. One thing goes wrong at a time, so that it is known what an
    /// interruption comes from, and time passes between two faults. In a run that is shorter than all faults take, each
    /// kind of server is struck first.
    pub fn of_cluster(seed: u64, length: Duration, can_cut_off: bool) -> Self {
        let mut random = StdRng::seed_from_u64(seed.wrapping_mul(3));
        let provider = Trouble::ALL.map(Fault::Provider).to_vec();
        let mut schedule = Self {
            machines: Vec::new(),
            network: Vec::new(),
            provider: lane(seed, 2, provider, length, 3_000..6_000, 500..2_000),
            time: passages(&mut StdRng::seed_from_u64(seed.wrapping_mul(5)), length),
        };
        let mut planned = Duration::ZERO;
        while planned < length {
            for fault in cluster_deck(&mut random, can_cut_off) {
                if planned >= length {
                    break;
                }
                let step = step(&mut random, fault, &(4_000..12_000), &(1_000..2_000));
                planned += step.lasts + step.pause + recovery(fault);
                schedule.machines.push(step);
            }
        }
        schedule
    }

    /// A rolling upgrade of a system on a cluster, from the build before to this one, as the runbook has it; then back,
    /// in any order, and again, so that at the end all are of this build.
    pub fn of_upgrade(seed: u64, length: Duration) -> Self {
        let mut random = StdRng::seed_from_u64(seed.wrapping_mul(3));
        let mut schedule = Self { machines: Vec::new(), ..Self::of_cluster(seed, length, false) };
        let mut planned = Duration::ZERO;
        let mut roll = |random: &mut StdRng, machines: [Machine; 6], build| {
            for machine in machines {
                let step = step(random, Fault::Replace(machine, build), &(0..1), &(1_000..4_000));
                planned += step.lasts + step.pause + recovery(step.fault);
                schedule.machines.push(step);
            }
            planned < length
        };
        while roll(&mut random, UPGRADED, Build::This) {
            let mut back = UPGRADED;
            back.shuffle(&mut random);
            roll(&mut random, back, Build::Before);
        }
        schedule
    }

    pub fn hash(&self) -> String {
        hex::encode(&Sha256::digest(format!("{self:?}"))[..8])
    }
}

/// Lets more than a month pass, to about when the first periods end, then the hour after which renewals are collected,
/// and then some days, so that what was refused is tried again.
fn passages(random: &mut StdRng, length: Duration) -> Vec<Passage> {
    const HOUR: i64 = 3_600;
    let mut passages = Vec::new();
    for minute in 0..length.as_secs().div_ceil(60) {
        let before = if minute == 0 { 12_000..18_000 } else { 20_000..28_000 };
        let parts = [(28 * 24..32 * 24, before), (1..3, 2_000..4_000), (4 * 24..6 * 24, 2_000..4_000)];
        passages.extend(parts.map(|(hours, after)| Passage {
            after: Duration::from_millis(random.random_range(after)),
            seconds: random.random_range(hours) * HOUR + random.random_range(0..HOUR),
        }));
    }
    passages
}

type Milliseconds = std::ops::Range<u64>;

const BROKER_NODES: usize = 3;

/// How often a fault lasts longer than a job waits within one delivery, and how long then.
const LONG: (f64, Milliseconds) = (0.12, 9_000..14_000);

fn lane(
    seed: u64,
    number: u64,
    deck: Vec<Fault>,
    length: Duration,
    lasts: Milliseconds,
    pause: Milliseconds,
) -> Vec<Step> {
    // Lanes of one seed are unrelated to each other and to those of the next.
    let mut random = StdRng::seed_from_u64(seed.wrapping_mul(3).wrapping_add(number));
    steps(&mut random, deck, length, lasts, pause)
}

/// Everything that can go wrong in a cluster, once: first one of each kind, and then the rest.
fn cluster_deck(random: &mut StdRng, can_cut_off: bool) -> Vec<Fault> {
    let mut node = || Machine::Node(random.random_range(0..BROKER_NODES));
    let mut first =
        vec![Fault::SwitchOver, Fault::Kill(node()), Fault::Kill(Machine::Member(Office::Primary))];
    let mut rest = vec![Fault::Freeze(node()), Fault::CutOff(node())];
    rest.push(Fault::LoseMajority(random.random_range(0..BROKER_NODES)));
    for office in [Office::Primary, Office::SynchronousStandby, Office::Standby] {
        rest.extend([Fault::Kill, Fault::Freeze, Fault::CutOff].map(|how| how(Machine::Member(office))));
    }
    rest.retain(|fault| !first.contains(fault) && (can_cut_off || !matches!(fault, Fault::CutOff(_))));
    for process in Machine::PROCESSES.into_iter().filter(|machine| *machine != Machine::Emulator) {
        rest.extend([Fault::Kill(process), Fault::Freeze(process)]);
    }
    first.shuffle(random);
    rest.shuffle(random);
    first.extend(rest);
    first
}

fn step(random: &mut StdRng, fault: Fault, lasts: &Milliseconds, pause: &Milliseconds) -> Step {
    Step {
        fault,
        lasts: Duration::from_millis(random.random_range(lasts.clone())),
        pause: Duration::from_millis(random.random_range(pause.clone())),
        seed: random.random(),
    }
}

fn steps(
    random: &mut StdRng,
    mut deck: Vec<Fault>,
    length: Duration,
    lasts: Milliseconds,
    pause: Milliseconds,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut planned = Duration::ZERO;
    loop {
        deck.shuffle(random);
        for fault in &deck {
            if planned >= length && steps.len() >= deck.len() {
                return steps;
            }
            let lasts = if random.random_bool(LONG.0) { &LONG.1 } else { &lasts };
            let step = step(random, *fault, lasts, &pause);
            planned += step.lasts + step.pause + recovery(step.fault);
            steps.push(step);
        }
    }
}

/// About how long it takes to undo a fault.
fn recovery(fault: Fault) -> Duration {
    match fault {
        Fault::Kill(Machine::RabbitMq) => Duration::from_secs(6),
        Fault::Kill(Machine::Postgres) => Duration::from_secs(1),
        // Until another one is the primary, and this one follows it.
        Fault::Kill(Machine::Member(_)) | Fault::Freeze(Machine::Member(_)) | Fault::CutOff(_) => {
            Duration::from_secs(20)
        }
        Fault::Kill(Machine::Node(_)) | Fault::LoseMajority(_) => Duration::from_secs(10),
        Fault::SwitchOver => Duration::from_secs(5),
        // To be ready again.
        Fault::Replace(..) => Duration::from_secs(3),
        Fault::Kill(_) | Fault::Freeze(_) | Fault::Cut(_) | Fault::Silence(_) | Fault::Provider(_) => {
            Duration::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_schedule_that_leaves_nothing_out() {
        let length = Duration::from_secs(60);
        let schedule = Schedule::of(7, length);
        assert_eq!(schedule, Schedule::of(7, length));
        assert_eq!(schedule.hash(), Schedule::of(7, length).hash());
        assert_ne!(schedule.hash(), Schedule::of(8, length).hash());
        let all: Vec<Fault> = [&schedule.machines, &schedule.network, &schedule.provider]
            .into_iter()
            .flatten()
            .map(|step| step.fault)
            .collect();
        for machine in Machine::ALL {
            assert_eq!(all.contains(&Fault::Kill(machine)), machine != Machine::Emulator);
            assert!(all.contains(&Fault::Freeze(machine)));
        }
        for link in Link::ALL {
            assert!(all.contains(&Fault::Cut(link)) && all.contains(&Fault::Silence(link)));
        }
        assert!(Trouble::ALL.iter().all(|trouble| all.contains(&Fault::Provider(*trouble))));
    }

    #[test]
    fn an_upgrade_leads_there_and_back_and_ends_there() {
        for minutes in [0, 1, 5] {
            let schedule = Schedule::of_upgrade(7, Duration::from_secs(60 * minutes));
            let rolls: Vec<Vec<Fault>> = schedule
                .machines
                .chunks(6)
                .map(|roll| roll.iter().map(|step| step.fault).collect())
                .collect();
            for (number, roll) in rolls.iter().enumerate() {
                let build = if number.is_multiple_of(2) { Build::This } else { Build::Before };
                assert!(UPGRADED.iter().all(|machine| roll.contains(&Fault::Replace(*machine, build))));
            }
            assert!(rolls.len() % 2 == 1 && (rolls.len() > 1) == (minutes > 0), "{}", rolls.len());
        }
    }

    #[test]
    fn a_cluster_is_struck_everywhere_and_in_a_short_run_at_the_main_places() {
        let of = |minutes: u64, can_cut_off| -> Vec<Fault> {
            let schedule = Schedule::of_cluster(7, Duration::from_secs(60 * minutes), can_cut_off);
            assert_eq!(schedule, Schedule::of_cluster(7, Duration::from_secs(60 * minutes), can_cut_off));
            assert!(schedule.network.is_empty(), "its hosts are cut off themselves");
            schedule.machines.iter().map(|step| step.fault).collect()
        };
        let is_killed_node = |fault: &Fault| matches!(fault, Fault::Kill(Machine::Node(_)));
        let short = of(1, true);
        assert!(short.contains(&Fault::SwitchOver) && short.iter().any(is_killed_node));
        assert!(short.contains(&Fault::Kill(Machine::Member(Office::Primary))));
        let long = of(30, true);
        for office in [Office::Primary, Office::SynchronousStandby, Office::Standby] {
            let member = Machine::Member(office);
            assert!(long.contains(&Fault::Kill(member)) && long.contains(&Fault::Freeze(member)));
            assert!(long.contains(&Fault::CutOff(member)));
        }
        assert!(long.iter().any(|fault| matches!(fault, Fault::CutOff(Machine::Node(_)))));
        assert!(long.iter().any(|fault| matches!(fault, Fault::LoseMajority(_))));
        assert!(of(30, false).iter().all(|fault| !matches!(fault, Fault::CutOff(_))));
    }
}
