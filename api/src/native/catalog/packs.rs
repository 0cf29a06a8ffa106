//! Administration of packs.

use billing::catalog::{Pack, operations};
use identity::rights::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::super::debits::positive;
use super::super::idempotent::{Keep, once};
use super::read_put;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Amount, GivenAmount, MoneyValue};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let of_one = |summary: &str| {
        Description::new(Access::Operator(Scope::Manage), summary)
            .path_parameter::<String>("packId", "The pack's id.")
            .refuses(&[StatusCode::NOT_FOUND])
    };
    vec![
        Endpoint::get(
            "/purser/v1/catalog/packs",
            list,
            Description::new(Access::Operator(Scope::Manage), "All packs, also those that are not for sale")
                .answers::<Packs>(StatusCode::OK, "The packs."),
        ),
        Endpoint::post(
            "/purser/v1/catalog/packs",
            create,
            Description::new(Access::Operator(Scope::Manage), "Add a pack")
                .idempotency_key()
                .takes::<PackInput>()
                .answers::<PackView>(StatusCode::CREATED, "The pack."),
        ),
        Endpoint::get(
            "/purser/v1/catalog/packs/{packId}",
            one,
            of_one("Look at a pack").answers::<PackView>(StatusCode::OK, "The pack."),
        ),
        Endpoint::put(
            "/purser/v1/catalog/packs/{packId}",
            replace,
            of_one("Replace a pack")
                .says(
                    "With `active` false it is sold no more. Orders that were placed keep what was ordered.",
                )
                .takes::<PackInput>()
                .answers::<PackView>(StatusCode::OK, "The pack as it is now.")
                .refuses(&[StatusCode::CONFLICT]),
        ),
    ]
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Packs)]
struct Packs {
    data: Vec<PackView>,
    /// Always null: they are few, and all on one page.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewPack, example = json!({
    "packId": "starter", "name": "Starter", "credits": 500, "price": {"minor": 500, "currency": "usd"},
}))]
struct PackInput {
    /// Needed when a pack is added; the path has it when one is replaced.
    #[schema(min_length = 1, max_length = 64)]
    pack_id: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[serde(default)]
    description: String,
    /// How many; more than none.
    credits: GivenAmount,
    price: MoneyValue,
    /// For how many days the credits last from when they are paid; for good unless given.
    #[schema(minimum = 1, maximum = 3650)]
    expires_after_days: Option<i32>,
    /// The APIs that sell it, by their names; `native` is this one. All, if none is named.
    #[serde(default)]
    dialects: Vec<String>,
    /// The address of a payment link at Stripe that sells it.
    stripe_payment_link: Option<String>,
    /// Its id in app stores.
    store_product_id: Option<String>,
    /// The product at Creem that sells it; without it the pack is not sold over Creem.
    creem_product_id: Option<String>,
    /// Whether it is for sale; yes unless given.
    #[serde(default = "active_by_default")]
    active: bool,
    /// Lower ones are listed first.
    #[serde(default)]
    sort_order: i32,
}

/// A pack. Put back as it is, it stays as it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Pack)]
pub(super) struct PackView {
    pack_id: String,
    name: String,
    description: String,
    credits: Amount,
    price: MoneyValue,
    /// For how many days the credits last from when they are paid; null: for good.
    #[schema(required)]
    expires_after_days: Option<i32>,
    /// The APIs that sell it; all, if none is named.
    dialects: Vec<String>,
    /// The address of a payment link at Stripe that sells it.
    #[schema(required)]
    stripe_payment_link: Option<String>,
    /// Its id in app stores.
    #[schema(required)]
    store_product_id: Option<String>,
    /// The product at Creem that sells it.
    #[schema(required)]
    creem_product_id: Option<String>,
    /// Whether it is for sale.
    active: bool,
    /// Lower ones are listed first.
    sort_order: i32,
}

fn active_by_default() -> bool {
    true
}

impl PackInput {
    fn into_pack(self, id: String) -> Result<Pack, Problem> {
        Ok(Pack {
            id,
            name: self.name,
            description: self.description,
            credits: positive(&self.credits)?,
            price: self.price.into(),
            expires_after_days: self.expires_after_days,
            dialects: self.dialects,
            stripe_payment_link: self.stripe_payment_link,
            store_product_id: self.store_product_id,
            creem_product_id: self.creem_product_id,
            is_active: self.active,
            sort_order: self.sort_order,
        })
    }
}

impl From<&Pack> for PackView {
    fn from(pack: &Pack) -> Self {
        Self {
            pack_id: pack.id.clone(),
            name: pack.name.clone(),
            description: pack.description.clone(),
            credits: Amount(pack.credits),
            price: pack.price.into(),
            expires_after_days: pack.expires_after_days,
            dialects: pack.dialects.clone(),
            stripe_payment_link: pack.stripe_payment_link.clone(),
            store_product_id: pack.store_product_id.clone(),
            creem_product_id: pack.creem_product_id.clone(),
            active: pack.is_active,
            sort_order: pack.sort_order,
        }
    }
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Manage).await?;
    let packs: Vec<PackView> = operations::packs(&api.pool).await?.iter().map(PackView::from).collect();
    Ok(answer(StatusCode::OK, &Packs { data: packs, next_cursor: None }))
}

async fn one(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Manage).await?;
    let found = operations::pack(&api.pool, call.path_parameter("packId")).await?;
    let pack = found.ok_or_else(|| Problem::not_found("There is no such pack."))?.pack;
    Ok(answer(StatusCode::OK, &PackView::from(&pack)))
}

async fn create(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let mut written: PackInput = read_object(&call)?;
    let id = written.pack_id.take().ok_or_else(|| Problem::invalid("packId is missing"))?;
    let pack = written.into_pack(id)?;
    let (scope, actor) = (caller.key_space(), caller.actor);
    let work = {
        let api = SharedState::clone(&api);
        async move {
            operations::pack_create(&api.pool, api.clock.now(), &actor, &pack).await?;
            Ok((StatusCode::CREATED, PackView::from(&pack)))
        }
    };
    once(&api, &call, scope, Keep::Answer, work).await
}

async fn replace(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let (written, id) = read_put::<PackInput>(&call, "packId", |input| input.pack_id.take())?;
    let pack = written.into_pack(id)?;
    operations::pack_replace(&api.pool, api.clock.now(), &caller.actor, &pack).await?;
    Ok(answer(StatusCode::OK, &PackView::from(&pack)))
}
