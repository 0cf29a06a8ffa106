//! The verb: users of another system become users of this one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use identity::bulk::{self, Particulars};
use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::{GrantId, UserId, WalletId};
use ledger::{
    Author, Cause, Change, CounterAccount, EntryNote, GrantSource, Movement, NewGrant, Posted, grants,
};
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::rules::{Existing, Lacking, Step, decide};
use super::{Import, ImportError, ImportedUser, OpeningBalance, Outcome, Refused, store};
use crate::payments::UpdateCustomers;

/// The kind of the cause of an opening balance.
const CAUSE: &str = "import";
/// The word that lists show.
const ENTRY_TYPE: &str = "opening_balance";
/// How often it is begun anew when others register or import the same users.
const ATTEMPTS: usize = 5;

/// Imports users, all in one transaction, and says what became of each, in their order. Each user and each customer is
/// named once at most.
///
/// # Errors
/// [`ImportError`]; nothing is done then.
pub async fn import(
    pool: &PgPool,
    now: Timestamp,
    import: &Import,
    users: &[ImportedUser],
) -> Result<Vec<Outcome>, ImportError> {
    // Those whose balance would be too large, which only the ledger finds.
    let mut too_rich = BTreeSet::new();
    for _ in 0..ATTEMPTS {
        let mut transaction = pool.begin().await?;
        let mut steps = decide_all(&mut transaction, now, import, users).await?;
        for index in &too_rich {
            if let Some(step) = steps.get_mut(*index) {
                *step = Step::Refuse(Refused::TooMuch);
            }
        }
        if import.is_dry_run || carry_out(&mut transaction, now, import, users, &steps, &mut too_rich).await?
        {
            transaction.commit().await?;
            return Ok(steps.into_iter().map(Outcome::from).collect());
        }
        transaction.rollback().await?;
    }
    Err(ImportError::Contended)
}

impl From<Step> for Outcome {
    fn from(step: Step) -> Self {
        match step {
            Step::Create => Self::Created,
            Step::Complete(..) => Self::Completed,
            Step::Nothing => Self::Unchanged,
            Step::Report(differences) => Self::Different(differences),
            Step::Refuse(why) => Self::Refused(why),
        }
    }
}

async fn decide_all(
    connection: &mut PgConnection,
    now: Timestamp,
    import: &Import,
    users: &[ImportedUser],
) -> Result<Vec<Step>, sqlx::Error> {
    let ids: Vec<&UserId> = users.iter().map(|user| &user.id).collect();
    let known = bulk::users_known(connection, &ids).await?;
    let wallets: Vec<WalletId> = known.iter().map(|user| user.wallet_id).collect();
    let mut customers = store::customers_of(connection, &wallets).await?;
    let causes: Vec<String> = known.iter().map(|user| cause(import, &user.id)).collect();
    let causes: Vec<&str> = causes.iter().map(String::as_str).collect();
    let openings = grants::of_causes(connection, CAUSE, &causes).await?;
    let mut openings: HashMap<WalletId, _> =
        openings.into_iter().map(|grant| (grant.wallet_id, grant)).collect();
    let existing: BTreeMap<UserId, Existing> = known
        .into_iter()
        .map(|user| {
            let (stripe_customer, opening) =
                (customers.remove(&user.wallet_id), openings.remove(&user.wallet_id));
            (user.id.clone(), Existing { user, stripe_customer, opening })
        })
        .collect();
    let named: Vec<&str> = users.iter().filter_map(|user| user.stripe_customer.as_deref()).collect();
    let owners = store::wallets_of(connection, &named).await?;
    let decided = users.iter().map(|user| {
        let owner = user.stripe_customer.as_ref().and_then(|customer| owners.get(customer)).copied();
        decide(user, existing.get(&user.id), owner, import.completes_existing, now)
    });
    Ok(decided.collect())
}

/// Does what was decided. False if others did some of it meanwhile, or if balances would be too large: those are noted.
async fn carry_out(
    connection: &mut PgConnection,
    now: Timestamp,
    import: &Import,
    users: &[ImportedUser],
    steps: &[Step],
    too_rich: &mut BTreeSet<usize>,
) -> Result<bool, sqlx::Error> {
    let work = Work::new(import, users, steps);
    if work.is_nothing() {
        return Ok(true);
    }
    if !bulk::users_insert(connection, now, &work.new_users).await? {
        return Ok(false);
    }
    bulk::users_complete(connection, &work.lacking).await?;
    if !store::customers_insert(connection, now, &work.customers).await? {
        return Ok(false);
    }
    for (user_id, wallet) in &work.addresses {
        let job = UpdateCustomers { user_id: (*user_id).clone(), wallets: vec![*wallet] };
        outbox::insert(connection, now, &job).await?;
    }
    let (places, movements): (Vec<usize>, Vec<Movement>) = work.openings.into_iter().unzip();
    let posted = ledger::operations::post(connection, now, &movements).await?.each;
    if posted.iter().any(|posted| matches!(posted, Posted::AlreadyPosted { .. })) {
        return Ok(false);
    }
    let refused = places.iter().zip(&posted).filter(|(_, posted)| matches!(posted, Posted::Refused(_)));
    let before = too_rich.len();
    too_rich.extend(refused.map(|(place, _)| *place));
    if too_rich.len() > before {
        return Ok(false);
    }
    let given = movements.iter().filter_map(|movement| match &movement.change {
        Change::Grant(grant) => Some(i128::from(grant.amount.millionths())),
        _ => None,
    });
    let details = json!({
        "created": work.new_users.len(), "completed": work.completed,
        // In millionths: the sum may be more than one wallet can have.
        "creditMillionths": given.sum::<i128>().to_string(),
    });
    audit::note(connection, now, &import.by, "users.import", &import.name, details).await?;
    Ok(true)
}

/// What is to be written.
#[derive(Default)]
struct Work<'a> {
    new_users: Vec<(Particulars<'a>, WalletId)>,
    completed: usize,
    lacking: Vec<Particulars<'a>>,
    customers: Vec<(WalletId, &'a str)>,
    /// Users who get an address, which their customers at providers get too.
    addresses: Vec<(&'a UserId, WalletId)>,
    /// With the places of their users.
    openings: Vec<(usize, Movement)>,
}

impl<'a> Work<'a> {
    fn new(import: &Import, users: &'a [ImportedUser], steps: &[Step]) -> Self {
        let mut work = Self::default();
        for (place, (user, step)) in users.iter().zip(steps).enumerate() {
            let (wallet, lacking) = match step {
                Step::Create => {
                    let wallet = WalletId::new();
                    work.new_users.push((particulars(user), wallet));
                    (wallet, Lacking { opening: true, stripe_customer: true, ..Lacking::default() })
                }
                Step::Complete(wallet, lacking) => {
                    work.completed = work.completed.saturating_add(1);
                    (*wallet, *lacking)
                }
                Step::Nothing | Step::Report(_) | Step::Refuse(_) => continue,
            };
            if lacking.email || lacking.name {
                work.lacking.push(particulars(user));
            }
            if lacking.email {
                work.addresses.push((&user.id, wallet));
            }
            let customer = user.stripe_customer.as_deref().filter(|_| lacking.stripe_customer);
            work.customers.extend(customer.map(|customer| (wallet, customer)));
            let opening = user.opening.filter(|_| lacking.opening);
            work.openings.extend(opening.map(|opening| (place, movement(import, user, wallet, &opening))));
        }
        work
    }

    fn is_nothing(&self) -> bool {
        self.new_users.is_empty() && self.completed == 0
    }
}

fn particulars(user: &ImportedUser) -> Particulars<'_> {
    Particulars { id: &user.id, email: user.email.as_deref(), name: user.name.as_deref() }
}

/// The id of the cause. The name of an import has no colon, so no two are the same.
fn cause(import: &Import, user: &UserId) -> String {
    format!("{}:{user}", import.name)
}

fn movement(import: &Import, user: &ImportedUser, wallet: WalletId, opening: &OpeningBalance) -> Movement {
    let counter_account = match opening.source {
        GrantSource::Promotion => CounterAccount::Promotion,
        _ => CounterAccount::Manual,
    };
    Movement {
        wallet_id: wallet,
        cause: Cause { kind: CAUSE, id: cause(import, &user.id) },
        change: Change::Grant(NewGrant {
            id: GrantId::new(),
            source: opening.source,
            amount: opening.credits,
            priority: opening.priority,
            expires_at: opening.expires_at,
            payment_id: None,
            origin_payment_id: None,
        }),
        counter_account,
        entry_type: ENTRY_TYPE.to_owned(),
        description: Some(format!("Opening balance ({})", import.name)),
        note: EntryNote { by: Author { member: None, api_key: import.api_key }, ..EntryNote::default() },
    }
}
