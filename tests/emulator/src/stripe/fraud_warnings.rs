//! Early fraud warnings: a card network says that a charge is likely to be disputed, before it is.
//! <https://docs.stripe.com/api/radar/early_fraud_warnings/object>

use serde_json::{Value, json};

use super::Call;
use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::listing::{agrees, page};
use super::store::{flag, new_id, owned, text, visible};
use crate::world::World;

const TYPES: [&str; 8] = [
    "card_never_received",
    "fraudulent_card_application",
    "made_with_counterfeit_card",
    "made_with_lost_card",
    "made_with_stolen_card",
    "misc",
    "unauthorized_use_of_card",
    "transaction_not_recognized",
];

/// `/v1/radar/early_fraud_warnings`.
pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    if call.segments.get(1) != Some(&"early_fraud_warnings") {
        return Err(call.unknown());
    }
    match (call.method, &call.segments[2..]) {
        ("GET", []) => {
            call.params.only("charge created ending_before limit payment_intent starting_after")?;
            let charge = call.params.text("charge")?;
            let intent = call.params.text("payment_intent")?;
            page(world, call, "issfr", |warning| {
                agrees(charge.as_ref(), warning, "charge")
                    && agrees(intent.as_ref(), warning, "payment_intent")
            })
        }
        ("GET", [id]) => Ok(visible(world.stripe.store.find("issfr", id)?)),
        _ => Err(call.unknown()),
    }
}

/// Warns of a charge.
pub(crate) fn open(world: &mut World, charge_id: &str, fraud_type: &str) -> Answer {
    if !TYPES.contains(&fraud_type) {
        let message = format!("Invalid fraud_type: must be one of {}", TYPES.join(", "));
        return Err(ApiError::invalid(message).param("fraud_type"));
    }
    let charge = world.stripe.store.copy("ch", charge_id);
    let warning = json!({
        "id": new_id("issfr"), "object": "radar.early_fraud_warning",
        "actionable": !flag(&charge, "disputed") && !flag(&charge, "refunded"), "charge": charge_id,
        "created": world.clock.now(), "fraud_type": fraud_type, "livemode": false,
        "payment_intent": charge["payment_intent"],
    });
    world.stripe.store.insert("issfr", warning.clone());
    emit(world, "radar.early_fraud_warning.created", &warning);
    Ok(visible(&warning))
}

/// A charge was disputed or refunded as a whole: nothing can be done about its warnings any more.
pub(crate) fn settle(world: &mut World, charge_id: &str) {
    let warnings = world.stripe.store.newest_first("issfr");
    let open = warnings.filter(|one| text(one, "charge") == Some(charge_id) && flag(one, "actionable"));
    let open: Vec<String> = open.map(|one| owned(one, "id")).collect();
    for id in open {
        world.stripe.store.change("issfr", &id, [("actionable", Value::Bool(false))]);
        let warning = world.stripe.store.copy("issfr", &id);
        emit_change(
            world,
            "radar.early_fraud_warning.updated",
            &warning,
            Some(json!({ "actionable": true })),
        );
    }
}
