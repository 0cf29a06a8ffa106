//! Auto-recharge: what a wallet asks for, its card, and having it wait.

pub(super) mod views;

use billing::auto_recharge::custody::{self, By, ResumeError};
use billing::auto_recharge::rules::{CHARGE_MAX_MINOR, CHARGE_MIN_MINOR};
use billing::auto_recharge::{Settings, operations};
use billing::catalog::prices::price;
use billing::payments::Dialect;
use identity::operators::OperatorRole;
use identity::rights::{OwnedWallet, Reach, Scope};
use kernel::clock::Timestamp;
use kernel::ids::{UserId, WalletId};
use kernel::money::{Credits, Currency, Money};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use warp::http::StatusCode;

use self::views::{SettingsView, SetupView, WalletRecharge, WalletRecharges};
use super::debits::member;
use super::idempotent::{Keep, once};
use super::pages_of::{Cursor, paged};
use super::reasons::checked_reason;
use super::wallets::addressed;
use crate::auth::Caller;
use crate::auto_recharge::{Owner, SettingsChange, change, initial_settings, save_card};
use crate::checkout::Ordered;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::{null_is_given, read_object, read_object_or_default};
use crate::http::values::{GivenAmount, MoneyValue};
use crate::http::{Response, answer};
use crate::problem::{ErrorCode, Problem, ProblemKind};
use crate::state::SharedState;

const LIMIT: i64 = 200;
const PATH: &str = "/purser/v1/wallets/{wallet}/auto-recharge";

pub(super) fn endpoints() -> Vec<Endpoint> {
    [settings(), steering()].into_iter().flatten().collect()
}

fn settings() -> Vec<Endpoint> {
    let wallet = |scope, summary: &str| Description::new(Access::Allowed(scope), summary).wallet();
    vec![
        Endpoint::get(
            "/purser/v1/auto-recharge",
            list,
            paged(
                Description::new(
                    Access::Operator(Scope::Read),
                    "Wallets that were ever to be recharged, by id",
                ),
                LIMIT,
            )
            .query::<bool>("paused", "Only those that wait, if `true`.")
            .answers::<WalletRecharges>(StatusCode::OK, "The wallets."),
        ),
        Endpoint::get(
            PATH,
            find,
            wallet(Scope::Read, "How a wallet is recharged by itself")
                .answers::<WalletRecharge>(StatusCode::OK, "What it asks for, and where it stands."),
        ),
        Endpoint::put(
            PATH,
            put,
            wallet(Scope::Buy, "Have a wallet recharged by itself")
                .says(
                    "Charges the saved card when less than the threshold can be spent, and never more in a calendar \
                     month (UTC) than the cap: the last charge is smaller where the cap leaves less, and when it \
                     leaves less than Stripe's minimum the month's charges are over. Fields that are left out stay as \
                     they are. Without a saved card the answer has a page on which to save one; when that takes long \
                     it is 202, and the page is in a later answer.",
                )
                .takes::<SettingsInput>()
                .answers::<WalletRecharge>(StatusCode::OK, "What it asks for now, with the page if there is one.")
                .answers::<WalletRecharge>(
                    StatusCode::ACCEPTED,
                    "What it asks for now; the page will be open soon.",
                )
                .refuses(&[StatusCode::CONFLICT, StatusCode::BAD_GATEWAY]),
        ),
        Endpoint::delete(
            PATH,
            switch_off,
            wallet(Scope::Buy, "Stop recharging a wallet")
                .says(
                    "What is being charged already is not unmade. The card stays saved unless it is removed as well.",
                )
                .query::<bool>("removeCard", "`true` removes the saved card, at the provider too.")
                .answers::<WalletRecharge>(StatusCode::OK, "It is off."),
        ),
    ]
}

fn steering() -> Vec<Endpoint> {
    let steers = |summary: &str| {
        Description::new(Access::Allowed(Scope::Buy), summary)
            .role(OperatorRole::Support)
            .wallet()
            .idempotency_key()
            .may_take::<ReasonInput>()
            .answers::<WalletRecharge>(StatusCode::OK, "What the wallet asks for, and where it stands now.")
            .refuses(&[StatusCode::CONFLICT])
    };
    vec![
        Endpoint::post(
            "/purser/v1/wallets/{wallet}/auto-recharge/pause",
            pause,
            steers("Have recharging wait").says(
                "Until it is resumed: by its owner what its owner paused, by a server or an operator what they paused. \
                 What is being charged already is not unmade.",
            ),
        ),
        Endpoint::post(
            "/purser/v1/wallets/{wallet}/auto-recharge/resume",
            resume,
            steers("Have recharging go on").says(
                "For a server or an operator whatever it waits for, for its owner where that is theirs to decide. \
                 Without a card nothing is charged.",
            ),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::PutAutoRecharge, example = json!({
    "enabled": true, "thresholdCredits": 100, "amount": {"minor": 2000, "currency": "usd"},
    "maxMonthly": {"minor": 10000, "currency": "usd"},
}))]
struct SettingsInput {
    /// To switch it on is the consent to be charged. Left out, it is as it was: off, until it is switched on.
    enabled: Option<bool>,
    /// Charges when strictly less can be spent; 0: never.
    threshold_credits: Option<GivenAmount>,
    /// How much each time, in US dollars: between 50 and 99,999,999 cents.
    amount: Option<MoneyValue>,
    /// At most this in a calendar month (UTC); null: no cap.
    #[serde(default, deserialize_with = "null_is_given")]
    #[schema(value_type = Option<MoneyValue>)]
    max_monthly: Option<Option<MoneyValue>>,
    /// Asks for a page to save another card.
    #[serde(default)]
    request_setup: bool,
    /// The member of an organization who agrees to be charged for it: needed where a server switches it on.
    #[schema(value_type = Option<String>)]
    member_id: Option<UserId>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::RechargeReason, example = json!({"reason": "The customer asked for it"}))]
struct ReasonInput {
    /// For the audit log: needed where a server or an operator decides.
    #[schema(min_length = 1, max_length = 500)]
    reason: Option<String>,
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Read).await?;
    let page = Cursor::<WalletId>::read(&call, LIMIT)?;
    let (only_paused, after) = (call.parameter("paused") == Some("true"), page.after);
    let after = after.unwrap_or(WalletId(uuid::Uuid::nil()));
    let mut connection = api.pool.acquire().await?;
    let found = custody::list(&mut connection, only_paused, after, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |settings| settings.wallet_id.to_string());
    let mut data = Vec::with_capacity(found.len());
    for settings in found {
        data.push(shown(&mut connection, api.clock.now(), settings, None).await?);
    }
    Ok(answer(StatusCode::OK, &WalletRecharges { data, next_cursor }))
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Read).await?;
    Ok(answer(StatusCode::OK, &overview(&api, &caller, &wallet, None).await?))
}

async fn put(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Buy).await?;
    let request: SettingsInput = read_object(&call)?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Buy).await?;
    let user = member(&api, &caller, &wallet, request.member_id).await?;
    let unnamed = || Problem::invalid("memberId is missing: who agrees to be charged?").about("memberId");
    let owner = owner(&wallet, user.ok_or_else(unnamed)?);
    let wanted = SettingsChange {
        enabled: request.enabled,
        threshold: request.threshold_credits.as_ref().map(threshold).transpose()?,
        amount: request.amount.map(|given| amount("amount", given)).transpose()?,
        max_monthly_minor: match request.max_monthly {
            Some(Some(given)) => Some(Some(amount("maxMonthly", given)?.minor)),
            Some(None) => Some(None),
            None => None,
        },
    };
    if request.enabled == Some(true) {
        require_price(&api).await?;
    }
    let (settings, _) = change(&api, &owner, wanted).await?;
    let wants_page = request.request_setup || (settings.enabled && settings.card.is_none());
    if !wants_page {
        return Ok(answer(StatusCode::OK, &overview(&api, &caller, &wallet, None).await?));
    }
    let ordered = save_card(&api, &call, caller.key_space(), &owner, Dialect::Native).await?;
    let (status, page) = match ordered {
        Ordered::Open(page) => (StatusCode::OK, page),
        Ordered::Accepted { payment, .. } => (StatusCode::ACCEPTED, payment),
        Ordered::Refused { message, .. } => {
            return Err(Problem::new(ProblemKind::ProviderRefused(StatusCode::BAD_GATEWAY), message));
        }
    };
    let setup = SetupView::of(&page);
    Ok(answer(status, &overview(&api, &caller, &wallet, Some(setup)).await?))
}

/// Who switches recharging on agrees to a price, so there must be one.
async fn require_price(api: &SharedState) -> Result<(), Problem> {
    let currency = api.config.auto_recharge.amount.currency;
    let known = price(&mut *api.pool.acquire().await?, currency).await?;
    if known.is_some() {
        return Ok(());
    }
    let message = "Credits have no price in this currency yet: an administrator has to set one.";
    Err(Problem::conflict(ErrorCode::NoCreditPrice, message))
}

async fn switch_off(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Buy).await?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Buy).await?;
    let known = operations::settings(&mut *api.pool.acquire().await?, wallet.id).await?;
    if call.parameter("removeCard") == Some("true") {
        let mut transaction = api.pool.begin().await?;
        let written = custody::remove_card(&mut transaction, api.clock.now(), wallet.id).await?;
        transaction.commit().await?;
        if let Some(written) = written {
            messaging::outbox::publish(&api.pool, &api.publisher, &[written]).await;
        }
    } else if let Some(settings) = known {
        let off = SettingsChange { enabled: Some(false), ..SettingsChange::default() };
        change(&api, &owner(&wallet, settings.user_id), off).await?;
    }
    Ok(answer(StatusCode::OK, &overview(&api, &caller, &wallet, None).await?))
}

async fn pause(api: SharedState, call: Call) -> Result<Response, Problem> {
    steer(api, call, Deed::Pause).await
}

async fn resume(api: SharedState, call: Call) -> Result<Response, Problem> {
    steer(api, call, Deed::Resume).await
}

#[derive(Clone, Copy)]
enum Deed {
    Pause,
    Resume,
}

async fn steer(api: SharedState, call: Call, deed: Deed) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Buy).await?;
    let ReasonInput { reason } = read_object_or_default(&call)?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Buy).await?.id;
    // A user decides for themselves; whoever acts for others says why.
    let reason = match caller.reach {
        Reach::User { .. } => None,
        Reach::Everyone | Reach::Organization { .. } => Some(checked_reason(reason.unwrap_or_default())?),
    };
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let now = api.clock.now();
            let by = reason.as_deref().map_or(By::Owner, |reason| By::Admin { actor: &actor, reason });
            let mut transaction = api.pool.begin().await?;
            let settings = match deed {
                Deed::Pause => {
                    custody::stop(&mut transaction, now, wallet, by).await?.ok_or_else(not_recharged)?
                }
                Deed::Resume => {
                    custody::resume(&mut transaction, now, wallet, by).await.map_err(not_resumed)?
                }
            };
            transaction.commit().await?;
            let mut connection = api.pool.acquire().await?;
            Ok((StatusCode::OK, shown(&mut connection, api.clock.now(), settings, None).await?))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Answer, work).await
}

fn not_resumed(error: ResumeError) -> Problem {
    match error {
        ResumeError::NoSettings => not_recharged(),
        ResumeError::NotYours(_) => Problem::conflict(ErrorCode::AutoRechargePaused, error.to_string()),
        ResumeError::Database(error) => error.into(),
    }
}

fn owner(wallet: &OwnedWallet, user_id: UserId) -> Owner {
    Owner { user_id, wallet_id: wallet.id, organization_id: wallet.organization_id }
}

fn threshold(given: &GivenAmount) -> Result<Credits, Problem> {
    let about = |problem: Problem| problem.about("thresholdCredits");
    let credits = given.credits().map_err(|error| about(error.into()))?;
    if credits.is_negative() {
        return Err(about(Problem::invalid("thresholdCredits must not be negative")));
    }
    Ok(credits)
}

fn amount(field: &str, given: MoneyValue) -> Result<Money, Problem> {
    if given.currency != Currency::USD {
        return Err(
            Problem::invalid(format!("{field}.currency must be usd")).about(format!("{field}.currency"))
        );
    }
    if (CHARGE_MIN_MINOR..=CHARGE_MAX_MINOR).contains(&given.minor) {
        return Ok(given.into());
    }
    let message = format!("{field}.minor must be between {CHARGE_MIN_MINOR} and {CHARGE_MAX_MINOR}");
    Err(Problem::invalid(message).about(format!("{field}.minor")))
}

/// What a wallet asks for; one that never asked for anything, as if it had asked for nothing.
async fn overview(
    api: &SharedState,
    caller: &Caller,
    wallet: &OwnedWallet,
    setup: Option<SetupView>,
) -> Result<WalletRecharge, Problem> {
    let mut connection = api.pool.acquire().await?;
    let known = operations::settings(&mut connection, wallet.id).await?;
    let user = wallet.user_id.as_ref().or(caller.user());
    let settings = match (known, user) {
        (Some(settings), _) => settings,
        (None, Some(user)) => initial_settings(api, &owner(wallet, user.clone())),
        // Of an organization nobody has set anything up, and a server asks.
        (None, None) => return Err(not_recharged()),
    };
    shown(&mut connection, api.clock.now(), settings, setup).await
}

pub(super) async fn shown(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: Settings,
    setup: Option<SetupView>,
) -> Result<WalletRecharge, Problem> {
    let whose = views::Whose::of(&settings);
    let overview = operations::overview(connection, now, settings).await?;
    Ok(WalletRecharge { whose, settings: SettingsView::new(now, overview, setup) })
}

fn not_recharged() -> Problem {
    Problem::not_found("This wallet was never to be recharged.")
}
