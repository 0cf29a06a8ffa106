//! Recharging as administrators see and steer it: every wallet's, of any owner.

use billing::auto_recharge::custody::{self, By, ResumeError};
use billing::auto_recharge::{Settings, operations};
use kernel::clock::Timestamp;
use kernel::ids::{UserId, WalletId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::auto_recharge::{SettingsView, view};
use super::idempotent::{Keep, once};
use super::pages_of::{Cursor, paged};
use super::reasons::checked_reason;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::http::values::{Id, OrgId};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

const LIMIT: i64 = 200;

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
    #[schema(required)]
    org_id: Option<OrgId>,
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
    let mut connection = api.pool.acquire().await?;
    let found = custody::list(&mut connection, only_paused, after, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |settings| settings.wallet_id.to_string());
    let mut data = Vec::with_capacity(found.len());
    for settings in found {
        data.push(shown(&mut connection, api.clock.now(), settings).await?);
    }
    Ok(answer(StatusCode::OK, &WalletRecharges { data, next_cursor }))
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.require_admin(&api).await?;
    let mut connection = api.pool.acquire().await?;
    let settings = operations::settings(&mut connection, wallet_id(&call)?).await?;
    let settings = settings.ok_or_else(not_recharged)?;
    Ok(answer(StatusCode::OK, &shown(&mut connection, api.clock.now(), settings).await?))
}

async fn pause(api: SharedState, call: Call) -> Result<Response, Problem> {
    steer(api, call, Deed::Pause).await
}

async fn resume(api: SharedState, call: Call) -> Result<Response, Problem> {
    steer(api, call, Deed::Resume).await
}

enum Deed {
    Pause,
    Resume,
}

async fn steer(api: SharedState, call: Call, deed: Deed) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let reason = checked_reason(read_json::<ReasonInput>(&call)?.reason)?;
    let wallet = wallet_id(&call)?;
    let work = {
        let (api, actor) = (SharedState::clone(&api), admin.actor.clone());
        async move {
            let (now, by) = (api.clock.now(), By::Admin { actor: &actor, reason: &reason });
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
            Ok((StatusCode::OK, shown(&mut *api.pool.acquire().await?, api.clock.now(), settings).await?))
        }
    };
    once(&api, &call, admin.actor, Keep::Answer, work).await
}

fn not_resumed(error: ResumeError) -> Problem {
    match error {
        ResumeError::NoSettings => not_recharged(),
        ResumeError::NotYours(_) => Problem::internal(error),
        ResumeError::Database(error) => error.into(),
    }
}

async fn shown(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: Settings,
) -> Result<WalletRecharge, Problem> {
    let (wallet_id, user_id) = (settings.wallet_id, settings.user_id.clone());
    let org_id = settings.organization_id.map(OrgId);
    let card_user_id = settings.card_owner.clone();
    let overview = operations::overview(connection, now, settings).await?;
    Ok(WalletRecharge { wallet_id, user_id, org_id, card_user_id, settings: view(now, overview, None) })
}

fn wallet_id(call: &Call) -> Result<WalletId, Problem> {
    call.path_parameter("walletId").parse().map_err(|_| not_recharged())
}

fn not_recharged() -> Problem {
    Problem::not_found("There is no such wallet, or it was never to be recharged.")
}
