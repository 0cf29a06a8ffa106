//! Making packages, and listing them.

use std::collections::HashSet;

use sqlx::PgConnection;

use super::{Label, Package, PackageError, rules, store};
use crate::payments::ordering::order_create;
use crate::payments::{NewOrder, Payment};
use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, UserId, WalletId};

/// Names looked up together; twice as many each time that all of them are taken.
const NAMES_AT_ONCE: usize = 8;

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
    let (mut wanted, mut at_once) = (label.name.clone(), NAMES_AT_ONCE);
    loop {
        let names = rules::names_from(wanted, at_once);
        let taken: HashSet<Option<String>> =
            store::names_taken(connection, &order.user_id, &names).await?.into_iter().collect();
        let Some(name) = names.iter().find(|name| !taken.contains(*name)).cloned() else {
            wanted = names.last().map(|last| Some(rules::next_name(last.as_deref()))).unwrap_or_default();
            at_once = at_once.saturating_mul(2);
            continue;
        };
        let description = label.description.as_deref();
        let taken = (payment.id, &order.user_id, name.as_deref(), description);
        if store::package_insert(connection, taken).await? {
            return Ok(payment);
        }
        // Another request has just taken this name: its package can be seen now.
        wanted = name;
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
