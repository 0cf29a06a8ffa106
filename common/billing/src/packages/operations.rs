//! Making packages, and listing them.

use std::collections::HashSet;

use sqlx::PgConnection;

use super::{Label, Package, PackageError, rules, store};
use crate::payments::ordering::order_create;
use crate::payments::{NewOrder, Payment};
use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, UserId, WalletId};

/// Stores an order as a package, in the caller's transaction. Where the buyer has a package of this name, the new
/// one gets the next name that is free.
///
/// # Errors
/// [`PackageError`]; the transaction is then to be rolled back.
pub async fn package_create(
    connection: &mut PgConnection,
    now: Timestamp,
    order: &NewOrder,
    label: &Label,
) -> Result<Payment, PackageError> {
    rules::check_label(label)?;
    let payment = order_create(connection, now, order).await?;
    loop {
        let names: HashSet<Option<String>> =
            store::names(connection, &order.user_id).await?.into_iter().collect();
        let name = rules::free_name(label.name.as_deref(), |name| names.contains(&name.map(str::to_owned)));
        let description = label.description.as_deref();
        let taken = (payment.id, &order.user_id, name.as_deref(), description);
        if store::package_insert(connection, taken).await? {
            return Ok(payment);
        }
        // Another request has just taken this name: its package can be seen now.
    }
}

/// The packages of a user, paid or not, and what else was paid into the user's wallet. In the order of their making.
///
/// # Errors
/// Database errors only.
pub async fn packages(
    connection: &mut PgConnection,
    user: &UserId,
    wallet: WalletId,
) -> Result<Vec<Package>, sqlx::Error> {
    store::packages(connection, user, wallet).await
}

/// Whether this order is a package.
///
/// # Errors
/// Database errors only.
pub async fn is_package(connection: &mut PgConnection, id: PaymentId) -> Result<bool, sqlx::Error> {
    store::is_package(connection, id).await
}
