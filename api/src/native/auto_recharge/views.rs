//! How a wallet is recharged, as callers see it.

use billing::auto_recharge::rules::{CHARGE_MIN_MINOR, allowance};
use billing::auto_recharge::{Card, Pause, PauseReason, RechargeOverview, Run, RunState, Settings};
use billing::payments::Payment;
use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, RechargeRunId, UserId, WalletId};
use kernel::money::Money;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use crate::http::values::{Amount, Moment, MoneyValue, OrgId, one_of};

#[derive(Serialize, ToSchema)]
#[schema(as = native::WalletRecharge)]
pub(in super::super) struct WalletRecharge {
    #[serde(flatten)]
    pub(super) whose: Whose,
    #[serde(flatten)]
    pub(super) settings: SettingsView,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::RechargedWallet)]
pub(super) struct Whose {
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
    /// Who set it up last.
    #[schema(value_type = String)]
    user_id: UserId,
    /// The organization whose wallet it is.
    #[schema(required)]
    org_id: Option<OrgId>,
    /// Who saved the card.
    #[schema(value_type = Option<String>, required)]
    card_user_id: Option<UserId>,
}

impl Whose {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            wallet_id: settings.wallet_id,
            user_id: settings.user_id.clone(),
            org_id: settings.organization_id.map(OrgId),
            card_user_id: settings.card_owner.clone(),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::WalletRecharges)]
pub(super) struct WalletRecharges {
    pub(super) data: Vec<WalletRecharge>,
    #[schema(required)]
    pub(super) next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::AutoRecharge)]
pub(super) struct SettingsView {
    enabled: bool,
    #[schema(schema_with = state_schema)]
    state: &'static str,
    threshold_credits: Amount,
    /// How much each time.
    amount: MoneyValue,
    /// Null: no cap.
    #[schema(required)]
    max_monthly: Option<MoneyValue>,
    /// What is charged, or being charged, in this calendar month (UTC).
    spent_this_month: MoneyValue,
    /// What the cap leaves; null: no cap.
    #[schema(required)]
    left_this_month: Option<MoneyValue>,
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
    amount: MoneyValue,
    /// Why it failed, in a word.
    #[schema(required)]
    failure: Option<String>,
    at: Moment,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::CardSetup)]
pub(in super::super) struct SetupView {
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

impl SetupView {
    pub(super) fn of(page: &Payment) -> Self {
        Self {
            payment_id: page.id,
            url: page.checkout_url.clone(),
            session_id: page.provider_session.clone(),
        }
    }
}

impl SettingsView {
    pub(super) fn new(now: Timestamp, overview: RechargeOverview, setup: Option<SetupView>) -> Self {
        let state = state(now, &overview);
        let RechargeOverview { settings, spent_minor, resets_at, last_run } = overview;
        let money = |minor| MoneyValue::from(Money::new(minor, settings.amount.currency));
        Self {
            enabled: settings.enabled,
            state,
            threshold_credits: Amount(settings.threshold),
            amount: settings.amount.into(),
            max_monthly: settings.max_monthly_minor.map(money),
            spent_this_month: money(spent_minor),
            left_this_month: allowance(settings.max_monthly_minor, spent_minor).map(money),
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
                amount: money(run.amount_minor),
                failure: run.failure,
                at: Moment(run.reserved_at),
            }),
            setup,
        }
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
