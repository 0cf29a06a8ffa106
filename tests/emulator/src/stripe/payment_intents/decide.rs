//! Payments that are `processing`: debits of banks, and cards whose bank takes a day (as with India's e-mandates:
//! <https://docs.stripe.com/india-recurring-payments>), decided by the clock or by a control.

use serde_json::Value;

use super::confirm::succeed;
use super::unexpected_state;
use crate::stripe::cards::Decline;
use crate::stripe::errors::Answer;
use crate::stripe::events::emit;
use crate::stripe::store::{integer, owned, text};
use crate::stripe::{charges, invoices, payment_methods, sessions};
use crate::world::World;

/// The refusal of a bank that gives no reason.
pub(crate) const BANK_REFUSED: Decline = Decline {
    code: "payment_intent_payment_attempt_failed",
    decline_code: "generic_decline",
    message: "The payment failed: the bank account could not be debited.",
    advice: None,
};

/// The time of a payment has come: its account, or its card, decides.
pub(crate) fn by_method(world: &mut World, id: &str) {
    let intent = world.stripe.store.copy("pi", id);
    let method = world.stripe.store.copy("pm", text(&intent, "payment_method").unwrap_or_default());
    let refusal = payment_methods::refusal_after_processing(&method);
    // It may have been decided by a control meanwhile.
    decide(world, id, refusal).ok();
}

/// Decides an intent in `processing`, and what waits for it: its session, its invoice.
pub(crate) fn decide(world: &mut World, id: &str, refusal: Option<Decline>) -> Answer<()> {
    let intent = world.stripe.store.find("pi", id)?.clone();
    if text(&intent, "status") != Some("processing") {
        return Err(unexpected_state(&intent, "settle"));
    }
    let charge = owned(&intent, "latest_charge");
    charges::settle(world, &charge, refusal);
    let refused = refusal.map(|refusal| refusal.error().with("charge", charge));
    match &refused {
        None => succeed(world, id, integer(&intent, "amount")),
        Some(error) => {
            let fields = [
                ("status", "requires_payment_method".into()),
                ("last_payment_error", error.remembered()),
                ("processing", Value::Null),
            ];
            world.stripe.store.change("pi", id, fields);
            let intent = world.stripe.store.copy("pi", id);
            emit(world, "payment_intent.payment_failed", &intent);
        }
    }
    if let Some(invoice) = text(&intent, "_invoice") {
        invoices::payment_decided(world, invoice, id, refused.as_ref());
    }
    if let Some(session) = text(&intent, "_session") {
        sessions::payment_decided(world, session, refused.is_none());
    }
    Ok(())
}
