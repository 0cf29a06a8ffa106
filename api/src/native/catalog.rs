//! Administration of what is for sale.

use common::domain::catalog::{Pack, operations};
use common::money::{Currency, Money};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use warp::Filter;
use warp::http::StatusCode;

use super::consume::positive;
use super::idempotent::{Keep, once};
use super::{ApiError, admin};
use crate::Shared;
use crate::http::{Call, Response, Route, answer, call, finish, first_of, json as body};

pub(super) fn routes(api: &Shared) -> Route {
    first_of([list_route(api), create_route(api), replace_route(api)])
}

/// GET /admin/catalog/packs
fn list_route(api: &Shared) -> Route {
    let path = warp::path!("admin" / "catalog" / "packs").and(warp::get()).and(call(api));
    path.then(list).map(finish("/admin/catalog/packs")).boxed()
}

/// POST /admin/catalog/packs
fn create_route(api: &Shared) -> Route {
    let path = warp::path!("admin" / "catalog" / "packs").and(warp::post()).and(call(api));
    path.then(create).map(finish("/admin/catalog/packs")).boxed()
}

/// PUT /admin/catalog/packs/:packId
fn replace_route(api: &Shared) -> Route {
    let path = warp::path!("admin" / "catalog" / "packs" / String).and(warp::put()).and(call(api));
    path.then(replace).map(finish("/admin/catalog/packs/:packId")).boxed()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    pack_id: Option<String>,
    name: String,
    #[serde(default)]
    description: String,
    credits: Box<RawValue>,
    /// In the smallest unit of the currency.
    price_minor: i64,
    currency: Currency,
    #[serde(default)]
    dialects: Vec<String>,
    stripe_payment_link: Option<String>,
    store_product_id: Option<String>,
    creem_product_id: Option<String>,
    #[serde(default = "yes")]
    active: bool,
    #[serde(default)]
    sort_order: i32,
}

fn yes() -> bool {
    true
}

impl Written {
    fn into_pack(self, id: String) -> Result<Pack, ApiError> {
        Ok(Pack {
            id,
            name: self.name,
            description: self.description,
            credits: positive(&self.credits)?,
            price: Money::new(self.price_minor, self.currency),
            dialects: self.dialects,
            stripe_payment_link: self.stripe_payment_link,
            store_product_id: self.store_product_id,
            creem_product_id: self.creem_product_id,
            is_active: self.active,
            sort_order: self.sort_order,
        })
    }
}

async fn list(api: Shared, call: Call) -> Result<Response, ApiError> {
    admin(&api, &call).await?;
    let packs: Vec<Value> = operations::packs(&api.pool).await?.iter().map(shown).collect();
    Ok(answer(StatusCode::OK, &json!({ "packs": packs })))
}

async fn create(api: Shared, call: Call) -> Result<Response, ApiError> {
    let admin = admin(&api, &call).await?;
    let mut written: Written = body::read(&call)?;
    let id = written
        .pack_id
        .take()
        .ok_or_else(|| ApiError::bad_request("invalid_request", "packId is missing"))?;
    let pack = written.into_pack(id)?;
    let work = {
        let api = Shared::clone(&api);
        async move {
            operations::pack_create(&api.pool, api.clock.now(), &pack).await?;
            Ok((StatusCode::CREATED, shown(&pack)))
        }
    };
    once(&api, &call, admin.scope, Keep::Answer, work).await
}

async fn replace(id: String, api: Shared, call: Call) -> Result<Response, ApiError> {
    admin(&api, &call).await?;
    let written: Written = body::read(&call)?;
    if written.pack_id.as_ref().is_some_and(|named| *named != id) {
        return Err(ApiError::bad_request("invalid_request", "packId differs from the path"));
    }
    let pack = written.into_pack(id)?;
    operations::pack_replace(&api.pool, api.clock.now(), &pack).await?;
    Ok(answer(StatusCode::OK, &shown(&pack)))
}

fn shown(pack: &Pack) -> Value {
    json!({
        "packId": pack.id,
        "name": pack.name,
        "description": pack.description,
        "credits": pack.credits.to_json(),
        "priceMinor": pack.price.minor,
        "currency": pack.price.currency.as_str(),
        "dialects": pack.dialects,
        "stripePaymentLink": pack.stripe_payment_link,
        "storeProductId": pack.store_product_id,
        "creemProductId": pack.creem_product_id,
        "active": pack.is_active,
        "sortOrder": pack.sort_order,
    })
}
