//! The SQL of purchases in app stores.

use sqlx::PgConnection;

use super::{StorePurchase, Transaction};
use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, StorePurchaseId, UserId, WalletId};

/// A query for purchases: all columns, and the condition that follows.
macro_rules! select_purchases {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            StorePurchase,
            r#"select id as "id: StorePurchaseId", store, transaction_id, product_id, environment, buyers,
                      user_id as "user_id: UserId", payment_id as "payment_id: PaymentId", bought_at, is_refunded,
                      refund_told_at, created_at, dismissed_at, quantity, paid_minor, paid_currency, is_held
               from store_purchases "#
                + $condition
            $(, $argument)*
        )
    };
}

/// Adds a purchase that is not known yet. Waits for those that are adding it.
pub(super) async fn purchase_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    transaction: &Transaction,
    buyers: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into store_purchases (id, store, transaction_id, product_id, environment, buyers, created_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (store, transaction_id) do nothing",
        StorePurchaseId::new().0,
        transaction.store,
        transaction.id,
        transaction.product_id,
        transaction.environment,
        buyers,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks a transaction's purchase, and those that are parked for one of these names, in the order of their ids.
pub(super) async fn purchases_lock(
    connection: &mut PgConnection,
    transaction: Option<&Transaction>,
    names: &[String],
) -> Result<Vec<StorePurchase>, sqlx::Error> {
    select_purchases!(
        "where (store = $1 and transaction_id = $2) or (payment_id is null and buyers && $3)
         order by id for update",
        transaction.map(|transaction| &transaction.store),
        transaction.map(|transaction| &transaction.id),
        names
    )
    .fetch_all(connection)
    .await
}

/// Locks purchases whose buyer and product have become known, in the order of their ids. Those that another
/// transaction works on are left out.
pub(super) async fn purchases_take_due(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Vec<StorePurchase>, sqlx::Error> {
    select_purchases!(
        "where payment_id is null and bought_at is not null and not is_refunded and dismissed_at is null and not is_held
           and exists (select from packs where packs.store_product_id = store_purchases.product_id)
           and (user_id is not null
                or exists (select from unnest(buyers) as names (name) join users on users.id = names.name
                           where names.name not like '$RCAnonymousID:%'))
         order by id limit $1 for update skip locked",
        limit
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn purchase_lock(
    connection: &mut PgConnection,
    id: StorePurchaseId,
) -> Result<Option<StorePurchase>, sqlx::Error> {
    select_purchases!("where id = $1 for update", id.0).fetch_optional(connection).await
}

pub(super) async fn purchase_by_id(
    connection: &mut PgConnection,
    id: StorePurchaseId,
) -> Result<Option<StorePurchase>, sqlx::Error> {
    select_purchases!("where id = $1", id.0).fetch_optional(connection).await
}

/// What is parked, oldest first, beginning behind a purchase.
pub(super) async fn purchases_parked(
    connection: &mut PgConnection,
    after: StorePurchaseId,
    limit: i64,
) -> Result<Vec<StorePurchase>, sqlx::Error> {
    select_purchases!(
        "where payment_id is null and bought_at is not null and not is_refunded and dismissed_at is null
           and id > $1
         order by id limit $2",
        after.0,
        limit
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn parked_count(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from store_purchases
           where payment_id is null and bought_at is not null and not is_refunded and dismissed_at is null"#
    )
    .fetch_one(connection)
    .await
}

/// Whether something is parked for this name.
pub(super) async fn is_awaited(connection: &mut PgConnection, name: &str) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "select 1 as found from store_purchases where payment_id is null and buyers && array[$1] limit 1",
        name
    );
    Ok(found.fetch_optional(connection).await?.is_some())
}

/// The first of the names that is a user here.
pub(super) async fn first_user(
    connection: &mut PgConnection,
    names: &[&str],
) -> Result<Option<(UserId, WalletId)>, sqlx::Error> {
    let found = sqlx::query!(
        r#"select u.id as "id: UserId", w.id as "wallet_id: WalletId"
           from unnest($1::text[]) with ordinality as names (name, place)
           join users u on u.id = names.name join wallets w on w.user_id = u.id
           order by names.place limit 1"#,
        names as &[&str]
    );
    Ok(found.fetch_optional(connection).await?.map(|row| (row.id, row.wallet_id)))
}

/// Writes what has changed of a purchase that this transaction has locked.
pub(super) async fn purchase_write(
    connection: &mut PgConnection,
    purchase: &StorePurchase,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update store_purchases
         set buyers = $2, user_id = $3, payment_id = $4, bought_at = $5, is_refunded = $6, refund_told_at = $7,
             dismissed_at = $8, quantity = $9, paid_minor = $10, paid_currency = $11, is_held = $12
         where id = $1",
        purchase.id.0,
        &purchase.buyers,
        purchase.user_id.as_ref().map(UserId::as_str),
        purchase.payment_id.map(|id| id.0),
        purchase.bought_at,
        purchase.is_refunded,
        purchase.refund_told_at,
        purchase.dismissed_at,
        purchase.quantity,
        purchase.paid_minor,
        purchase.paid_currency,
        purchase.is_held
    )
    .execute(connection)
    .await?;
    Ok(())
}
