//! Recharging as administrators see and steer it: every wallet's, whoever it belongs to.

use billing::auto_recharge::custody::{self, By, ResumeError};
use billing::auto_recharge::{Settings, operations};
use kernel::ids::{OrganizationId, UserId, WalletId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::auto_recharge::{SettingsView, view};
use super::idempotent::{Keep, once};
use super::pages_of::{Cursor, paged};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::http::values::Id;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

const LIMIT: i64 = 200;
const REASON_MAX: usize = 500;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let wallet = |summary: &str| {
        Description::new(Access::Admin, summary)
            .path_parameter::<Id>("walletId", "The wallet's id.")
            .refuses(&[StatusCode::NOT_FOUND])
    };
    let steers = |summary: &str| {
        wallet(summary)
            .idempotency_key()
            .takes::<ReasonInput>()
            .answers::<WalletRecharge>(StatusCode::OK, "What the wallet asks for, and where it stands now.")
    };
    vec![
        Endpoint::get(
            "/purser/v1/auto-recharge",
            list,
            paged(Description::new(Access::Admin, "Wallets that were ever to be recharged, by id"), LIMIT)
                .query::<bool>("paused", "Only those that wait, if `true`.")
                .answers::<WalletRecharges>(StatusCode::OK, "The wallets."),
        ),
        Endpoint::get(
            "/purser/v1/wallets/{walletId}/auto-recharge",
            find,
            wallet("How a wallet is recharged")
                .answers::<WalletRecharge>(StatusCode::OK, "What the wallet asks for, and where it stands."),
        ),
        Endpoint::post(
            "/purser/v1/wallets/{walletId}/auto-recharge/pause",
            pause,
            steers("Stop recharging a wallet")
                .says("Until an administrator resumes it. What is being charged already is not unmade."),
        ),
        Endpoint::post(
            "/purser/v1/wallets/{walletId}/auto-recharge/resume",
            resume,
            steers("Resume recharging a wallet")
                .says("Whatever it waits for. Without a card nothing is charged."),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[schema(as = native::RechargeReason)]
struct ReasonInput {
    /// For the audit log.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::WalletRecharge)]
struct WalletRecharge {
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
    /// Who set it up last.
    #[schema(value_type = String)]
    user_id: UserId,
    /// The organization whose wallet it is.
    #[schema(value_type = Option<i64>, required)]
    org_id: Option<OrganizationId>,
    /// Who saved the card.
    #[schema(value_type = Option<String>, required)]
    card_user_id: Option<UserId>,
    #[serde(flatten)]
    settings: SettingsView,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::WalletRecharges)]
struct WalletRecharges {
    data: Vec<WalletRecharge>,
    #[schema(required)]
    next_cursor: Option<String>,
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.require_admin(&api).await?;
    let page = Cursor::<WalletId>::read(&call, LIMIT)?;
    let (only_paused, after) = (call.parameter("paused") == Some("true"), page.after);
    let after = after.unwrap_or(WalletId(uuid::Uuid::nil()));
    let found = custody::list(&mut *api.pool.acquire().await?, only_paused, after, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |settings| settings.wallet_id.to_string());
    let mut data = Vec::with_capacity(found.len());
    for settings in found {
        data.push(shown(&api, settings).await?);
    }
    Ok(answer(StatusCode::OK, &WalletRecharges { data, next_cursor }))
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.require_admin(&api).await?;
    let settings = operations::settings(&mut *api.pool.acquire().await?, wallet_id(&call)?).await?;
    let settings = settings.ok_or_else(not_recharged)?;
    Ok(answer(StatusCode::OK, &shown(&api, settings).await?))
}

async fn pause(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let (reason, wallet) = (reason(&call)?, wallet_id(&call)?);
    let work = {
        let (api, actor) = (SharedState::clone(&api), admin.actor.clone());
        async move {
            let by = By::Admin { actor: &actor, reason: &reason };
            let mut transaction = api.pool.begin().await?;
            let stopped = custody::stop(&mut transaction, api.clock.now(), wallet, by).await?;
            let settings = stopped.ok_or_else(not_recharged)?;
            transaction.commit().await?;
            Ok((StatusCode::OK, shown(&api, settings).await?))
        }
    };
    once(&api, &call, admin.actor, Keep::Answer, work).await
}

async fn resume(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let (reason, wallet) = (reason(&call)?, wallet_id(&call)?);
    let work = {
        let (api, actor) = (SharedState::clone(&api), admin.actor.clone());
        async move {
            let by = By::Admin { actor: &actor, reason: &reason };
            let mut transaction = api.pool.begin().await?;
            let resumed = custody::resume(&mut transaction, api.clock.now(), wallet, by).await;
            let settings = resumed.map_err(|error| match error {
                ResumeError::NoSettings => not_recharged(),
                ResumeError::NotYours(_) => Problem::internal(error),
                ResumeError::Database(error) => error.into(),
            })?;
            transaction.commit().await?;
            Ok((StatusCode::OK, shown(&api, settings).await?))
        }
    };
    once(&api, &call, admin.actor, Keep::Answer, work).await
}

async fn shown(api: &SharedState, settings: Settings) -> Result<WalletRecharge, Problem> {
    let (wallet_id, user_id) = (settings.wallet_id, settings.user_id.clone());
    let (org_id, card_user_id) = (settings.organization_id, settings.card_owner.clone());
    let now = api.clock.now();
    let overview = operations::overview(&mut *api.pool.acquire().await?, now, settings).await?;
    Ok(WalletRecharge { wallet_id, user_id, org_id, card_user_id, settings: view(now, overview, None) })
}

fn wallet_id(call: &Call) -> Result<WalletId, Problem> {
    call.path_parameter("walletId").parse().map_err(|_| not_recharged())
}

fn not_recharged() -> Problem {
    Problem::not_found("There is no such wallet, or it was never to be recharged.")
}

fn reason(call: &Call) -> Result<String, Problem> {
    let ReasonInput { reason } = read_json(call)?;
    if reason.trim().is_empty() || reason.chars().count() > REASON_MAX {
        return Err(Problem::invalid(format!("reason must have 1 to {REASON_MAX} characters")));
    }
    Ok(reason)
}
