//! The SQL of the catalog.

use sqlx::PgConnection;

use super::{Pack, StoredPack};
use kernel::clock::Timestamp;
use kernel::money::{Credits, Currency, Money};

struct PackRow {
    id: String,
    name: String,
    description: String,
    credits: Credits,
    price_minor: i64,
    currency: String,
    dialects: Vec<String>,
    stripe_payment_link: Option<String>,
    store_product_id: Option<String>,
    creem_product_id: Option<String>,
    is_active: bool,
    sort_order: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
    expires_after_days: Option<i32>,
}

impl PackRow {
    fn into_stored(self) -> Result<StoredPack, sqlx::Error> {
        let (created_at, updated_at) = (self.created_at, self.updated_at);
        Ok(StoredPack { pack: self.into_pack()?, created_at, updated_at })
    }

    fn into_pack(self) -> Result<Pack, sqlx::Error> {
        let currency: Currency =
            self.currency.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(Pack {
            id: self.id,
            name: self.name,
            description: self.description,
            credits: self.credits,
            price: Money::new(self.price_minor, currency),
            expires_after_days: self.expires_after_days,
            dialects: self.dialects,
            stripe_payment_link: self.stripe_payment_link,
            store_product_id: self.store_product_id,
            creem_product_id: self.creem_product_id,
            is_active: self.is_active,
            sort_order: self.sort_order,
        })
    }
}

pub(super) async fn packs(connection: &mut PgConnection) -> Result<Vec<StoredPack>, sqlx::Error> {
    let rows = sqlx::query_as!(
        PackRow,
        r#"select id, name, description, credits as "credits: Credits", price_minor, currency, dialects,
                  stripe_payment_link, store_product_id, creem_product_id, is_active, sort_order,
                  created_at, updated_at, expires_after_days
           from packs order by sort_order, id"#
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(PackRow::into_stored).collect()
}

pub(super) async fn pack(connection: &mut PgConnection, id: &str) -> Result<Option<StoredPack>, sqlx::Error> {
    let row = sqlx::query_as!(
        PackRow,
        r#"select id, name, description, credits as "credits: Credits", price_minor, currency, dialects,
                  stripe_payment_link, store_product_id, creem_product_id, is_active, sort_order,
                  created_at, updated_at, expires_after_days
           from packs where id = $1"#,
        id
    )
    .fetch_optional(connection)
    .await?;
    row.map(PackRow::into_stored).transpose()
}

pub(super) async fn packs_by_id(
    connection: &mut PgConnection,
    ids: &[String],
) -> Result<Vec<Pack>, sqlx::Error> {
    let rows = sqlx::query_as!(
        PackRow,
        r#"select id, name, description, credits as "credits: Credits", price_minor, currency, dialects,
                  stripe_payment_link, store_product_id, creem_product_id, is_active, sort_order,
                  created_at, updated_at, expires_after_days
           from packs where id = any($1)"#,
        ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(PackRow::into_pack).collect()
}

pub(super) async fn pack_by_store_product(
    connection: &mut PgConnection,
    product: &str,
) -> Result<Option<Pack>, sqlx::Error> {
    let row = sqlx::query_as!(
        PackRow,
        r#"select id, name, description, credits as "credits: Credits", price_minor, currency, dialects,
                  stripe_payment_link, store_product_id, creem_product_id, is_active, sort_order,
                  created_at, updated_at, expires_after_days
           from packs where store_product_id = $1"#,
        product
    )
    .fetch_optional(connection)
    .await?;
    row.map(PackRow::into_pack).transpose()
}

pub(super) async fn pack_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    pack: &Pack,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into packs (id, name, description, credits, price_minor, currency, dialects, stripe_payment_link,
                            store_product_id, is_active, sort_order, created_at, updated_at, creem_product_id,
                            expires_after_days)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14)",
        pack.id,
        pack.name,
        pack.description,
        pack.credits.millionths(),
        pack.price.minor,
        pack.price.currency.as_str(),
        &pack.dialects,
        pack.stripe_payment_link,
        pack.store_product_id,
        pack.is_active,
        pack.sort_order,
        now,
        pack.creem_product_id,
        pack.expires_after_days
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Replaces a pack; false when there is none of this id.
pub(super) async fn pack_update(
    connection: &mut PgConnection,
    now: Timestamp,
    pack: &Pack,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update packs set name = $2, description = $3, credits = $4, price_minor = $5, currency = $6, dialects = $7,
                          stripe_payment_link = $8, store_product_id = $9, is_active = $10, sort_order = $11,
                          updated_at = $12, creem_product_id = $13, expires_after_days = $14
         where id = $1",
        pack.id,
        pack.name,
        pack.description,
        pack.credits.millionths(),
        pack.price.minor,
        pack.price.currency.as_str(),
        &pack.dialects,
        pack.stripe_payment_link,
        pack.store_product_id,
        pack.is_active,
        pack.sort_order,
        now,
        pack.creem_product_id,
        pack.expires_after_days
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
