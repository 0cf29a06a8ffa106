//! The types of packages, the caller's packages and their remaining credits, and adding a package.

use billing::catalog::{Pack, operations as catalog};
use billing::packages::{Label, operations as packages};
use billing::payments::ordering::check_open_orders;
use billing::payments::{Dialect, Item, Kind, Labels, Mode, NewOrder, Provider};
use kernel::ids::OutboxId;
use kernel::money::Money;
use ledger::operations::balance;
use warp::http::StatusCode;

use super::both;
use super::types::{Message, NewPackage, PackageBody, PackageType, sorted};
use crate::auth::Principal;
use crate::checkout::give_stored;
use crate::commands::publish_notices_since;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::http::values::Amount;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

/// A package stays payable for years: it waits for its payment.
const PAYABLE: time::Duration = time::Duration::days(3_650);

/// The answer to a type that is not, or no longer, for sale.
pub(super) const BAD_TYPE: &str = "The credit package does not have a valid type.";

pub(super) fn endpoints() -> Vec<Endpoint> {
    let types = Description::new(Access::Public, "The types of packages")
        .answers::<Vec<PackageType>>(StatusCode::OK, "The types.");
    let total = Description::new(Access::User, "The credits that the caller has left")
        .says("Bought through whichever API; unpaid packages do not count.")
        .answers::<Amount>(StatusCode::OK, "The credits, as a bare number.");
    let list = Description::new(Access::User, "The caller's packages")
        .says("Paid or not, with purchases that were made through other APIs, by their date of purchase.")
        .query::<String>("ascendingOrder", "`true`: the oldest first. Otherwise, the newest.")
        .answers::<Vec<PackageBody>>(StatusCode::OK, "The packages.");
    let add = Description::new(Access::User, "Add a package")
        .says("It is to be paid at the address that `paymentUrl` answers.")
        .takes::<NewPackage>()
        .answers::<Message>(StatusCode::OK, "The message is the new package's id.")
        .refuses(&[StatusCode::FORBIDDEN]);
    let get_types = both!("/credits/types").map(|path| Endpoint::get(path, list_types, types.clone()));
    let get_total = both!("/credits/totalbyuser").map(|path| Endpoint::get(path, show_total, total.clone()));
    let get_list = both!("/credits/listbyuser").map(|path| Endpoint::get(path, list_packages, list.clone()));
    let post_add = both!("/credits/add").map(|path| Endpoint::post(path, add_package, add.clone()));
    [get_types, get_total, get_list, post_add].into_iter().flatten().collect()
}

async fn list_types(api: SharedState, _call: Call) -> Result<Response, Problem> {
    let sold = catalog::packs(&api.pool).await?.into_iter().filter(is_sold);
    let types: Vec<PackageType> = sold.map(PackageType::from).collect();
    Ok(answer(StatusCode::OK, &types))
}

/// Whether a pack is a type of package.
pub(super) fn is_sold(pack: &Pack) -> bool {
    pack.is_sold_by(Dialect::Wasdi.as_str())
}

async fn show_total(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let mut connection = api.pool.acquire().await?;
    let total = balance(&mut connection, api.clock.now(), principal.wallet_id).await?;
    Ok(answer(StatusCode::OK, &Amount(total)))
}

async fn list_packages(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let ascending = call.parameter("ascendingOrder").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let mut connection = api.pool.acquire().await?;
    let packages = packages::packages(&mut connection, &principal.user_id, principal.wallet_id).await?;
    Ok(answer(StatusCode::OK, &sorted(packages, &principal.user_id, ascending)))
}

async fn add_package(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let fields: NewPackage = read_json(&call)?;
    let id = fields.pack_id.ok_or_else(|| Problem::invalid(BAD_TYPE))?;
    let is_gift = fields.buy_success == Some(true) && principal.is_admin;
    let label = Label { name: fields.name, description: fields.description };
    let mut transaction = api.pool.begin().await?;
    let pack = catalog::packs_by_id(&mut transaction, &[id]).await?.into_iter().find(is_sold);
    let pack = pack.ok_or_else(|| Problem::invalid(BAD_TYPE))?;
    let order = order(&api, &principal, &pack, is_gift);
    if !is_gift {
        let (now, user) = (api.clock.now(), &principal.user_id);
        check_open_orders(&mut transaction, now, user, api.config.open_orders_max).await?;
    }
    let payment = packages::package_create(&mut transaction, api.clock.now(), &order, &label).await?;
    if is_gift {
        // Credited already or not, the package is given: its job stays in the outbox until it is done.
        give_stored(&api, transaction, &payment).await?;
    } else {
        transaction.commit().await?;
        publish_notices_since(&api, OutboxId(payment.id.0));
    }
    Ok(answer(StatusCode::OK, &Message::new(payment.id.to_string())))
}

fn order(api: &SharedState, principal: &Principal, pack: &Pack, is_gift: bool) -> NewOrder {
    let price = if is_gift { Money::new(0, pack.price.currency) } else { pack.price };
    NewOrder {
        user_id: principal.user_id.clone(),
        wallet_id: principal.wallet_id,
        organization_id: None,
        dialect: Dialect::Wasdi,
        kind: Kind::OneTime,
        provider: if is_gift { Provider::Manual } else { Provider::Stripe },
        mode: Mode::Payment,
        livemode: api.config.mode.is_live(),
        items: vec![Item {
            pack_id: Some(pack.id.clone()),
            name: pack.name.clone(),
            quantity: 1,
            credits: pack.credits,
            amount_minor: price.minor,
        }],
        credits: pack.credits,
        amount: price,
        summary: format!("Purchase {} credits", pack.credits),
        return_urls: None,
        expires_at: api.clock.now() + PAYABLE,
        plan: None,
        redemption: None,
        expires_after_days: pack.expires_after_days,
        labels: Labels::default(),
        request: None,
    }
}
