//! The verbs of the catalog.

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
pub async fn pack_create(pool: &PgPool, now: Timestamp, pack: &Pack) -> Result<(), CatalogError> {
    rules::check_pack(pack)?;
    let mut connection = pool.acquire().await?;
    store::pack_insert(&mut connection, now, pack).await.map_err(|error| refused(error, pack))
}

/// Replaces a pack. Orders already made keep what they were made with.
///
/// # Errors
/// [`CatalogError::Invalid`], [`CatalogError::NoPack`], [`CatalogError::StoreProductTaken`].
pub async fn pack_replace(pool: &PgPool, now: Timestamp, pack: &Pack) -> Result<(), CatalogError> {
    rules::check_pack(pack)?;
    let mut connection = pool.acquire().await?;
    let found = store::pack_update(&mut connection, now, pack).await.map_err(|error| refused(error, pack))?;
    if found { Ok(()) } else { Err(CatalogError::NoPack(pack.id.clone())) }
}

fn refused(error: sqlx::Error, pack: &Pack) -> CatalogError {
    match broken_constraint(&error) {
        Some("packs_pkey") => CatalogError::PackExists(pack.id.clone()),
        Some("packs_store_product_unique") => CatalogError::StoreProductTaken,
        _ => CatalogError::Database(error),
    }
}
