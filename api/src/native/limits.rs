//! Limits as this API shows and takes them: how many credits may be spent in a day or a month.

use audit::note;
use identity::operations::organization_wallet;
use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, OrganizationId, UserId};
use kernel::money::Credits;
use ledger::limits::{self, LimitStatus, Limits, Per, ReachedLimit, Whose};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use crate::http::values::{Amount, GivenAmount, Moment, one_of};
use crate::problem::Problem;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewLimit, example = json!({"credits": 100, "per": "day"}))]
pub(super) struct LimitInput {
    /// How many may be spent; none with 0.
    credits: GivenAmount,
    /// In a day or in a month of UTC.
    #[schema(schema_with = per_schema)]
    per: Per,
}

fn per_schema() -> Object {
    one_of(Per::NAMES)
}

impl LimitInput {
    /// `param` names the amount.
    pub(super) fn limits(&self, param: &str) -> Result<Limits, Problem> {
        self.credits.not_negative(param).map(|credits| Limits::of(self.per, credits))
    }
}

/// The limits of a key: at most one for each period.
pub(super) fn limits_of(inputs: &[LimitInput]) -> Result<Limits, Problem> {
    let mut limits = Limits::default();
    for (index, input) in inputs.iter().enumerate() {
        let credits = input.credits.not_negative(&format!("limits[{index}].credits"))?;
        let place = match input.per {
            Per::Day => &mut limits.day,
            Per::Month => &mut limits.month,
        };
        if place.replace(credits).is_some() {
            let message = format!("limits has two limits per {}.", input.per.as_str());
            return Err(Problem::invalid(message).about("limits"));
        }
    }
    Ok(limits)
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Limit)]
pub(super) struct LimitView {
    /// How many may be spent.
    credits: Amount,
    #[schema(schema_with = per_schema)]
    per: &'static str,
    /// How many were spent in the present day or month, or are held since.
    used: Amount,
    /// How many may be spent before it ends.
    left: Amount,
    /// When the next one begins.
    resets_at: Moment,
}

impl From<LimitStatus> for LimitView {
    fn from(limit: LimitStatus) -> Self {
        Self {
            credits: Amount(limit.credits),
            per: limit.per.as_str(),
            used: Amount(limit.used),
            left: Amount(limit.left),
            resets_at: Moment(limit.resets_at),
        }
    }
}

/// The limit that refuses a request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ReachedLimit)]
pub(super) struct ReachedLimitView {
    /// The member whose limit it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    member_id: Option<UserId>,
    /// The key whose limit it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>, nullable = false)]
    api_key_id: Option<ApiKeyId>,
    /// How many may be spent.
    credits: Amount,
    #[schema(schema_with = per_schema)]
    per: &'static str,
    /// How many of them are left.
    left: Amount,
    /// When it begins anew.
    resets_at: Moment,
}

impl From<&ReachedLimit> for ReachedLimitView {
    fn from(ReachedLimit { whose, limit }: &ReachedLimit) -> Self {
        let (member_id, api_key_id) = match whose {
            Whose::Member { user_id, .. } => (Some(user_id.clone()), None),
            Whose::ApiKey(key) => (None, Some(*key)),
        };
        Self {
            member_id,
            api_key_id,
            credits: Amount(limit.credits),
            per: limit.per.as_str(),
            left: Amount(limit.left),
            resets_at: Moment(limit.resets_at),
        }
    }
}

/// Sets the limits of a member, last of all in the caller's transaction: it locks the wallet.
pub(super) async fn set_of_member(
    connection: &mut PgConnection,
    now: Timestamp,
    actor: &str,
    organization: OrganizationId,
    user: &UserId,
    new: Limits,
) -> Result<(), Problem> {
    let Some(wallet_id) = organization_wallet(connection, organization).await? else { return Ok(()) };
    let details = json!({ "userId": user, "limits": recorded(new) });
    note(connection, now, actor, "organization.member_limit", &organization.to_string(), details).await?;
    limits::put(connection, now, &Whose::Member { wallet_id, user_id: user.clone() }, new).await?;
    Ok(())
}

/// Limits as the audit log has them.
pub(super) fn recorded(limits: Limits) -> serde_json::Value {
    let credits = |limit: Option<Credits>| limit.map(|credits| credits.to_json());
    json!({ "day": credits(limits.day), "month": credits(limits.month) })
}
