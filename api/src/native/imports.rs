//! Imports: the users of another system, with the credits that they have there.

use std::collections::HashSet;

use billing::imports::{self, Difference, Field, Import, ImportError, ImportedUser, OpeningBalance, Refused};
use identity::rights::Scope;
use identity::{NewUser, rules};
use kernel::ids::{OutboxId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object as ObjectSchema;
use warp::http::StatusCode;

use super::grants::{GrantKind, kind_schema};
use crate::commands::publish_notices_since;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{GivenAmount, GivenMoment, one_of};
use crate::http::{Response, answer};
use crate::native::words::{ErrorBody, ErrorDetail};
use crate::problem::{ErrorCode, Problem};
use crate::state::SharedState;

/// The most users in one request.
const USERS_MAX: usize = 1_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::post(
        "/purser/v1/imports",
        import,
        Description::new(Access::Operator(Scope::Manage), "Import users with their credits")
            .says(
                "Up to 1,000 users in one transaction; send the next ones with the same `name`. A user gets an opening \
                 balance once for each `name`, so the same request can be sent again. Who is there already stays as \
                 they are: what differs is reported, and nothing of it applied. A user who is refused keeps no other \
                 from being imported; `dryRun` tells beforehand. Each opening balance is told as `wallet.changed`.",
            )
            .takes::<ImportInput>()
            .answers::<ImportView>(StatusCode::OK, "What became of each user, in their order.")
            .refuses(&[StatusCode::CONFLICT]),
    )]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewImport, example = json!({"name": "launch", "dryRun": true, "users": [
    {"userId": "kim", "email": "kim@example.com", "credits": 120.5, "stripeCustomerId": "cus_QJ7xKim"},
    {"userId": "kai", "credits": 3, "kind": "promotional", "expiresAt": "2099-01-01T00:00:00Z"},
]}))]
struct ImportInput {
    /// Names the import: letters, digits, `_`, `.` and `-`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.-]+$")]
    name: String,
    /// Only says what would become of each user.
    #[serde(default)]
    dry_run: bool,
    /// Also gives users who are there already what they lack: an opening balance of this import, an e-mail address, a
    /// name, a customer at Stripe.
    #[serde(default)]
    complete_existing: bool,
    #[schema(min_items = 1, max_items = 1000)]
    users: Vec<UserInput>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::ImportedUser)]
struct UserInput {
    /// 1 to 128 characters.
    user_id: String,
    /// Where receipts go.
    email: Option<String>,
    /// For people.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// The opening balance; none unless given.
    credits: Option<GivenAmount>,
    /// Whether it was paid for; `paid` unless given.
    #[schema(schema_with = kind_schema)]
    kind: Option<GrantKind>,
    /// When it lapses; never unless given.
    expires_at: Option<GivenMoment>,
    /// The customer that the user is at Stripe, with the cards saved there.
    #[schema(max_length = 255, pattern = "^cus_[A-Za-z0-9_]+$")]
    stripe_customer_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Import)]
struct ImportView {
    data: Vec<OutcomeView>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ImportOutcome)]
struct OutcomeView {
    user_id: String,
    /// `created`: the user is new. `completed`: was there, and has now what was lacking. `unchanged`: is there just so.
    /// `different`: is there, but not so. `refused`: cannot be imported.
    #[schema(schema_with = outcome_schema)]
    outcome: &'static str,
    /// In what the user who is there differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<DifferenceView>,
    /// Why the user is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<ErrorDetail>,
}

fn outcome_schema() -> ObjectSchema {
    one_of(&["created", "completed", "unchanged", "different", "refused"])
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::ImportDifference)]
struct DifferenceView {
    /// The field in which the user differs.
    field: &'static str,
    /// What was sent.
    given: String,
    /// What is there; null if there is none.
    #[schema(required)]
    found: Option<String>,
}

impl From<Difference> for DifferenceView {
    fn from(difference: Difference) -> Self {
        let field = match difference.field {
            Field::Email => "email",
            Field::Name => "name",
            Field::Credits => "credits",
            Field::Kind => "kind",
            Field::ExpiresAt => "expiresAt",
            Field::StripeCustomer => "stripeCustomerId",
        };
        Self { field, given: difference.given, found: difference.found }
    }
}

impl OutcomeView {
    fn new(user_id: String, outcome: imports::Outcome) -> Self {
        let done = |outcome| (outcome, Vec::new(), None);
        let (outcome, differences, error) = match outcome {
            imports::Outcome::Created => done("created"),
            imports::Outcome::Completed => done("completed"),
            imports::Outcome::Unchanged => done("unchanged"),
            imports::Outcome::Different(differences) => {
                ("different", differences.into_iter().map(DifferenceView::from).collect(), None)
            }
            imports::Outcome::Refused(why) => return Self::refused(user_id, &why.into()),
        };
        Self { user_id, outcome, differences, error }
    }

    fn refused(user_id: String, problem: &Problem) -> Self {
        let error = Some(ErrorBody::from(problem).error);
        Self { user_id, outcome: "refused", differences: Vec::new(), error }
    }
}

impl From<Refused> for Problem {
    fn from(why: Refused) -> Self {
        match why {
            Refused::Erased => Self::conflict(ErrorCode::UserErased, "This user was erased.").about("userId"),
            Refused::Lapsed => Self::invalid("expiresAt must be in the future").about("expiresAt"),
            Refused::CustomerOfAnother => {
                Self::conflict(ErrorCode::Conflict, "Another user is this customer.")
                    .about("stripeCustomerId")
            }
            Refused::TooMuch => Self::invalid("The balance would be too large to count.").about("credits"),
        }
    }
}

async fn import(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let ImportInput { name, dry_run, complete_existing, users } = read_object(&call)?;
    if !imports::check_name(&name) {
        let message = "name must have 1 to 64 letters, digits, _, . and -";
        return Err(Problem::invalid(message).about("name"));
    }
    if !(1..=USERS_MAX).contains(&users.len()) {
        return Err(Problem::invalid("users must be 1 to 1000").about("users"));
    }
    let import = Import {
        name,
        is_dry_run: dry_run,
        completes_existing: complete_existing,
        by: caller.actor.clone(),
        api_key: caller.api_key,
    };
    let mut seen = Seen::default();
    let ids: Vec<String> = users.iter().map(|user| user.user_id.clone()).collect();
    let checked: Vec<Result<ImportedUser, Problem>> =
        users.into_iter().map(|user| seen.once(checked(user)?)).collect();
    let valid: Vec<ImportedUser> = checked.iter().filter_map(|user| user.as_ref().ok().cloned()).collect();
    let before = OutboxId::new();
    let outcomes = imports::import(&api.pool, api.clock.now(), &import, &valid).await?;
    publish_notices_since(&api, before);
    let mut outcomes = outcomes.into_iter();
    let data = ids.into_iter().zip(checked).map(|(id, checked)| match checked {
        Ok(_) => {
            let outcome = outcomes.next().ok_or_else(|| Problem::internal("a user has no outcome"))?;
            Ok(OutcomeView::new(id, outcome))
        }
        Err(problem) => Ok(OutcomeView::refused(id, &problem)),
    });
    Ok(answer(StatusCode::OK, &ImportView { data: data.collect::<Result<_, Problem>>()? }))
}

/// The users and customers of the request so far.
#[derive(Default)]
struct Seen {
    users: HashSet<UserId>,
    customers: HashSet<String>,
}

impl Seen {
    fn once(&mut self, user: ImportedUser) -> Result<ImportedUser, Problem> {
        if !self.users.insert(user.id.clone()) {
            return Err(Problem::invalid("The user is named twice.").about("userId"));
        }
        let customer = user.stripe_customer.as_ref();
        if customer.is_some_and(|customer| !self.customers.insert(customer.clone())) {
            return Err(Problem::invalid("The customer is named twice.").about("stripeCustomerId"));
        }
        Ok(user)
    }
}

/// A user who can be imported.
fn checked(input: UserInput) -> Result<ImportedUser, Problem> {
    let id = UserId::try_from(input.user_id)
        .map_err(|error| Problem::invalid(format!("userId: {error}")).about("userId"))?;
    let user = NewUser { email: input.email, name: input.name, ..NewUser::new(id) };
    rules::check_user(&user)?;
    if !input.stripe_customer_id.as_deref().is_none_or(imports::check_customer) {
        let message = "stripeCustomerId must be the id of a customer at Stripe, such as cus_QJ7xKim";
        return Err(Problem::invalid(message).about("stripeCustomerId"));
    }
    let credits = input.credits.map(|credits| credits.credits()).transpose();
    let credits = credits.map_err(|error| Problem::from(error).about("credits"))?;
    if credits.is_some_and(|credits| credits.is_negative()) {
        let message = "An opening balance is not negative: debit what the user owes.";
        return Err(Problem::invalid(message).coded(ErrorCode::InvalidCredits).about("credits"));
    }
    let (source, priority) = input.kind.unwrap_or(GrantKind::Paid).source_and_priority();
    let expires_at = input.expires_at.map(|at| at.0);
    let opening = credits.filter(|credits| credits.is_positive());
    let opening = opening.map(|credits| OpeningBalance { credits, source, priority, expires_at });
    let NewUser { id, email, name, .. } = user;
    Ok(ImportedUser { id, email, name, opening, stripe_customer: input.stripe_customer_id })
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Contended => {
                Self::conflict(ErrorCode::Conflict, "Others change the same users. Send this again.")
            }
            ImportError::Database(error) => error.into(),
        }
    }
}
