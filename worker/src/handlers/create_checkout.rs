//! Opens the provider's payment page for an order.

use billing::payments::{CheckoutReply, CreateCheckout};
use kernel::ids::OutboxId;

use crate::context::Context;
use crate::error::{JobResult, replied};
use crate::steps::checkout_page;

pub(super) async fn handle(context: &Context, job: &CreateCheckout) -> JobResult {
    let before = OutboxId::new();
    let opened = checkout_page::open(context, job.payment_id).await;
    if matches!(opened, Ok(CheckoutReply::Refused { .. })) {
        context.publish_notices_since(before);
    }
    replied(&opened?)
}
