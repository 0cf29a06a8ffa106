//! Administration of coupons: codes that cut a price, add credits to a purchase, or give credits at once.

use billing::coupons::{Benefit, Coupon, CouponChange, CouponError, operations, rules};
use identity::rights::Scope;
use kernel::ids::CouponId;
use kernel::money::Credits;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::super::idempotent::{Keep, once};
use super::super::pages_of::{Cursor, paged};
use super::in_camel_case;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Amount, GivenAmount, Id, Moment, MoneyValue};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

const LIMIT_MAX: i64 = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let of_one = |summary: &str| {
        Description::new(Access::Operator(Scope::Manage), summary)
            .path_parameter::<Id>("couponId", "The coupon's id, which is not its code.")
            .refuses(&[StatusCode::NOT_FOUND])
    };
    vec![
        Endpoint::get(
            "/purser/v1/catalog/coupons",
            list,
            paged(Description::new(Access::Operator(Scope::Manage), "All coupons, the newest first"), LIMIT_MAX)
                .answers::<Coupons>(StatusCode::OK, "A page of coupons."),
        ),
        Endpoint::post(
            "/purser/v1/catalog/coupons",
            create,
            Description::new(Access::Operator(Scope::Manage), "Add a coupon")
                .says(
                    "One of `percent`, `amountOff` and `bonusCredits` goes with an order; `credits` gives its credits \
                     at once, to whoever redeems the code.",
                )
                .idempotency_key()
                .takes::<CouponInput>()
                .answers::<CouponView>(StatusCode::CREATED, "The coupon."),
        ),
        Endpoint::get(
            "/purser/v1/catalog/coupons/{couponId}",
            one,
            of_one("Look at a coupon").answers::<CouponView>(StatusCode::OK, "The coupon."),
        ),
        Endpoint::put(
            "/purser/v1/catalog/coupons/{couponId}",
            replace,
            of_one("Change a coupon")
                .says(
                    "All but its code and what it does, which are for good: with `active` false it is accepted no \
                     more. Orders that use it keep what it gave them.",
                )
                .takes::<ChangeInput>()
                .answers::<CouponView>(StatusCode::OK, "The coupon as it is now."),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewCoupon, example = json!({"code": "WELCOME", "percent": 20, "maxRedemptions": 100}))]
struct CouponInput {
    /// What the buyer types; small letters count as capital ones.
    #[schema(min_length = 1, max_length = 64)]
    code: String,
    /// So many per cent off the price.
    #[schema(minimum = 1, maximum = 100)]
    percent: Option<i64>,
    /// So much off the price, and no more than the price.
    amount_off: Option<MoneyValue>,
    /// So many credits with what is bought.
    bonus_credits: Option<GivenAmount>,
    /// So many credits at once, without buying anything.
    credits: Option<GivenAmount>,
    /// How many orders may use it; no limit unless given.
    #[schema(minimum = 1)]
    max_redemptions: Option<i64>,
    /// How many orders of one user may use it; no limit unless given.
    #[schema(minimum = 1)]
    max_per_user: Option<i64>,
    /// From when on it is not accepted.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// For how many days the credits last that it gives; for good unless given.
    #[schema(minimum = 1, maximum = 3650)]
    expires_after_days: Option<i32>,
    /// The plans that it is good for; everything, if neither plans nor packs are named.
    #[serde(default)]
    plan_ids: Vec<String>,
    /// The packs that it is good for.
    #[serde(default)]
    pack_ids: Vec<String>,
    /// Whether it is accepted; yes unless given.
    active: Option<bool>,
}

/// All that can be changed: what is left out is as for a new coupon.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::CouponChange, example = json!({"maxRedemptions": 200, "active": true}))]
struct ChangeInput {
    /// Not below how many use it already.
    #[schema(minimum = 1)]
    max_redemptions: Option<i64>,
    #[schema(minimum = 1)]
    max_per_user: Option<i64>,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    #[schema(minimum = 1, maximum = 3650)]
    expires_after_days: Option<i32>,
    #[serde(default)]
    plan_ids: Vec<String>,
    #[serde(default)]
    pack_ids: Vec<String>,
    active: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Coupons)]
struct Coupons {
    data: Vec<CouponView>,
    /// Where the next page begins; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Coupon)]
struct CouponView {
    #[schema(value_type = uuid::Uuid)]
    coupon_id: CouponId,
    code: String,
    #[schema(required)]
    percent: Option<i64>,
    #[schema(required)]
    amount_off: Option<MoneyValue>,
    #[schema(required)]
    bonus_credits: Option<Amount>,
    #[schema(required)]
    credits: Option<Amount>,
    #[schema(required)]
    max_redemptions: Option<i64>,
    #[schema(required)]
    max_per_user: Option<i64>,
    /// Orders that use it and have not ended unpaid.
    redemptions: i64,
    #[schema(required)]
    expires_at: Option<Moment>,
    #[schema(required)]
    expires_after_days: Option<i32>,
    plan_ids: Vec<String>,
    pack_ids: Vec<String>,
    active: bool,
    created_at: Moment,
}

impl From<Coupon> for CouponView {
    fn from(coupon: Coupon) -> Self {
        let mut view = Self {
            coupon_id: coupon.id,
            code: coupon.code,
            percent: None,
            amount_off: None,
            bonus_credits: None,
            credits: None,
            max_redemptions: coupon.max_redemptions,
            max_per_user: coupon.max_per_user,
            redemptions: coupon.redemptions,
            expires_at: coupon.expires_at.map(Moment),
            expires_after_days: coupon.expires_after_days,
            plan_ids: coupon.plan_ids,
            pack_ids: coupon.pack_ids,
            active: coupon.is_active,
            created_at: Moment(coupon.created_at),
        };
        match coupon.benefit {
            Benefit::Percent(percent) => view.percent = Some(percent),
            Benefit::Amount(minor, currency) => view.amount_off = Some(MoneyValue { minor, currency }),
            Benefit::BonusCredits(credits) => view.bonus_credits = Some(Amount(credits)),
            Benefit::Credits(credits) => view.credits = Some(Amount(credits)),
        }
        view
    }
}

impl CouponInput {
    fn coupon(self, now: OffsetDateTime) -> Result<Coupon, Problem> {
        let credits = |given: &GivenAmount| -> Result<Credits, Problem> { Ok(given.credits()?) };
        let benefit = match (self.percent, self.amount_off, &self.bonus_credits, &self.credits) {
            (Some(percent), None, None, None) => Benefit::Percent(percent),
            (None, Some(off), None, None) => Benefit::Amount(off.minor, off.currency),
            (None, None, Some(bonus), None) => Benefit::BonusCredits(credits(bonus)?),
            (None, None, None, Some(given)) => Benefit::Credits(credits(given)?),
            _ => {
                let message =
                    "Say what the coupon does: one of percent, amountOff, bonusCredits and credits.";
                return Err(Problem::invalid(message));
            }
        };
        Ok(Coupon {
            id: CouponId::new(),
            code: rules::normalized(&self.code),
            benefit,
            max_redemptions: self.max_redemptions,
            max_per_user: self.max_per_user,
            redemptions: 0,
            expires_at: moment(self.expires_at)?,
            plan_ids: self.plan_ids,
            pack_ids: self.pack_ids,
            expires_after_days: self.expires_after_days,
            is_active: self.active.unwrap_or(true),
            created_at: now,
        })
    }
}

impl ChangeInput {
    fn change(self) -> Result<CouponChange, Problem> {
        Ok(CouponChange {
            max_redemptions: self.max_redemptions,
            max_per_user: self.max_per_user,
            expires_at: moment(self.expires_at)?,
            plan_ids: self.plan_ids,
            pack_ids: self.pack_ids,
            expires_after_days: self.expires_after_days,
            is_active: self.active.unwrap_or(true),
        })
    }
}

fn moment(text: Option<String>) -> Result<Option<OffsetDateTime>, Problem> {
    let read = text.map(|text| OffsetDateTime::parse(&text, &Rfc3339)).transpose();
    read.map_err(|_| Problem::invalid("expiresAt must be a time such as 2026-12-31T23:59:59Z"))
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Manage).await?;
    let page = Cursor::<CouponId>::read(&call, LIMIT_MAX)?;
    let found = operations::coupons_before(&api.pool, page.after, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |coupon| coupon.id.to_string());
    let data = found.into_iter().map(CouponView::from).collect();
    Ok(answer(StatusCode::OK, &Coupons { data, next_cursor }))
}

async fn one(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Manage).await?;
    let found = operations::coupon(&api.pool, coupon_id(&call)?).await?;
    Ok(answer(StatusCode::OK, &CouponView::from(found.ok_or(CouponError::Unknown)?)))
}

async fn create(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let coupon = read_object::<CouponInput>(&call)?.coupon(api.clock.now())?;
    let (scope, actor) = (caller.key_space(), caller.actor);
    let work = {
        let api = SharedState::clone(&api);
        async move {
            let made = operations::coupon_create(&api.pool, api.clock.now(), &actor, &coupon).await;
            made.map_err(refused)?;
            Ok((StatusCode::CREATED, CouponView::from(coupon)))
        }
    };
    once(&api, &call, scope, Keep::Answer, work).await
}

async fn replace(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let change = read_object::<ChangeInput>(&call)?.change()?;
    let (id, now) = (coupon_id(&call)?, api.clock.now());
    let changed = operations::coupon_change(&api.pool, now, &caller.actor, id, change).await;
    Ok(answer(StatusCode::OK, &CouponView::from(changed.map_err(refused)?)))
}

fn coupon_id(call: &Call) -> Result<CouponId, Problem> {
    call.path_parameter("couponId").parse().map_err(|_| CouponError::Unknown.into())
}

/// A complaint names the fields as this API does.
fn refused(error: CouponError) -> Problem {
    match error {
        CouponError::Invalid(complaint) => Problem::invalid(in_camel_case(&complaint)),
        error => error.into(),
    }
}
