//! Administration of coupons. Buyers use them when they create a payment session.

use billing::coupons::{Benefit, Coupon, operations, rules};
use kernel::ids::CouponId;
use kernel::money::{Currency, parse_scaled};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::envelope::{List, Moment, Success, success};
use super::page::{Page, paged};
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::{self, read_json};
use crate::http::values::Amount;
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/admin/billing/coupons",
            list,
            paged(Description::new(Access::Admin, "All coupons, newest first"))
                .answers::<Success<List<CouponView>>>(StatusCode::OK, "The coupons."),
        ),
        Endpoint::post(
            "/admin/billing/coupons",
            create,
            Description::new(Access::Admin, "Add a coupon")
                .takes::<CouponInput>()
                .answers::<Success<CouponView>>(StatusCode::CREATED, "The coupon.")
                .refuses(&[StatusCode::CONFLICT]),
        ),
        Endpoint::put(
            "/admin/billing/coupons/{code}",
            switch,
            Description::new(Access::Admin, "Switch a coupon on or off")
                .says("Orders that use it already keep it.")
                .path_parameter::<String>("code", "The coupon's code.")
                .takes::<CouponSwitch>()
                .answers::<Success<CouponView>>(StatusCode::OK, "The coupon as it is now.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
    ]
}

/// What a coupon does.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = billing::CouponKind)]
enum Kind {
    /// `value` per cent off the price.
    Percent,
    /// `value` off the price, in the smallest unit of `currency`.
    Amount,
    /// `value` credits on top.
    BonusCredits,
    /// `value` credits at once, without buying anything.
    Credits,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = billing::NewCoupon)]
struct CouponInput {
    /// What the buyer types; small letters count as capital ones.
    code: String,
    kind: Kind,
    /// Positive: per cent, smallest units, or credits.
    #[schema(value_type = Amount)]
    value: Box<RawValue>,
    /// For `amount`: an ISO 4217 code.
    #[schema(value_type = Option<String>, min_length = 3, max_length = 3)]
    currency: Option<Currency>,
    /// How many orders may use it; no limit unless given.
    max_redemptions: Option<i64>,
    /// How many orders of one user may use it; no limit unless given.
    max_per_user: Option<i64>,
    /// From when on it is not accepted.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The plans that it is good for; everything, if neither plans nor packs are named.
    #[serde(default)]
    plan_ids: Vec<String>,
    /// The packs that it is good for.
    #[serde(default)]
    pack_ids: Vec<String>,
    /// Whether it is accepted; yes unless given.
    is_active: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = billing::CouponSwitch)]
struct CouponSwitch {
    /// Whether it is accepted from now on.
    is_active: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = billing::Coupon)]
struct CouponView {
    id: String,
    code: String,
    kind: Kind,
    /// Per cent, smallest units, or credits.
    value: Amount,
    /// For `amount`: an ISO 4217 code in lower case.
    #[schema(required)]
    currency: Option<String>,
    #[schema(required)]
    max_redemptions: Option<i64>,
    #[schema(required)]
    max_per_user: Option<i64>,
    /// Orders that use it and have not ended unpaid.
    redemptions: i64,
    #[schema(required)]
    expires_at: Option<Moment>,
    plan_ids: Vec<String>,
    pack_ids: Vec<String>,
    is_active: bool,
    created_at: Moment,
}

impl TryFrom<Coupon> for CouponView {
    type Error = Problem;

    fn try_from(coupon: Coupon) -> Result<Self, Self::Error> {
        let whole = |value| kernel::money::Credits::from_whole(value).map_err(Problem::internal);
        let (kind, value, currency) = match coupon.benefit {
            Benefit::Percent(percent) => (Kind::Percent, whole(percent)?, None),
            Benefit::Amount(minor, currency) => (Kind::Amount, whole(minor)?, Some(currency)),
            Benefit::BonusCredits(credits) => (Kind::BonusCredits, credits, None),
            Benefit::Credits(credits) => (Kind::Credits, credits, None),
        };
        Ok(Self {
            id: coupon.id.to_string(),
            code: coupon.code,
            kind,
            value: Amount(value),
            currency: currency.map(|currency| currency.as_str().to_owned()),
            max_redemptions: coupon.max_redemptions,
            max_per_user: coupon.max_per_user,
            redemptions: coupon.redemptions,
            expires_at: coupon.expires_at.map(Moment),
            plan_ids: coupon.plan_ids,
            pack_ids: coupon.pack_ids,
            is_active: coupon.is_active,
            created_at: Moment(coupon.created_at),
        })
    }
}

impl CouponInput {
    fn coupon(self, now: OffsetDateTime) -> Result<Coupon, Problem> {
        let whole = || {
            parse_scaled(self.value.get(), 0).map_err(|_| Problem::invalid("value must be a whole number"))
        };
        let credits =
            || json::credits(&self.value).map_err(|error| Problem::invalid(format!("value: {error}")));
        let benefit = match (self.kind, self.currency) {
            (Kind::Percent, None) => Benefit::Percent(whole()?),
            (Kind::Amount, Some(currency)) => Benefit::Amount(whole()?, currency),
            (Kind::Amount, None) => return Err(Problem::invalid("currency is missing")),
            (Kind::BonusCredits, None) => Benefit::BonusCredits(credits()?),
            (Kind::Credits, None) => Benefit::Credits(credits()?),
            (Kind::Percent | Kind::BonusCredits | Kind::Credits, Some(_)) => {
                return Err(Problem::invalid("currency is only for the kind amount"));
            }
        };
        let expires_at = self
            .expires_at
            .map(|text| OffsetDateTime::parse(&text, &Rfc3339))
            .transpose()
            .map_err(|_| Problem::invalid("expires_at must be a time such as 2026-12-31T23:59:59Z"))?;
        Ok(Coupon {
            id: CouponId::new(),
            code: rules::normalized(&self.code),
            benefit,
            max_redemptions: self.max_redemptions,
            max_per_user: self.max_per_user,
            redemptions: 0,
            expires_at,
            plan_ids: self.plan_ids,
            pack_ids: self.pack_ids,
            expires_after_days: None,
            is_active: self.is_active.unwrap_or(true),
            created_at: now,
        })
    }
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.require_admin(&api).await?;
    let page = Page::of(&call)?;
    let coupons = operations::coupons(&api.pool, page.limit, page.offset).await?;
    let shown = coupons.into_iter().map(CouponView::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(success(StatusCode::OK, List(shown)))
}

async fn create(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let now = api.clock.now();
    let coupon = read_json::<CouponInput>(&call)?.coupon(now)?;
    operations::coupon_create(&api.pool, now, &admin.actor, &coupon).await?;
    Ok(success(StatusCode::CREATED, CouponView::try_from(coupon)?))
}

async fn switch(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let CouponSwitch { is_active } = read_json(&call)?;
    let (now, code) = (api.clock.now(), call.path_parameter("code"));
    let coupon = operations::coupon_switch(&api.pool, now, &admin.actor, code, is_active).await?;
    Ok(success(StatusCode::OK, CouponView::try_from(coupon)?))
}
