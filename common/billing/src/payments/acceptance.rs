//! The SQL of orders that an operator has accepted as paid.

use kernel::ids::PaymentId;
use sqlx::PgConnection;

use super::Payment;

/// Whether a page or payment of a provider is another order's.
pub(crate) async fn belongs_to_another(
    connection: &mut PgConnection,
    id: PaymentId,
    keys: &[&str],
) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "select 1 as found from payments
         where (provider_session = any($2) or provider_payment = any($2)) and id <> $1 limit 1",
        id.0,
        keys as &[&str]
    );
    Ok(found.fetch_optional(connection).await?.is_some())
}

/// Writes by whom, and how much, an order was paid, which this transaction has locked.
pub(crate) async fn payment_accept(
    connection: &mut PgConnection,
    payment: &Payment,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update payments set provider = $2, provider_customer = $3, accepted_minor = $4, accepted_currency = $5
         where id = $1",
        payment.id.0,
        payment.provider.as_str(),
        payment.provider_customer,
        payment.accepted.map(|money| money.minor),
        payment.accepted.map(|money| money.currency.as_str().to_owned())
    )
    .execute(connection)
    .await?;
    Ok(())
}
