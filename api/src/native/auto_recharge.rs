//! Auto-recharge: a wallet's settings, its state, and the page on which a card is saved.

use billing::auto_recharge::custody::{self, By, ResumeError};
use billing::auto_recharge::rules::{CHARGE_MAX_MINOR, CHARGE_MIN_MINOR, allowance};
use billing::auto_recharge::{
    Card, Pause, PauseReason, RechargeOverview, Run, RunState, Settings, operations,
};
use billing::catalog::prices::price;
use billing::payments::Dialect;
use identity::rules as roles;
use kernel::clock::Timestamp;
use kernel::ids::{OrganizationId, PaymentId, RechargeRunId};
use kernel::money::{Credits, Currency, Money};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use super::organizations::{asked_organization, membership};
use crate::auth::Principal;
use crate::auto_recharge::{Owner, SettingsChange, change, initial_settings, save_card};
use crate::checkout::Ordered;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::http::values::{Amount, GivenAmount, Moment, OrgId, one_of};
use crate::http::{Response, answer};
use crate::problem::{Problem, ProblemKind};
use crate::state::SharedState;

const PATH: &str = "/auto-recharge";

pub(super) fn endpoints() -> Vec<Endpoint> {
    let organization = |description: Description| {
        description
            .query::<OrgId>("orgId", "The organization whose wallet it is, rather than the caller's own.")
            .refuses(&[StatusCode::FORBIDDEN, StatusCode::NOT_FOUND])
    };
    vec![
        Endpoint::get(
            PATH,
            find,
            organization(Description::new(Access::User, "How a wallet is recharged by itself"))
                .answers::<SettingsView>(StatusCode::OK, "What it asks for, and where it stands."),
        ),
        Endpoint::put(
            PATH,
            put,
            Description::new(Access::User, "Have a wallet recharged by itself")
                .says(
                    "Charges the saved card when the balance falls below the threshold, and never more in a calendar \
                     month (UTC) than the cap: the last charge is smaller where the cap leaves less, and when it \
                     leaves less than Stripe's minimum the month's charges are over. Fields that are left out stay as \
                     they are. Without a saved card the answer has a page on which to save one; when that takes long \
                     it is 202, and the page is in a later answer.",
                )
                .takes::<SettingsInput>()
                .answers::<SettingsView>(StatusCode::OK, "What it asks for now, with the page if there is one.")
                .answers::<SettingsView>(StatusCode::ACCEPTED, "What it asks for now; the page will be open soon.")
                .refuses(&[
                    StatusCode::FORBIDDEN,
                    StatusCode::NOT_FOUND,
                    StatusCode::CONFLICT,
                    StatusCode::BAD_GATEWAY,
                ]),
        ),
        Endpoint::delete(
            PATH,
            switch_off,
            organization(Description::new(Access::User, "Stop recharging a wallet"))
                .says("What is being charged already is not unmade. The card stays saved unless it is removed as well.")
                .query::<bool>("removeCard", "`true` removes the saved card, at the provider too.")
                .answers::<SettingsView>(StatusCode::OK, "It is off."),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::PutAutoRecharge)]
struct SettingsInput {
    /// To switch it on is the consent to be charged. Left out, it is as it was: off, until it is switched on.
    enabled: Option<bool>,
    /// Charges when the balance is strictly below it; 0: never.
    threshold_credits: Option<GivenAmount>,
    /// How much each time, in cents.
    #[schema(minimum = 50, maximum = 99_999_999)]
    amount_cents: Option<i64>,
    /// At most this in a calendar month (UTC), in cents; null: no cap.
    #[serde(default, deserialize_with = "null_is_given")]
    #[schema(value_type = Option<i64>, minimum = 50)]
    max_monthly_cents: Option<Option<i64>>,
    /// Asks for a page to save another card.
    #[serde(default)]
    request_setup: bool,
    /// Ends a pause, where that is the user's to decide: see its reason. 409 where it takes another card, or an admin.
    #[serde(default)]
    resume: bool,
    /// The organization whose wallet it is, rather than the caller's own.
    org_id: Option<OrgId>,
}

/// Tells a null from a field that is left out.
fn null_is_given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::AutoRecharge)]
pub(super) struct SettingsView {
    enabled: bool,
    #[schema(schema_with = state_schema)]
    state: &'static str,
    threshold_credits: Amount,
    amount_cents: i64,
    /// An ISO 4217 code in lower case.
    currency: String,
    /// Null: no cap.
    #[schema(required)]
    max_monthly_cents: Option<i64>,
    /// What is charged, or being charged, in this calendar month (UTC).
    spent_this_month_cents: i64,
    /// What the cap leaves; null: no cap.
    #[schema(required)]
    left_this_month_cents: Option<i64>,
    /// When the next month begins.
    resets_at: Moment,
    /// Why it waits for the user.
    #[schema(required)]
    pause: Option<PauseView>,
    /// After a decline, or a charge: not before this.
    #[schema(required)]
    next_attempt_at: Option<Moment>,
    #[schema(required)]
    card: Option<CardView>,
    /// When it was last switched on.
    #[schema(required)]
    consented_at: Option<Moment>,
    #[schema(required)]
    last_run: Option<RunView>,
    /// Where a card can be saved, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    setup: Option<SetupView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::AutoRechargePause)]
struct PauseView {
    at: Moment,
    #[schema(schema_with = reason_schema)]
    reason: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::SavedCard)]
struct CardView {
    brand: String,
    last4: String,
    exp_month: i64,
    exp_year: i64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::RechargeRun)]
struct RunView {
    #[schema(value_type = Uuid)]
    run_id: RechargeRunId,
    #[schema(schema_with = run_schema)]
    state: &'static str,
    amount_cents: i64,
    /// Why it failed, in a word.
    #[schema(required)]
    failure: Option<String>,
    at: Moment,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::CardSetup)]
pub(super) struct SetupView {
    #[schema(value_type = Uuid)]
    payment_id: PaymentId,
    /// The page; null until it is open.
    #[schema(required)]
    url: Option<String>,
    #[schema(required)]
    session_id: Option<String>,
}

const STATES: &[&str] =
    &["off", "needs_card", "paused", "recharging", "cooling_down", "monthly_cap_reached", "active"];

fn state_schema() -> Object {
    one_of(STATES)
}

fn reason_schema() -> Object {
    one_of(PauseReason::NAMES)
}

fn run_schema() -> Object {
    one_of(RunState::NAMES)
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let owner = owner(&api, &principal, asked_organization(&call)?, Intent::View).await?;
    Ok(answer(StatusCode::OK, &overview(&api, &owner, None).await?))
}

async fn put(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let request: SettingsInput = read_json(&call)?;
    let owner = owner(&api, &principal, request.org_id.map(|id| id.0), Intent::Change).await?;
    let wanted = SettingsChange {
        enabled: request.enabled,
        threshold: request.threshold_credits.as_ref().map(threshold).transpose()?,
        amount: request.amount_cents.map(|cents| amount("amountCents", cents)).transpose()?,
        max_monthly_minor: match request.max_monthly_cents {
            Some(Some(cents)) => Some(Some(amount("maxMonthlyCents", cents)?.minor)),
            other => other,
        },
    };
    if request.enabled == Some(true) {
        require_price(&api).await?;
    }
    if request.resume {
        resume(&api, &owner).await?;
    }
    let (settings, _) = change(&api, &owner, wanted).await?;
    let wants_page = request.request_setup || (settings.enabled && settings.card.is_none());
    if !wants_page {
        return Ok(answer(StatusCode::OK, &overview(&api, &owner, None).await?));
    }
    let (status, page) = match save_card(&api, &call, principal.actor(), &owner, Dialect::Native).await? {
        Ordered::Open(page) => (StatusCode::OK, page),
        Ordered::Accepted { payment, .. } => (StatusCode::ACCEPTED, payment),
        Ordered::Refused { message, .. } => {
            return Err(Problem::new(ProblemKind::ProviderRefused(StatusCode::BAD_GATEWAY), message));
        }
    };
    let setup = SetupView {
        payment_id: page.id,
        url: page.checkout_url.clone(),
        session_id: page.provider_session.clone(),
    };
    Ok(answer(status, &overview(&api, &owner, Some(setup)).await?))
}

/// A user who switches recharging on agrees to a price, so there must be one.
async fn require_price(api: &SharedState) -> Result<(), Problem> {
    let currency = api.config.auto_recharge.amount.currency;
    let known = price(&mut *api.pool.acquire().await?, currency).await?;
    if known.is_some() {
        return Ok(());
    }
    let message = "Credits have no price in this currency yet: an administrator has to set one.";
    Err(Problem::conflict("no_credit_price", message))
}

async fn resume(api: &SharedState, owner: &Owner) -> Result<(), Problem> {
    let mut transaction = api.pool.begin().await?;
    match custody::resume(&mut transaction, api.clock.now(), owner.wallet_id, By::Owner).await {
        Ok(_) | Err(ResumeError::NoSettings) => {}
        Err(error @ ResumeError::NotYours(_)) => {
            return Err(Problem::conflict("auto_recharge_paused", error.to_string()));
        }
        Err(ResumeError::Database(error)) => return Err(error.into()),
    }
    transaction.commit().await?;
    Ok(())
}

async fn switch_off(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let owner = owner(&api, &principal, asked_organization(&call)?, Intent::Change).await?;
    let known = operations::settings(&mut *api.pool.acquire().await?, owner.wallet_id).await?;
    if call.parameter("removeCard") == Some("true") {
        let mut transaction = api.pool.begin().await?;
        let written = custody::remove_card(&mut transaction, api.clock.now(), owner.wallet_id).await?;
        transaction.commit().await?;
        if let Some(written) = written {
            messaging::outbox::publish(&api.pool, &api.publisher, &[written]).await;
        }
    } else if known.is_some() {
        change(&api, &owner, SettingsChange { enabled: Some(false), ..SettingsChange::default() }).await?;
    }
    Ok(answer(StatusCode::OK, &overview(&api, &owner, None).await?))
}

/// What a caller wants with a wallet's settings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Intent {
    View,
    Change,
}

async fn owner(
    api: &SharedState,
    principal: &Principal,
    organization: Option<OrganizationId>,
    intent: Intent,
) -> Result<Owner, Problem> {
    let user_id = principal.user_id.clone();
    let Some(organization) = organization else {
        return Ok(Owner { user_id, wallet_id: principal.wallet_id, organization_id: None });
    };
    let membership = membership(api, principal, organization).await?;
    if intent == Intent::Change && !roles::may_buy(membership.role) {
        return Err(Problem::forbidden("Your role in this organization may not buy credits."));
    }
    Ok(Owner { user_id, wallet_id: membership.wallet_id, organization_id: Some(organization) })
}

fn threshold(given: &GivenAmount) -> Result<Credits, Problem> {
    let credits = given.credits()?;
    if credits.is_negative() {
        return Err(Problem::invalid("thresholdCredits must not be negative"));
    }
    Ok(credits)
}

fn amount(field: &str, cents: i64) -> Result<Money, Problem> {
    if (CHARGE_MIN_MINOR..=CHARGE_MAX_MINOR).contains(&cents) {
        return Ok(Money::new(cents, Currency::USD));
    }
    let message = format!("{field} must be between {CHARGE_MIN_MINOR} and {CHARGE_MAX_MINOR}");
    Err(Problem::invalid(message))
}

async fn overview(
    api: &SharedState,
    owner: &Owner,
    setup: Option<SetupView>,
) -> Result<SettingsView, Problem> {
    let now = api.clock.now();
    let mut connection = api.pool.acquire().await?;
    let overview = operations::overview(&mut connection, now, initial_settings(api, owner)).await?;
    Ok(view(now, overview, setup))
}

pub(super) fn view(now: Timestamp, overview: RechargeOverview, setup: Option<SetupView>) -> SettingsView {
    let state = state(now, &overview);
    let RechargeOverview { settings, spent_minor, resets_at, last_run } = overview;
    SettingsView {
        enabled: settings.enabled,
        state,
        threshold_credits: Amount(settings.threshold),
        amount_cents: settings.amount.minor,
        currency: settings.amount.currency.to_string(),
        max_monthly_cents: settings.max_monthly_minor,
        spent_this_month_cents: spent_minor,
        left_this_month_cents: allowance(settings.max_monthly_minor, spent_minor),
        resets_at: Moment(resets_at),
        pause: settings
            .pause
            .map(|Pause { at, reason }| PauseView { at: Moment(at), reason: reason.as_str() }),
        next_attempt_at: settings.next_attempt_at.filter(|at| *at > now).map(Moment),
        card: settings.card.map(|Card { brand, last4, exp_month, exp_year, .. }| CardView {
            brand,
            last4,
            exp_month,
            exp_year,
        }),
        consented_at: settings.consented_at.map(Moment),
        last_run: last_run.map(|run| RunView {
            run_id: run.id,
            state: run.state.as_str(),
            amount_cents: run.amount_minor,
            failure: run.failure,
            at: Moment(run.reserved_at),
        }),
        setup,
    }
}

/// The state of a wallet's auto-recharge: one of [`STATES`].
fn state(now: Timestamp, overview: &RechargeOverview) -> &'static str {
    let settings: &Settings = &overview.settings;
    let is_open = |run: &Run| !matches!(run.state, RunState::Succeeded | RunState::Failed);
    let left = allowance(settings.max_monthly_minor, overview.spent_minor);
    if !settings.enabled {
        "off"
    } else if settings.pause.is_some() {
        "paused"
    } else if settings.card.is_none() {
        "needs_card"
    } else if overview.last_run.as_ref().is_some_and(is_open) {
        "recharging"
    } else if settings.declines > 0 && settings.next_attempt_at.is_some_and(|at| at > now) {
        "cooling_down"
    } else if left.is_some_and(|left| left < CHARGE_MIN_MINOR) {
        "monthly_cap_reached"
    } else {
        "active"
    }
}
