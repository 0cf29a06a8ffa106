//! Payments as buyers look back on them, whichever API they were made through.

use sqlx::PgConnection;

use super::{Kind, Provider, State};
use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, UserId};
use kernel::money::Credits;

/// A purchase, paid or not.
#[derive(Clone, Debug)]
pub struct Order {
    pub id: PaymentId,
    /// Its number, for people.
    pub number: i64,
    /// Why it was made.
    pub kind: Kind,
    /// Who takes the money.
    pub provider: Provider,
    pub state: State,
    /// The plan, for a period of one.
    pub plan_id: Option<String>,
    /// The pack, if it is for exactly one of the catalog.
    pub pack_id: Option<String>,
    /// What is to be paid, in smallest units.
    pub amount_minor: i64,
    pub currency: String,
    /// What is granted when it is paid, a coupon's bonus included.
    pub credits: Credits,
    /// Where the buyer pays, while that is possible.
    pub checkout_url: Option<String>,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When it was paid.
    pub completed_at: Option<Timestamp>,
}

macro_rules! select_orders {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Order,
            r#"select id as "id: PaymentId", number, kind as "kind: Kind", provider as "provider: Provider",
                      state as "state: State", plan_id,
                      (select min(pack_id) from payment_items where payment_id = payments.id
                       having count(*) = 1 and min(quantity) = 1) as pack_id,
                      amount_minor, currency, credits + bonus_credits as "credits!: Credits", created_at,
                      completed_at, checkout_url
               from payments
               where user_id = $1 and mode <> 'setup'
                 and (kind <> 'auto_recharge' or organization_id is null
                      or exists (select from organization_members m
                                 where m.organization_id = payments.organization_id and m.user_id = $1)) and "#
                + $condition
            $(, $argument)*
        )
    };
}

/// What a user ordered, newest first.
///
/// # Errors
/// Database errors only.
pub async fn of_user(
    connection: &mut PgConnection,
    user: &UserId,
    limit: i64,
    offset: i64,
) -> Result<Vec<Order>, sqlx::Error> {
    select_orders!("true order by created_at desc, id desc limit $2 offset $3", user.as_str(), limit, offset)
        .fetch_all(connection)
        .await
}

/// An order of a user.
///
/// # Errors
/// Database errors only.
pub async fn one_of_user(
    connection: &mut PgConnection,
    user: &UserId,
    id: PaymentId,
) -> Result<Option<Order>, sqlx::Error> {
    select_orders!("id = $2", user.as_str(), id.0).fetch_optional(connection).await
}
