//! What becomes of a user to be imported: pure.

use kernel::clock::{Timestamp, to_rfc3339};
use kernel::ids::WalletId;
use ledger::GrantSource;
use ledger::grants::GrantView;

use super::{Difference, Field, ImportedUser, OpeningBalance, Refused};
use identity::bulk::KnownUser;

const NAME_MAX: usize = 64;
const CUSTOMER_MAX: usize = 255;

/// Whether a text names an import. It is part of the cause of each opening balance.
pub fn check_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_plain)
}

/// Whether a text is the id of a customer at Stripe.
pub fn check_customer(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    id.len() <= CUSTOMER_MAX
        && id.strip_prefix("cus_").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_plain))
}

/// A user who is there.
#[derive(Clone, Debug)]
pub(super) struct Existing {
    pub(super) user: KnownUser,
    pub(super) stripe_customer: Option<String>,
    /// What this import gave before.
    pub(super) opening: Option<GrantView>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Create,
    /// Gives the user in this wallet what is said here.
    Complete(WalletId, Lacking),
    Nothing,
    Report(Vec<Difference>),
    Refuse(Refused),
}

/// What a user who is there lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lacking {
    pub(super) email: bool,
    pub(super) name: bool,
    pub(super) opening: bool,
    pub(super) stripe_customer: bool,
}

/// Decides about one user. `customer_of` is the wallet whose owner is the customer now.
pub(super) fn decide(
    wanted: &ImportedUser,
    existing: Option<&Existing>,
    customer_of: Option<WalletId>,
    completes_existing: bool,
    now: Timestamp,
) -> Step {
    if customer_of.is_some_and(|wallet| existing.is_none_or(|there| there.user.wallet_id != wallet)) {
        return Step::Refuse(Refused::CustomerOfAnother);
    }
    let has_lapsed = wanted.opening.and_then(|opening| opening.expires_at).is_some_and(|at| at <= now);
    let Some(there) = existing else {
        return if has_lapsed { Step::Refuse(Refused::Lapsed) } else { Step::Create };
    };
    if there.user.is_erased {
        return Step::Refuse(Refused::Erased);
    }
    let (differences, lacking) = compare(wanted, there);
    if !differences.is_empty() && (!completes_existing || differences.iter().any(|one| one.found.is_some())) {
        return Step::Report(differences);
    }
    if lacking == Lacking::default() {
        return Step::Nothing;
    }
    if lacking.opening && has_lapsed {
        return Step::Refuse(Refused::Lapsed);
    }
    Step::Complete(there.user.wallet_id, lacking)
}

/// In what a user who is there differs, and what of it is only lacking. What is not given is not compared.
fn compare(wanted: &ImportedUser, there: &Existing) -> (Vec<Difference>, Lacking) {
    let mut differences = Vec::new();
    let mut lacks = |field, given: Option<&str>, found: Option<&str>| {
        let Some(given) = given.filter(|given| Some(*given) != found) else { return false };
        let (given, found) = (given.to_owned(), found.map(str::to_owned));
        let is_lacking = found.is_none();
        differences.push(Difference { field, given, found });
        is_lacking
    };
    let lacking = Lacking {
        email: lacks(Field::Email, wanted.email.as_deref(), there.user.email.as_deref()),
        name: lacks(Field::Name, wanted.name.as_deref(), there.user.name.as_deref()),
        stripe_customer: lacks(
            Field::StripeCustomer,
            wanted.stripe_customer.as_deref(),
            there.stripe_customer.as_deref(),
        ),
        opening: false,
    };
    let Some(given) = &there.opening else {
        let credits = wanted.opening.map(|opening| opening.credits.to_string());
        let opening = lacks(Field::Credits, credits.as_deref(), None);
        return (differences, Lacking { opening, ..lacking });
    };
    differences.extend(opening_differs(wanted.opening.as_ref(), given));
    (differences, lacking)
}

/// In what an opening balance differs from the one that was given.
fn opening_differs(wanted: Option<&OpeningBalance>, given: &GrantView) -> Vec<Difference> {
    let Some(wanted) = wanted else {
        let found = Some(given.credits.to_string());
        return vec![Difference { field: Field::Credits, given: "0".to_owned(), found }];
    };
    let ends = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), to_rfc3339);
    let kind = |source| if source == GrantSource::Promotion { "promotional" } else { "paid" }.to_owned();
    // A grant that was voided has ended early.
    let end = if given.voided_at.is_some() { ends(wanted.expires_at) } else { ends(given.expires_at) };
    let both = [
        (Field::Credits, wanted.credits.to_string(), given.credits.to_string()),
        (Field::Kind, kind(wanted.source), kind(given.source)),
        (Field::ExpiresAt, ends(wanted.expires_at), end),
    ];
    let differing = both.into_iter().filter(|(_, wanted, given)| wanted != given);
    differing.map(|(field, given, found)| Difference { field, given, found: Some(found) }).collect()
}
