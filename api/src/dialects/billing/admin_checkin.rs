//! The settings of check-ins, for administrators.

use billing::checkins::{CheckinConfig, ConfigChange, StreakBonus, operations};
use kernel::money::Credits;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::envelope::{Success, success};
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/admin/checkin/config",
            show,
            Description::new(Access::Admin, "How check-ins work")
                .answers::<Success<ConfigView>>(StatusCode::OK, "The settings."),
        ),
        Endpoint::put(
            "/admin/checkin/config",
            change,
            Description::new(Access::Admin, "Change how check-ins work")
                .says("Settings that are left out stay as they are. Who changed what is recorded.")
                .takes::<ConfigInput>()
                .answers::<Success<ConfigView>>(StatusCode::OK, "The settings from now on.")
                .refuses(&[StatusCode::BAD_REQUEST]),
        ),
    ]
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = billing::CheckinConfig)]
struct ConfigView {
    /// Whether there are check-ins.
    enabled: bool,
    /// What a day gives.
    credits_per_day: i64,
    /// What streaks give besides, once each, on the day that makes them so long.
    streak_bonuses: Vec<Bonus>,
    /// Where days begin: an IANA name, such as `Europe/Rome`.
    time_zone: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = billing::StreakBonus)]
struct Bonus {
    /// How many days in a row.
    #[schema(minimum = 2, maximum = 3650)]
    days: i64,
    #[schema(minimum = 1, maximum = 1_000_000)]
    bonus_credits: i64,
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = billing::CheckinConfigChange)]
struct ConfigInput {
    /// Whether there are check-ins.
    enabled: Option<bool>,
    /// What a day gives.
    #[schema(minimum = 1, maximum = 1_000_000)]
    credits_per_day: Option<i64>,
    /// All bonuses: those that are not listed end.
    #[schema(max_items = 50)]
    streak_bonuses: Option<Vec<Bonus>>,
    /// Where days begin: an IANA name, such as `Europe/Rome`.
    time_zone: Option<String>,
}

async fn show(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.require_admin(&api).await?;
    let mut connection = api.pool.acquire().await?;
    let config = operations::config(&mut connection).await?;
    Ok(success(StatusCode::OK, ConfigView::from(config)))
}

async fn change(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let change = ConfigChange::try_from(read_json::<ConfigInput>(&call)?)?;
    let config = operations::config_change(&api.pool, api.clock.now(), &admin.actor, change).await?;
    Ok(success(StatusCode::OK, ConfigView::from(config)))
}

impl From<CheckinConfig> for ConfigView {
    fn from(config: CheckinConfig) -> Self {
        let bonus =
            |bonus: StreakBonus| Bonus { days: bonus.days, bonus_credits: bonus.bonus_credits.floor_whole() };
        Self {
            enabled: config.enabled,
            credits_per_day: config.credits_per_day.floor_whole(),
            streak_bonuses: config.streak_bonuses.into_iter().map(bonus).collect(),
            time_zone: config.time_zone,
        }
    }
}

impl TryFrom<ConfigInput> for ConfigChange {
    type Error = Problem;

    fn try_from(change: ConfigInput) -> Result<Self, Self::Error> {
        let bonuses = change.streak_bonuses.map(|bonuses| {
            let checked = bonuses.into_iter().map(|bonus| {
                let bonus_credits = whole("bonus_credits", bonus.bonus_credits)?;
                Ok(StreakBonus { days: bonus.days, bonus_credits })
            });
            checked.collect::<Result<Vec<_>, Problem>>()
        });
        let credits_per_day = change.credits_per_day.map(|credits| whole("credits_per_day", credits));
        Ok(Self {
            enabled: change.enabled,
            credits_per_day: credits_per_day.transpose()?,
            streak_bonuses: bonuses.transpose()?,
            time_zone: change.time_zone,
        })
    }
}

fn whole(field: &str, credits: i64) -> Result<Credits, Problem> {
    Credits::from_whole(credits).map_err(|_| Problem::invalid(format!("{field} is out of range")))
}
