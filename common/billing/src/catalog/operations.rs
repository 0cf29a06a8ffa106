//! The verbs of the catalog.

use audit::note;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use super::{CatalogError, Pack, StoredPack, rules, store};
use kernel::clock::Timestamp;
use kernel::database::broken_constraint;

/// All packs, sold or not, in the order in which they are listed.
///
/// # Errors
/// Database errors only.
pub async fn packs(pool: &PgPool) -> Result<Vec<Pack>, sqlx::Error> {
    Ok(packs_with_times(pool).await?.into_iter().map(|stored| stored.pack).collect())
}

/// The same, with when each was made and changed.
///
/// # Errors
/// Database errors only.
pub async fn packs_with_times(pool: &PgPool) -> Result<Vec<StoredPack>, sqlx::Error> {
    store::packs(&mut *pool.acquire().await?).await
}

/// The packs of these ids, in no order; unknown ids are left out.
///
/// # Errors
/// Database errors only.
pub async fn packs_by_id(connection: &mut PgConnection, ids: &[String]) -> Result<Vec<Pack>, sqlx::Error> {
    store::packs_by_id(connection, ids).await
}

/// One pack, sold or not.
///
/// # Errors
/// Database errors only.
pub async fn pack(pool: &PgPool, id: &str) -> Result<Option<StoredPack>, sqlx::Error> {
    store::pack(&mut *pool.acquire().await?, id).await
}

/// The pack that is sold as this product of app stores, sold now or not.
///
/// # Errors
/// Database errors only.
pub async fn pack_by_store_product(
    connection: &mut PgConnection,
    product: &str,
) -> Result<Option<Pack>, sqlx::Error> {
    store::pack_by_store_product(connection, product).await
}

/// Adds a pack.
///
/// # Errors
/// [`CatalogError::Invalid`], [`CatalogError::PackExists`], [`CatalogError::StoreProductTaken`].
pub async fn pack_create(pool: &PgPool, now: Timestamp, by: &str, pack: &Pack) -> Result<(), CatalogError> {
    rules::check_pack(pack)?;
    let mut transaction = pool.begin().await?;
    store::pack_insert(&mut transaction, now, pack).await.map_err(|error| refused(error, pack))?;
    note(&mut transaction, now, by, "pack.create", &pack.id, described(pack)).await?;
    Ok(transaction.commit().await?)
}

/// Replaces a pack. Orders already made keep what they were made with.
///
/// # Errors
/// [`CatalogError::Invalid`], [`CatalogError::NoPack`], [`CatalogError::StoreProductTaken`].
pub async fn pack_replace(pool: &PgPool, now: Timestamp, by: &str, pack: &Pack) -> Result<(), CatalogError> {
    rules::check_pack(pack)?;
    let mut transaction = pool.begin().await?;
    if !store::pack_update(&mut transaction, now, pack).await.map_err(|error| refused(error, pack))? {
        return Err(CatalogError::NoPack(pack.id.clone()));
    }
    note(&mut transaction, now, by, "pack.replace", &pack.id, described(pack)).await?;
    Ok(transaction.commit().await?)
}

fn described(pack: &Pack) -> Value {
    json!({
        "name": pack.name, "credits": pack.credits.to_string(), "price": pack.price.to_string(),
        "active": pack.is_active,
    })
}

fn refused(error: sqlx::Error, pack: &Pack) -> CatalogError {
    match broken_constraint(&error) {
        Some("packs_pkey") => CatalogError::PackExists(pack.id.clone()),
        Some("packs_store_product_unique") => CatalogError::StoreProductTaken,
        _ => CatalogError::Database(error),
    }
}
