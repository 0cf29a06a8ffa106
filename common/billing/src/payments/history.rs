//! Payments as buyers look back on them: newest first, with their lines, whichever API they were made through.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Item, State};
use kernel::clock::Timestamp;
use kernel::ids::{OrganizationId, PaymentId, UserId};
use kernel::money::Credits;

/// A payment and its lines.
#[derive(Clone, Debug)]
pub struct PastPayment {
    pub id: PaymentId,
    /// Its number, for dialects whose ids are numbers.
    pub number: i64,
    /// The organization that it was made for.
    pub organization_id: Option<OrganizationId>,
    pub state: State,
    /// What is to be paid, in the currency's smallest unit.
    pub amount_minor: i64,
    /// The currency, in lower case.
    pub currency: String,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When it was paid.
    pub completed_at: Option<Timestamp>,
    pub items: Vec<Item>,
}

struct Row {
    id: PaymentId,
    number: i64,
    organization_id: Option<OrganizationId>,
    state: State,
    amount_minor: i64,
    currency: String,
    created_at: Timestamp,
    completed_at: Option<Timestamp>,
}

/// A query for payments that were meant to be paid: all columns, and the condition that follows.
macro_rules! select_past {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select id as "id: PaymentId", number, organization_id as "organization_id: OrganizationId",
                      state as "state: State", amount_minor, currency, created_at, completed_at
               from payments where mode <> 'setup' and "#
                + $condition
                + " order by created_at desc, number desc limit $2"
            $(, $argument)*
        )
    };
}

/// What a user ordered, up to `limit`.
///
/// # Errors
/// Database errors only.
pub async fn of_user(
    connection: &mut PgConnection,
    user: &UserId,
    limit: i64,
) -> Result<Vec<PastPayment>, sqlx::Error> {
    // What an organization's balance was recharged with is the organization's, once its user has left.
    let rows = select_past!(
        "user_id = $1 and (kind <> 'auto_recharge' or organization_id is null
              or exists (select from organization_members m
                         where m.organization_id = payments.organization_id and m.user_id = $1))",
        user.as_str(),
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    with_items(connection, rows).await
}

/// What was ordered for an organization, up to `limit`. The caller compares the membership.
///
/// # Errors
/// Database errors only.
pub async fn of_organization(
    connection: &mut PgConnection,
    organization: OrganizationId,
    limit: i64,
) -> Result<Vec<PastPayment>, sqlx::Error> {
    let rows =
        select_past!("organization_id = $1", organization.0, limit).fetch_all(&mut *connection).await?;
    with_items(connection, rows).await
}

/// The payment of this number, of any owner: the caller compares the owner.
///
/// # Errors
/// Database errors only.
pub async fn id_by_number(
    connection: &mut PgConnection,
    number: i64,
) -> Result<Option<PaymentId>, sqlx::Error> {
    sqlx::query_scalar!(r#"select id as "id: PaymentId" from payments where number = $1"#, number)
        .fetch_optional(connection)
        .await
}

async fn with_items(connection: &mut PgConnection, rows: Vec<Row>) -> Result<Vec<PastPayment>, sqlx::Error> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let lines = sqlx::query!(
        r#"select payment_id as "payment_id: PaymentId", pack_id, name, quantity, credits as "credits: Credits",
                  amount_minor
           from payment_items where payment_id = any($1) order by payment_id, line"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    let mut items: HashMap<PaymentId, Vec<Item>> = HashMap::new();
    for line in lines {
        items.entry(line.payment_id).or_default().push(Item {
            pack_id: line.pack_id,
            name: line.name,
            quantity: line.quantity,
            credits: line.credits,
            amount_minor: line.amount_minor,
        });
    }
    Ok(rows
        .into_iter()
        .map(|row| PastPayment {
            items: items.remove(&row.id).unwrap_or_default(),
            id: row.id,
            number: row.number,
            organization_id: row.organization_id,
            state: row.state,
            amount_minor: row.amount_minor,
            currency: row.currency,
            created_at: row.created_at,
            completed_at: row.completed_at,
        })
        .collect())
}
