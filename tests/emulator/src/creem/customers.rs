//! Customers: one for each e-mail address that bought something.

use serde_json::{Value, json};

use super::body::Fields;
use super::errors::{Answer, ApiError};
use super::moments::iso;
use super::{COUNTRY, new_id};
use crate::stripe::store::{owned, text, visible};
use crate::world::World;

pub(crate) fn retrieve(world: &World, query: &Fields) -> Answer {
    query.only("customer_id email")?;
    match (query.text("customer_id")?, query.text("email")?) {
        (Some(id), _) => world.creem.find("cust", "Customer", &id).map(visible),
        (None, Some(email)) => {
            by_email(world, &email).map(visible).ok_or_else(|| ApiError::not_found("Customer"))
        }
        (None, None) => Err(ApiError::bad_request("Either customer_id or email is required")),
    }
}

fn by_email<'a>(world: &'a World, email: &str) -> Option<&'a Value> {
    let mut customers = world.creem.store.newest_first("cust");
    customers.find(|customer| text(customer, "email").is_some_and(|known| known.eq_ignore_ascii_case(email)))
}

/// The customer of an address, made if there is none.
pub(crate) fn ensure(world: &mut World, email: &str, name: Option<&str>) -> String {
    if let Some(customer) = by_email(world, email) {
        return owned(customer, "id");
    }
    let (id, now) = (new_id("cust"), iso(world.clock.now()));
    let customer = json!({
        "id": id, "mode": "test", "object": "customer", "email": email, "name": name, "country": COUNTRY,
        "created_at": now, "updated_at": now,
    });
    world.creem.store.insert("cust", customer);
    id
}
