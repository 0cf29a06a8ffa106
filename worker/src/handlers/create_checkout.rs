//! Opens the provider's payment page for an order.

use billing::payments::CreateCheckout;

use crate::context::Context;
use crate::error::{JobResult, replied};
use crate::steps::checkout_page;

pub(super) async fn handle(context: &Context, job: &CreateCheckout) -> JobResult {
    replied(&checkout_page::open(context, job.payment_id).await?)
}
