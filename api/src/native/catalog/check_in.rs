//! Administration of check-ins: what users get for coming once a day.

use billing::checkins::{CheckinConfig, CheckinError, ConfigChange, StreakBonus, operations};
use identity::rights::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::in_camel_case;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Amount, GivenAmount};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

const PATH: &str = "/purser/v1/catalog/check-in";

pub(super) fn endpoints() -> Vec<Endpoint> {
    let described = |summary| {
        Description::new(Access::Operator(Scope::Manage), summary)
            .answers::<CheckInView>(StatusCode::OK, "The settings.")
    };
    vec![
        Endpoint::get(PATH, show, described("What users get for checking in once a day")),
        Endpoint::put(
            PATH,
            replace,
            described("Set what users get for checking in")
                .says(
                    "From the next check-in on. A streak's bonus is given once, on the day that makes the streak so \
                     long. A change of the time zone gives nobody a second check-in on one day.",
                )
                .takes::<CheckInInput>(),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewCheckIn, example = json!({
    "enabled": true, "creditsPerDay": 5, "streakBonuses": [{"days": 7, "credits": 20}], "timeZone": "Europe/Rome"
}))]
struct CheckInInput {
    /// Whether users may check in.
    enabled: bool,
    /// What a day gives: whole credits, at most a million.
    credits_per_day: GivenAmount,
    /// All bonuses: those that are not listed end.
    #[serde(default)]
    #[schema(max_items = 50)]
    streak_bonuses: Vec<GivenBonus>,
    /// Where days begin, by its IANA name.
    time_zone: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewStreakBonus)]
struct GivenBonus {
    /// So many days in a row.
    #[schema(minimum = 2, maximum = 3650)]
    days: i64,
    /// Whole credits, at most a million.
    credits: GivenAmount,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::CheckIn)]
struct CheckInView {
    enabled: bool,
    credits_per_day: Amount,
    /// By their days.
    streak_bonuses: Vec<Bonus>,
    time_zone: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::StreakBonus)]
struct Bonus {
    days: i64,
    credits: Amount,
}

impl From<CheckinConfig> for CheckInView {
    fn from(config: CheckinConfig) -> Self {
        let bonus = |bonus: StreakBonus| Bonus { days: bonus.days, credits: Amount(bonus.bonus_credits) };
        Self {
            enabled: config.enabled,
            credits_per_day: Amount(config.credits_per_day),
            streak_bonuses: config.streak_bonuses.into_iter().map(bonus).collect(),
            time_zone: config.time_zone,
        }
    }
}

impl CheckInInput {
    fn change(self) -> Result<ConfigChange, Problem> {
        let bonuses = self.streak_bonuses.into_iter().map(|bonus| {
            let bonus_credits = bonus.credits.not_negative("streakBonuses.credits")?;
            Ok(StreakBonus { days: bonus.days, bonus_credits })
        });
        Ok(ConfigChange {
            enabled: Some(self.enabled),
            credits_per_day: Some(self.credits_per_day.not_negative("creditsPerDay")?),
            streak_bonuses: Some(bonuses.collect::<Result<_, Problem>>()?),
            time_zone: Some(self.time_zone),
        })
    }
}

async fn show(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Manage).await?;
    let config = operations::config(&mut *api.pool.acquire().await?).await?;
    Ok(answer(StatusCode::OK, &CheckInView::from(config)))
}

async fn replace(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let change = read_object::<CheckInInput>(&call)?.change()?;
    let changed = operations::config_change(&api.pool, api.clock.now(), &caller.actor, change).await;
    Ok(answer(StatusCode::OK, &CheckInView::from(changed.map_err(refused)?)))
}

/// A complaint names the fields as this API does.
fn refused(error: CheckinError) -> Problem {
    match error {
        CheckinError::Invalid(complaint) => Problem::invalid(in_camel_case(&complaint)),
        error => error.into(),
    }
}
