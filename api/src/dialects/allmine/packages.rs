//! The packages, and a free purchase where that is allowed.

use billing::catalog::StoredPack;
use billing::catalog::operations::packs_with_times;
use billing::payments::{Dialect, Item, Kind, Labels, Mode, NewOrder, Provider};
use kernel::money::{Currency, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::envelope::{enveloped, moment, success};
use crate::checkout::{PAYABLE, give};
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::problem::{Problem, ProblemKind};
use crate::state::SharedState;

const STORES: [&str; 4] = ["apple", "google", "test", "web"];

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/api/v1/credit-packages",
            list,
            Description::new(Access::Public, "The credit packages")
                .query::<String>("storeType", "`apple` (unless given), `google`, `test` or `web`.")
                .query::<bool>(
                    "activeOnly",
                    "Whether to leave out those that are not sold now; no unless given.",
                )
                .answers::<Listed>(StatusCode::OK, "The packages.")
                .refuses(&[StatusCode::BAD_REQUEST]),
        ),
        Endpoint::get(
            "/api/v1/credit-packages/{id}",
            one,
            Description::new(Access::Public, "A credit package")
                .path_parameter::<String>("id", "24 hexadecimal digits.")
                .answers::<Found>(StatusCode::OK, "The package.")
                .refuses(&[StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/api/v1/credit-packages/purchase",
            purchase,
            Description::new(Access::User, "Buy a package for nothing (test and development only)")
                .says(
                    "Refused unless `FREE_PURCHASES` allows it, and always in live mode: there credits come from the \
                     app stores only.",
                )
                .idempotency_key()
                .takes::<Purchase>()
                .answers::<Bought>(StatusCode::CREATED, "The credits are there, or will be in a moment.")
                .refuses(&[
                    StatusCode::BAD_REQUEST,
                    StatusCode::FORBIDDEN,
                    StatusCode::NOT_FOUND,
                    StatusCode::CONFLICT,
                ]),
        ),
    ]
}

/// A package.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = allmine::Package)]
struct Package {
    id: String,
    /// Whole credits.
    credit_amount: i64,
    /// Its product at RevenueCat.
    revenuecat_product_id: String,
    /// Its product in the store.
    store_identifier: String,
    store_type: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

enveloped! {
    /// Several packages.
    Listed as allmine::Packages, Vec<Package>
}
enveloped! {
    /// One package.
    Found as allmine::OnePackage, Package
}
enveloped! {
    /// Nothing more to say.
    Bought as allmine::Bought, Nothing
}

/// An object without fields.
#[derive(Serialize, ToSchema)]
#[schema(as = allmine::Nothing)]
struct Nothing {}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = allmine::Purchase)]
struct Purchase {
    /// The package: 24 hexadecimal digits.
    package_id: String,
}

impl Package {
    /// None for a pack that has no product in a store.
    fn of(stored: StoredPack, store_type: &'static str) -> Option<Self> {
        let product = stored.pack.store_product_id?;
        Some(Self {
            id: stored.pack.id,
            credit_amount: stored.pack.credits.floor_whole(),
            revenuecat_product_id: product.clone(),
            store_identifier: product,
            store_type,
            created_at: moment(stored.created_at),
            updated_at: moment(stored.updated_at),
        })
    }
}

/// The packs that are packages in this dialect, for sale or not.
async fn packages(api: &SharedState) -> Result<Vec<StoredPack>, Problem> {
    let mut packs = packs_with_times(&api.pool).await?;
    packs.retain(|stored| is_id(&stored.pack.id) && stored.pack.is_for(Dialect::Allmine.as_str()));
    Ok(packs)
}

fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let store = match call.parameter("storeType") {
        None => "apple",
        Some(text) => STORES.into_iter().find(|store| *store == text).ok_or(ProblemKind::Invalid)?,
    };
    let active_only = match call.parameter("activeOnly") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ProblemKind::Invalid.into()),
    };
    let packs = packages(&api).await?.into_iter();
    let shown: Vec<Package> = packs
        .filter(|stored| stored.pack.is_active || !active_only)
        .filter_map(|stored| Package::of(stored, store))
        .collect();
    Ok(success(api.clock.now(), StatusCode::OK, shown))
}

async fn one(api: SharedState, call: Call) -> Result<Response, Problem> {
    let found = named(&api, call.path_parameter("id")).await?;
    let package = Package::of(found, "apple").ok_or(ProblemKind::NotFound)?;
    Ok(success(api.clock.now(), StatusCode::OK, package))
}

async fn named(api: &SharedState, id: &str) -> Result<StoredPack, Problem> {
    if !is_id(id) {
        return Err(ProblemKind::Invalid.into());
    }
    let found = packages(api).await?.into_iter().find(|stored| stored.pack.id.eq_ignore_ascii_case(id));
    Ok(found.ok_or(ProblemKind::NotFound)?)
}

async fn purchase(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    if !api.config.free_purchases {
        return Err(ProblemKind::Forbidden.into());
    }
    let request: Purchase = read_json(&call)?;
    let pack = named(&api, &request.package_id).await?.pack;
    if !pack.is_active {
        return Err(ProblemKind::Conflict.into());
    }
    let order = NewOrder {
        user_id: principal.user_id,
        wallet_id: principal.wallet_id,
        organization_id: None,
        dialect: Dialect::Allmine,
        kind: Kind::OneTime,
        provider: Provider::Manual,
        mode: Mode::Payment,
        livemode: false,
        items: vec![Item {
            pack_id: Some(pack.id),
            name: pack.name.clone(),
            quantity: 1,
            credits: pack.credits,
            amount_minor: 0,
        }],
        credits: pack.credits,
        // The purchase is free.
        amount: Money::new(0, Currency::USD),
        summary: pack.name,
        return_urls: None,
        expires_at: api.clock.now() + PAYABLE,
        plan: None,
        redemption: None,
        expires_after_days: pack.expires_after_days,
        labels: Labels::default(),
        request: None,
    };
    let scope = format!("allmine:{}", order.user_id);
    give(&api, &call, scope, "/api/v1/credit-packages/purchase", &order).await?;
    Ok(success(api.clock.now(), StatusCode::CREATED, Nothing {}))
}
