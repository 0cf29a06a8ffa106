//! The order of a job.

use billing::payments::{Payment, store};
use kernel::ids::PaymentId;

use crate::context::Context;
use crate::error::JobError;

/// An order by its id.
pub(crate) async fn order(context: &Context, id: PaymentId) -> Result<Payment, JobError> {
    let mut connection = context.pool.acquire().await?;
    let payment = store::payment_by_id(&mut connection, id).await?;
    payment.ok_or_else(|| JobError::Dead("there is no such order".to_owned()))
}
