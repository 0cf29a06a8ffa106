//! Dead letters from the command line. Only the database is needed: a job that is replayed goes through the outbox,
//! which the scheduler publishes.

use anyhow::Context;
use audit::COMMAND_LINE;
use clap::Subcommand;
use jobs::Role;
use kernel::clock::Clock;
use kernel::config::Connections;
use kernel::ids::DeadLetterId;
use kernel::service::Verdict;
use kernel::{database, test_clock};
use messaging::dead_letters::{DeadLetter, Filter, LetterError, LetterState, operations};
use serde_json::{Value, json};
use sqlx::PgPool;
use time::format_description::well_known::Rfc3339;

/// What to do with dead letters
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List those that wait, the newest first, and how many there are; ends with 1 if there are any
    List {
        /// Only those for this role
        #[arg(long)]
        role: Option<Role>,
        /// The most to list
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show one, with as much of its message as is neither secret nor personal
    Show {
        /// The id that `list` prints
        id: DeadLetterId,
    },
    /// Put them back into their queues
    Replay {
        /// The ids that `list` prints
        #[arg(required_unless_present = "role")]
        ids: Vec<DeadLetterId>,
        /// Also all that wait for this role
        #[arg(long)]
        role: Option<Role>,
    },
    /// Give them up and delete their messages
    Discard {
        /// The ids that `list` prints
        #[arg(required = true)]
        ids: Vec<DeadLetterId>,
        /// Why, for the record
        #[arg(long, value_parser = not_blank)]
        reason: String,
    },
}

fn not_blank(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("say why") } else { Ok(text.to_owned()) }
}

impl Command {
    pub(super) async fn run(self, connections: Connections, clock: Clock) -> anyhow::Result<Verdict> {
        let primary = database::found_primary(&connections).await?;
        let pool = database::pool_of(&primary, &connections)?;
        clock.set_offset(test_clock::offset(&pool).await?);
        let verdict = match self {
            Self::List { role, limit, json } => list(&pool, role, limit, json).await,
            Self::Show { id } => show(&pool, id).await,
            Self::Replay { ids, role } => replay(&pool, &clock, ids, role).await,
            Self::Discard { ids, reason } => {
                for_each(ids, async |id| {
                    let mut transaction = pool.begin().await?;
                    let now = clock.now();
                    operations::discard(&mut transaction, now, id, COMMAND_LINE, &reason).await?;
                    transaction.commit().await?;
                    Ok("discarded")
                })
                .await
            }
        };
        pool.close().await;
        verdict
    }
}

async fn list(pool: &PgPool, role: Option<Role>, limit: i64, json: bool) -> anyhow::Result<Verdict> {
    let mut connection = pool.acquire().await?;
    let filter = Filter {
        state: LetterState::Waiting,
        role: role.map(|role| role.as_str().to_owned()),
        before: None,
        limit,
    };
    let letters = operations::letters(&mut connection, &filter).await?;
    for letter in &letters {
        if json {
            println!("{}", described(letter)?);
        } else {
            let (kind, died_at) = (letter.kind.as_deref().unwrap_or("-"), letter.died_at.format(&Rfc3339)?);
            println!("{}  {}  {}  {kind}  {}", letter.id, died_at, letter.role, letter.reason);
        }
    }
    if !json {
        for waiting in operations::waiting(&mut connection).await? {
            eprintln!("{} for {}: {}", waiting.count, waiting.role, waiting.reason);
        }
    }
    Ok(if letters.is_empty() { Verdict::Fine } else { Verdict::Remaining })
}

async fn show(pool: &PgPool, id: DeadLetterId) -> anyhow::Result<Verdict> {
    let found = operations::letter(&mut *pool.acquire().await?, id).await?;
    let (letter, message) = found.context("there is no such dead letter")?;
    let mut shown = described(&letter)?;
    shown["message"] = message.into();
    println!("{shown:#}");
    Ok(Verdict::Fine)
}

async fn replay(
    pool: &PgPool,
    clock: &Clock,
    mut ids: Vec<DeadLetterId>,
    role: Option<Role>,
) -> anyhow::Result<Verdict> {
    if let Some(role) = role {
        let filter = Filter {
            state: LetterState::Waiting,
            role: Some(role.as_str().to_owned()),
            before: None,
            limit: i64::MAX,
        };
        let mut letters = operations::letters(&mut *pool.acquire().await?, &filter).await?;
        // In the order in which they died.
        letters.reverse();
        ids.extend(letters.into_iter().map(|letter| letter.id));
    }
    for_each(ids, async |id| {
        operations::replay(pool, clock.now(), id, COMMAND_LINE).await?;
        Ok("replayed: the scheduler sends it in a moment")
    })
    .await
}

/// Does something to one after the other, and goes on after one that refuses it.
async fn for_each(
    ids: Vec<DeadLetterId>,
    action: impl AsyncFn(DeadLetterId) -> Result<&'static str, LetterError>,
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::Fine;
    for id in ids {
        match action(id).await {
            Ok(done) => println!("{id}  {done}"),
            Err(LetterError::Database(error)) => return Err(error).context("the database failed"),
            Err(refusal) => {
                println!("{id}  {refusal}");
                verdict = Verdict::Remaining;
            }
        }
    }
    Ok(verdict)
}

fn described(letter: &DeadLetter) -> anyhow::Result<Value> {
    let settled_at = letter.settled_at.map(|at| at.format(&Rfc3339)).transpose()?;
    Ok(json!({
        "id": letter.id, "role": letter.role, "kind": letter.kind, "reason": letter.reason,
        "attempts": letter.attempts, "diedAt": letter.died_at.format(&Rfc3339)?,
        "state": letter.state.as_str(), "settledAt": settled_at,
    }))
}
