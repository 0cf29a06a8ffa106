//! Billing portal sessions: a page where a customer sees and cancels their subscriptions.

use serde_json::json;

use super::errors::{Answer, ApiError};
use super::store::new_id;
use super::{Call, customers};
use crate::world::World;

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("POST", ["sessions"]) => create(world, call),
        _ => Err(call.unknown()),
    }
}

fn create(world: &mut World, call: &Call<'_>) -> Answer {
    let params = &call.params;
    params.only(
        "after_expiration configuration customer customer_account flow_data locale on_behalf_of return_url",
    )?;
    let customer = params.required_text("customer")?;
    customers::existing(world, "customer", &customer)?;
    let return_url = params.text("return_url")?;
    if return_url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        return Err(ApiError::invalid("Not a valid URL").code("url_invalid").param("return_url"));
    }
    let id = new_id("bps");
    let session = json!({
        "id": id,
        "object": "billing_portal.session",
        "configuration": "bpc_emulator",
        "created": world.clock.now(),
        "customer": customer,
        "customer_account": null,
        "flow": null,
        "livemode": false,
        "locale": params.echo("locale"),
        "on_behalf_of": null,
        "return_url": return_url,
        "url": format!("{}/p/session/{id}", world.public_url),
    });
    world.stripe.store.insert("bps", session.clone());
    Ok(session)
}
