//! Auto-recharge: its settings, and the page on which a card is saved.
//!
//! Unlike Samsar's own API, fields that are left out keep their values, values that are no numbers are refused, and a
//! threshold of zero never charges.

use billing::auto_recharge::rules::{CHARGE_MAX_MINOR, CHARGE_MIN_MINOR};
use billing::auto_recharge::{Check, Settings, Skip, operations};
use billing::payments::store::customer;
use billing::payments::{Dialect, Payment, Provider};
use kernel::ids::PaymentId;
use kernel::money::{Credits, Currency, Money};
use kernel::text_enum;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::{HeaderValue, StatusCode, header};

use super::types::{Fields, Number, dollars};
use crate::auto_recharge::{Owner, SettingsChange, change, save_card};
use crate::checkout::{self, Ordered};
use crate::http::call::Call;
use crate::http::values::{Amount, one_of};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

const THRESHOLD: &[&str] = &[
    "thresholdCredits",
    "threshold_credits",
    "autoRechargeThreshold",
    "auto_recharge_threshold",
    "rechargeBelowThreshold",
    "recharge_below_threshold",
    "rechargeThreshold",
    "recharge_threshold",
    "threshold",
];
const AMOUNT_USD: &[&str] = &[
    "amountUsd",
    "amount_usd",
    "autoRechargeAmountUsd",
    "auto_recharge_amount_usd",
    "amountToRecharge",
    "amount_to_recharge",
    "rechargeAmountUsd",
    "amount",
];
const AMOUNT_CREDITS: &[&str] =
    &["credits", "creditsToRecharge", "credits_to_recharge", "amountCredits", "amount_credits"];
const CAP_USD: &[&str] = &[
    "maxMonthlyUsd",
    "max_monthly_usd",
    "autoRechargeMaxMonthlyUsd",
    "monthlyCapUsd",
    "monthly_cap_usd",
    "maxTopupPerMonth",
    "max_topup_per_month",
];
const CAP_CREDITS: &[&str] = &["maxMonthlyCredits", "max_monthly_credits"];
const SETUP: &[&str] =
    &["requestSetupSession", "request_setup_session", "setupSession", "requireSetup", "require_setup"];
const ENABLED: &[&str] = &["enabled", "enable", "autoRechargeEnabled", "auto_recharge_enabled"];
const PAYMENT_METHOD: &[&str] = &["paymentMethodId", "payment_method_id"];

/// What `POST /v1/enable_autorecharge` takes. Other spellings of the names are understood as well.
#[derive(ToSchema)]
#[schema(as = samsar::AutoRechargeFields, rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what `Fields` reads")]
pub(super) struct AutoRechargeFields {
    /// Charges when the balance is below it; 0: never. 1000 unless ever given.
    #[schema(value_type = Option<Amount>)]
    threshold_credits: Option<Value>,
    /// How much each time, at least 0.50. 50 unless ever given.
    #[schema(value_type = Option<Amount>)]
    amount_usd: Option<Value>,
    /// At most this in a calendar month (UTC); 0: no cap, as long as none is given.
    #[schema(value_type = Option<Amount>)]
    max_monthly_usd: Option<Value>,
    /// Asks for a page to save another card.
    request_setup_session: Option<bool>,
    /// `false` switches it off.
    enabled: Option<bool>,
    /// All fields may be wrapped in this one.
    #[schema(value_type = Option<Object>)]
    input: Option<Value>,
}

/// What `POST /v1/auto_recharge/threshold` takes.
#[derive(ToSchema)]
#[schema(as = samsar::ThresholdFields, rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what `Fields` reads")]
pub(super) struct ThresholdFields {
    /// Not negative; 0: never.
    #[schema(value_type = Amount)]
    threshold_credits: Value,
}

/// The body of `POST /v1/enable_autorecharge`. The page's fields are null where there is none.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = samsar::AutoRecharge)]
pub(super) struct AutoRechargeBody<'a> {
    /// Whether it charges: it is asked for, and a card is saved.
    auto_recharge_enabled: bool,
    #[schema(value_type = Amount)]
    auto_recharge_amount_usd: Value,
    auto_recharge_threshold: Amount,
    /// 0: no cap.
    #[schema(value_type = Amount)]
    auto_recharge_max_monthly_usd: Value,
    #[schema(required)]
    stripe_customer_id: Option<&'a str>,
    /// The page on which a card is saved.
    #[schema(required)]
    setup_session_url: Option<&'a str>,
    #[schema(required)]
    setup_session_id: Option<&'a str>,
    #[schema(required)]
    setup_intent_id: Option<&'a str>,
    /// Where to ask how the saving stands.
    payment_status_endpoint: &'a str,
    /// The same as `setupSessionUrl`.
    #[schema(required)]
    url: Option<&'a str>,
    /// The same as `setupSessionId`.
    #[schema(required)]
    checkout_session_id: Option<&'a str>,
    has_payment_method: bool,
    /// What a look at the balance led to; null where nothing can be charged, or when that took long.
    #[schema(required)]
    auto_recharge_run: Option<RechargeRun>,
    /// With 202: `pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status: Option<&'static str>,
    /// With 202: the order of the page, to ask how it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>, nullable = false)]
    payment_id: Option<PaymentId>,
}

/// What a look at the balance led to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = samsar::AutoRechargeRun)]
pub(super) struct RechargeRun {
    /// `pending`: the card is being charged.
    #[schema(schema_with = run_schema)]
    status: RunStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, schema_with = reason_schema)]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>, nullable = false)]
    amount_usd: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    credits_to_add: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>, nullable = false)]
    max_monthly_usd: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>, nullable = false)]
    monthly_total_usd: Option<Value>,
}

text_enum! {
    /// What becomes of a recharge at a look.
    RunStatus {
        /// The card is being charged.
        Pending => "pending",
        /// Nothing is charged now: see the reason.
        Skipped => "skipped",
    }
}

fn run_schema() -> Object {
    one_of(RunStatus::NAMES)
}

fn reason_schema() -> Object {
    one_of(Skip::NAMES)
}

/// The body of `POST /v1/auto_recharge/threshold`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = samsar::Threshold)]
pub(super) struct ThresholdBody {
    auto_recharge_enabled: bool,
    auto_recharge_threshold: Amount,
    #[schema(value_type = Amount)]
    auto_recharge_amount_usd: Value,
    #[schema(value_type = Amount)]
    auto_recharge_max_monthly_usd: Value,
}

pub(super) async fn enable(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let fields = Fields::read(&call)?;
    let requested = settings_change(&fields)?;
    let wants_page = fields.flag(SETUP)?.unwrap_or(false);
    let scope = format!("samsar:{}", principal.user_id);
    let owner = Owner { user_id: principal.user_id, wallet_id: principal.wallet_id, organization_id: None };
    if let Some(method) = fields.text(PAYMENT_METHOD) {
        let own = operations::settings(&mut *api.pool.acquire().await?, owner.wallet_id).await?;
        let card = own.and_then(|settings| settings.card);
        if card.is_none_or(|card| card.payment_method != method) {
            let message = "paymentMethodId is not the saved payment method: save another one on the page \
                           that requestSetupSession opens.";
            return Err(Problem::invalid(message));
        }
    }
    let (settings, check) = change(&api, &owner, requested).await?;
    let ordered = if wants_page || (settings.enabled && settings.card.is_none()) {
        Some(save_card(&api, &call, scope, &owner, Dialect::Samsar).await?)
    } else {
        None
    };
    let (page, is_open) = match ordered {
        None => (None, true),
        Some(Ordered::Open(page)) => (Some(page), true),
        Some(Ordered::Accepted { payment, .. }) => (Some(payment), false),
        Some(Ordered::Refused { status, message }) => return Err(checkout::refused(status, message)),
    };
    let mut connection = api.pool.acquire().await?;
    let customer = customer(&mut connection, Provider::Stripe, owner.wallet_id).await?;
    let standing = operations::overview(&mut connection, api.clock.now(), settings.clone()).await?;
    let run = check.map(|check| run(&settings, check, standing.spent_minor));
    let endpoint = endpoint(page.as_deref().filter(|_| !is_open));
    let body = settings_body(&settings, customer.as_deref(), page.as_deref(), run, &endpoint, is_open);
    let mut response = answer(if is_open { StatusCode::OK } else { StatusCode::ACCEPTED }, &body);
    if !is_open && let Ok(location) = HeaderValue::from_str(&endpoint) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

pub(super) async fn threshold(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let fields = Fields::read(&call)?;
    let own = operations::settings(&mut *api.pool.acquire().await?, principal.wallet_id).await?;
    if !own.is_some_and(|settings| settings.is_active()) {
        return Err(Problem::invalid(
            "Auto-recharge is not enabled. Please call /v1/enable_autorecharge to enable auto-recharge.",
        ));
    }
    let required = || Problem::invalid("thresholdCredits is required and must be a non-negative number.");
    let threshold = match fields.number(THRESHOLD, 6) {
        Some(Number::Is(millionths)) if millionths >= 0 => Credits::from_millionths(millionths),
        Some(Number::Is(_) | Number::Wrong) | None => return Err(required()),
    };
    let owner = Owner { user_id: principal.user_id, wallet_id: principal.wallet_id, organization_id: None };
    let requested = SettingsChange { threshold: Some(threshold), ..SettingsChange::default() };
    let (settings, _) = change(&api, &owner, requested).await?;
    Ok(answer(
        StatusCode::OK,
        &ThresholdBody {
            auto_recharge_enabled: settings.is_active(),
            auto_recharge_threshold: Amount(settings.threshold),
            auto_recharge_amount_usd: dollars(settings.amount.minor),
            auto_recharge_max_monthly_usd: dollars(settings.max_monthly_minor.unwrap_or(0)),
        },
    ))
}

fn settings_change(fields: &Fields) -> Result<SettingsChange, Problem> {
    let threshold = match fields.number(THRESHOLD, 6) {
        None => None,
        Some(Number::Is(millionths)) if millionths >= 0 => Some(Credits::from_millionths(millionths)),
        Some(Number::Is(_) | Number::Wrong) => {
            return Err(Problem::invalid("thresholdCredits must be a non-negative number."));
        }
    };
    // A credit costs a cent, so the same number counts both.
    let amount = match fields.number(AMOUNT_USD, 2).or_else(|| fields.number(AMOUNT_CREDITS, 0)) {
        None => None,
        Some(Number::Is(cents)) if (CHARGE_MIN_MINOR..=CHARGE_MAX_MINOR).contains(&cents) => {
            Some(Money::new(cents, Currency::USD))
        }
        Some(Number::Is(_) | Number::Wrong) => {
            return Err(Problem::invalid(
                "amountUsd must be between 0.50, Stripe's minimum charge, and 999999.99.",
            ));
        }
    };
    let max_monthly_minor = match fields.number(CAP_USD, 2).or_else(|| fields.number(CAP_CREDITS, 0)) {
        None => None,
        Some(Number::Is(0)) => Some(None),
        Some(Number::Is(cents)) if cents >= CHARGE_MIN_MINOR => Some(Some(cents)),
        Some(Number::Is(_) | Number::Wrong) => {
            return Err(Problem::invalid(
                "maxMonthlyUsd must be 0 for no cap, or at least 0.50, Stripe's minimum charge.",
            ));
        }
    };
    Ok(SettingsChange {
        enabled: Some(fields.flag(ENABLED)?.unwrap_or(true)),
        threshold,
        amount,
        max_monthly_minor,
    })
}

/// The address at which to poll whether the card is saved.
fn endpoint(unopened: Option<&Payment>) -> String {
    match unopened {
        Some(order) => format!("/v1/payment_status?paymentId={}", order.id),
        None => "/v1/payment_status".to_owned(),
    }
}

fn settings_body<'a>(
    settings: &Settings,
    customer: Option<&'a str>,
    page: Option<&'a Payment>,
    run: Option<RechargeRun>,
    endpoint: &'a str,
    is_open: bool,
) -> AutoRechargeBody<'a> {
    let url = page.and_then(|page| page.checkout_url.as_deref());
    let session = page.and_then(|page| page.provider_session.as_deref());
    AutoRechargeBody {
        auto_recharge_enabled: settings.is_active(),
        auto_recharge_amount_usd: dollars(settings.amount.minor),
        auto_recharge_threshold: Amount(settings.threshold),
        auto_recharge_max_monthly_usd: dollars(settings.max_monthly_minor.unwrap_or(0)),
        stripe_customer_id: customer,
        setup_session_url: url,
        setup_session_id: session,
        setup_intent_id: page.and_then(|page| page.provider_payment.as_deref()),
        payment_status_endpoint: endpoint,
        url,
        checkout_session_id: session,
        has_payment_method: settings.card.is_some(),
        auto_recharge_run: run,
        status: (!is_open).then_some("pending"),
        payment_id: page.filter(|_| !is_open).map(|page| page.id),
    }
}

impl RechargeRun {
    fn of(status: RunStatus) -> Self {
        Self {
            status,
            reason: None,
            message: None,
            amount_usd: None,
            credits_to_add: None,
            max_monthly_usd: None,
            monthly_total_usd: None,
        }
    }
}

/// The result of a check of the balance, in Samsar's words.
fn run(settings: &Settings, check: Check, spent_minor: i64) -> RechargeRun {
    match check {
        Check::Charging { amount_minor, credits, .. } => RechargeRun {
            amount_usd: Some(dollars(amount_minor)),
            credits_to_add: Some(Amount(credits)),
            ..RechargeRun::of(RunStatus::Pending)
        },
        Check::Skipped { reason } => {
            let is_capped = reason == Skip::MonthlyCapReached;
            RechargeRun {
                reason: Some(reason.as_str()),
                message: Some(message(reason)),
                max_monthly_usd: settings.max_monthly_minor.filter(|_| is_capped).map(dollars),
                monthly_total_usd: is_capped.then(|| dollars(spent_minor)),
                ..RechargeRun::of(RunStatus::Skipped)
            }
        }
    }
}

fn message(reason: Skip) -> &'static str {
    match reason {
        Skip::Disabled => "Auto-recharge is disabled.",
        Skip::NoCard => "No payment method is saved.",
        Skip::Paused => "Auto-recharge is paused: GET /auto-recharge says why, and what resumes it.",
        Skip::CardExpired => "The saved card has expired: save another one to continue.",
        Skip::InProgress => "An auto-recharge is in progress.",
        Skip::ThresholdNotMet => "The balance is not below the threshold.",
        Skip::NothingUsed => "Nothing was used since the last recharge.",
        Skip::CoolingDown => "The card was declined; it will be tried again later.",
        Skip::RecentlyRecharged => "It was recharged a short while ago.",
        Skip::AmountTooSmall => "The amount is too small for what was asked for.",
        Skip::PurchaseUnderWay => "A purchase is being completed.",
        Skip::DailyLimitReached => "Too many auto-recharges in 24 hours.",
        Skip::MonthlyCapReached => "The monthly cap is reached.",
    }
}
