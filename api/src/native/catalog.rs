//! Administration of packs.

use billing::catalog::{Pack, operations};
use kernel::money::{Currency, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::consume::positive;
use super::idempotent::{Keep, once};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::http::values::{Amount, GivenAmount};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/admin/catalog/packs",
            list,
            Description::new(Access::Admin, "All packs, also those that are not for sale")
                .answers::<Packs>(StatusCode::OK, "The packs."),
        ),
        Endpoint::post(
            "/admin/catalog/packs",
            create,
            Description::new(Access::Admin, "Add a pack")
                .idempotency_key()
                .takes::<PackInput>()
                .answers::<PackView>(StatusCode::CREATED, "The pack."),
        ),
        Endpoint::put(
            "/admin/catalog/packs/{packId}",
            replace,
            Description::new(Access::Admin, "Replace a pack")
                .says("Orders that were placed keep what was ordered.")
                .path_parameter::<String>("packId", "The pack's id.")
                .takes::<PackInput>()
                .answers::<PackView>(StatusCode::OK, "The pack as it is now.")
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::NewPack)]
struct PackInput {
    /// Needed when a pack is added; the path has it when one is replaced.
    pack_id: Option<String>,
    name: String,
    #[serde(default)]
    description: String,
    /// How many; more than none.
    credits: GivenAmount,
    /// In the smallest unit of the currency: cents for `usd`.
    price_minor: i64,
    /// An ISO 4217 code.
    #[schema(value_type = String, min_length = 3, max_length = 3)]
    currency: Currency,
    /// The APIs that sell it.
    #[serde(default)]
    dialects: Vec<String>,
    /// The address of a payment link at Stripe that sells it.
    stripe_payment_link: Option<String>,
    /// Its id in app stores.
    store_product_id: Option<String>,
    /// The product at Creem that sells it.
    creem_product_id: Option<String>,
    /// Whether it is for sale.
    #[serde(default = "active_by_default")]
    active: bool,
    /// Lower ones are listed first.
    #[serde(default)]
    sort_order: i32,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Packs)]
struct Packs {
    packs: Vec<PackView>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Pack)]
struct PackView {
    pack_id: String,
    name: String,
    description: String,
    credits: Amount,
    /// In the smallest unit of the currency: cents for `usd`.
    price_minor: i64,
    /// An ISO 4217 code in lower case.
    currency: String,
    /// The APIs that sell it.
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
            price: Money::new(self.price_minor, self.currency),
            expires_after_days: None,
            dialects: self.dialects,
            stripe_payment_link: self.stripe_payment_link,
            store_product_id: self.store_product_id,
            creem_product_id: self.creem_product_id,
            is_active: self.active,
            sort_order: self.sort_order,
        })
    }
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.require_admin(&api).await?;
    let packs = operations::packs(&api.pool).await?.iter().map(view).collect();
    Ok(answer(StatusCode::OK, &Packs { packs }))
}

async fn create(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let mut written: PackInput = read_json(&call)?;
    let id = written.pack_id.take().ok_or_else(|| Problem::invalid("packId is missing"))?;
    let pack = written.into_pack(id)?;
    let work = {
        let (api, actor) = (SharedState::clone(&api), admin.actor.clone());
        async move {
            operations::pack_create(&api.pool, api.clock.now(), &actor, &pack).await?;
            Ok((StatusCode::CREATED, view(&pack)))
        }
    };
    once(&api, &call, admin.actor, Keep::Answer, work).await
}

async fn replace(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let id = call.path_parameter("packId").to_owned();
    let written: PackInput = read_json(&call)?;
    if written.pack_id.as_ref().is_some_and(|named| *named != id) {
        return Err(Problem::invalid("packId differs from the path"));
    }
    let pack = written.into_pack(id)?;
    operations::pack_replace(&api.pool, api.clock.now(), &admin.actor, &pack).await?;
    Ok(answer(StatusCode::OK, &view(&pack)))
}

fn view(pack: &Pack) -> PackView {
    PackView {
        pack_id: pack.id.clone(),
        name: pack.name.clone(),
        description: pack.description.clone(),
        credits: Amount(pack.credits),
        price_minor: pack.price.minor,
        currency: pack.price.currency.into(),
        dialects: pack.dialects.clone(),
        stripe_payment_link: pack.stripe_payment_link.clone(),
        store_product_id: pack.store_product_id.clone(),
        creem_product_id: pack.creem_product_id.clone(),
        active: pack.is_active,
        sort_order: pack.sort_order,
    }
}
