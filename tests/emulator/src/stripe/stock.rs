//! What the account holds from the start, so that a catalogue can name it: recurring prices and Payment Links.

use serde_json::{Value, json};

use super::parameters::Params;
use super::{payment_links, prices, products};
use crate::world::World;

/// Products with their prices a month and a year, in US cents.
const PLANS: [(&str, &str, i64, i64); 2] = [("pro", "Pro", 999, 9990), ("team", "Team", 2999, 29_990)];
/// Payment Links with the name of their only line and its price in euro cents.
const LINKS: [(&str, &str, i64); 2] =
    [("plink_Fifty", "Fifty credits", 5000), ("plink_OneHundred", "One hundred credits", 10_000)];

/// Puts it there; no events tell of it.
pub(crate) fn fill(world: &mut World) {
    for (plan, name, month, year) in PLANS {
        let product = format!("prod_{plan}");
        products::stock(world, &product, name);
        for (interval, amount) in [("month", month), ("year", year)] {
            let recurring = json!({
                "interval": interval, "interval_count": 1, "meter": null, "trial_period_days": null,
                "usage_type": "licensed",
            });
            prices::stock(world, &format!("price_{plan}_{interval}"), &product, "usd", amount, recurring);
        }
    }
    for (id, name, amount) in LINKS {
        let key = id.to_ascii_lowercase();
        let (product, price) = (format!("prod_{key}"), format!("price_{key}"));
        products::stock(world, &product, name);
        prices::stock(world, &price, &product, "eur", amount, Value::Null);
        let wanted = format!("line_items[0][price]={price}&line_items[0][quantity]=1");
        // Made as over the API, of parameters that are known to be right.
        if let Ok(link) = Params::decode(&wanted).and_then(|params| payment_links::build(world, &params, id))
        {
            world.stripe.store.insert("plink", link);
        }
    }
}
