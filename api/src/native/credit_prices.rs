//! Administration of what any amount of credits costs.

use billing::catalog::prices::{CreditPrice, price_put, prices};
use identity::rights::Scope;
use kernel::money::{Currency, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::debits::positive;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Amount, GivenAmount};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/purser/v1/catalog/credit-prices",
            list,
            Description::new(Access::Operator(Scope::Manage), "What any amount of credits costs, by currency")
                .answers::<Prices>(StatusCode::OK, "The prices."),
        ),
        Endpoint::put(
            "/purser/v1/catalog/credit-prices/{currency}",
            put,
            Description::new(Access::Operator(Scope::Manage), "Set what credits cost in a currency")
                .says(
                    "So many credits for so many smallest units. Auto-recharge and purchases of any amount go by it \
                     from now on; orders that were placed keep their price.",
                )
                .path_parameter::<String>("currency", "An ISO 4217 code.")
                .takes::<PriceInput>()
                .answers::<PriceView>(StatusCode::OK, "The price as it is now.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewCreditPrice, example = json!({"credits": 100, "minor": 100}))]
struct PriceInput {
    /// How many credits…
    credits: GivenAmount,
    /// …for so much, in the smallest unit of the currency.
    minor: i64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::CreditPrices)]
struct Prices {
    data: Vec<PriceView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::CreditPrice)]
struct PriceView {
    /// An ISO 4217 code in lower case.
    currency: String,
    credits: Amount,
    /// In the smallest unit of the currency.
    minor: i64,
}

impl From<CreditPrice> for PriceView {
    fn from(price: CreditPrice) -> Self {
        Self {
            currency: price.price.currency.into(),
            credits: Amount(price.credits),
            minor: price.price.minor,
        }
    }
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Manage).await?;
    let data = prices(&api.pool).await?.into_iter().map(PriceView::from).collect();
    Ok(answer(StatusCode::OK, &Prices { data }))
}

async fn put(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let written: PriceInput = read_object(&call)?;
    let currency = call.path_parameter("currency").parse::<Currency>();
    let currency = currency.map_err(|_| Problem::not_found("There is no such currency."))?;
    let price =
        CreditPrice { credits: positive(&written.credits)?, price: Money::new(written.minor, currency) };
    price_put(&api.pool, api.clock.now(), &caller.actor, &price).await?;
    Ok(answer(StatusCode::OK, &PriceView::from(price)))
}
