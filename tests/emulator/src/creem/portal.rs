//! The customer portal: a link for each visit, to a page where a customer sees and cancels their subscriptions.

use serde_json::{Value, json};

use super::body::Fields;
use super::errors::Answer;
use super::{new_id, subscriptions};
use crate::stripe::store::{owned, text};
use crate::world::World;

/// `POST /v1/customers/billing`.
pub(super) fn create(world: &mut World, body: &Fields) -> Answer {
    body.only("customer_id")?;
    let customer = owned(world.creem.find("cust", "Customer", &body.required_text("customer_id")?)?, "id");
    let id = new_id("portal");
    let link = format!("{}/creem/portal/{id}", world.public_url);
    world.creem.store.insert("portal", json!({ "id": id, "customer": customer }));
    Ok(json!({ "customer_portal_link": link }))
}

/// The subscriptions that a portal shows; `None` if there is no such portal.
pub(crate) fn contents(world: &World, id: &str) -> Option<Vec<Value>> {
    let portal = world.creem.store.get("portal", id)?;
    Some(subscriptions::of_customer(world, text(portal, "customer").unwrap_or_default()))
}

/// Lets a subscription end with its period or go on, if it is one that this portal shows.
pub(crate) fn schedule_end(world: &mut World, id: &str, subscription: &str, ends: bool) {
    let own = contents(world, id).into_iter().flatten().any(|one| text(&one, "id") == Some(subscription));
    if own {
        subscriptions::schedule_end(world, subscription, ends);
    }
}
