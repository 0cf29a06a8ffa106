//! The SQL of what a period of a plan grants, and until when.

use kernel::clock::Timestamp;
use kernel::ids::PaymentId;
use kernel::money::Credits;
use sqlx::PgConnection;

/// Says when what a payment grants lapses, before it is credited.
pub(crate) async fn payment_lapses_at(
    connection: &mut PgConnection,
    id: PaymentId,
    at: Option<Timestamp>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update payments set credits_expire_at = $2 where id = $1 and completed_at is null",
        id.0,
        at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets what an order that is not paid yet grants.
pub(crate) async fn payment_grants(
    connection: &mut PgConnection,
    id: PaymentId,
    credits: Credits,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update payments set credits = $2 where id = $1 and completed_at is null and credits <> $2",
        id.0,
        credits.millionths()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds what a payment got back to what it grants, and counts the part as taken back whose money is `gone`.
pub(crate) async fn payment_gets_back(
    connection: &mut PgConnection,
    id: PaymentId,
    amount: Credits,
    gone: Credits,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with items as (update payment_items set credits = credits + $2 where payment_id = $1)
         update payments set credits = credits + $2, credits_reversed = credits_reversed + $3 where id = $1",
        id.0,
        amount.millionths(),
        gone.millionths()
    )
    .execute(connection)
    .await?;
    Ok(())
}
