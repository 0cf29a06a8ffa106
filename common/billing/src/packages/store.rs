//! The SQL of packages.

use sqlx::PgConnection;

use super::{Label, Package};
use crate::payments::{Dialect, Kind, Provider, State};
use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, UserId, WalletId};
use kernel::money::Credits;

struct Row {
    id: PaymentId,
    dialect: Dialect,
    kind: Kind,
    provider: Provider,
    state: State,
    credits: Credits,
    remaining: Option<Credits>,
    summary: String,
    pack_id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    created_at: Timestamp,
    completed_at: Option<Timestamp>,
}

/// Those of some names that packages of a user have.
pub(super) async fn names_taken(
    connection: &mut PgConnection,
    user: &UserId,
    names: &[Option<String>],
) -> Result<Vec<Option<String>>, sqlx::Error> {
    let texts: Vec<&str> = names.iter().filter_map(Option::as_deref).collect();
    sqlx::query_scalar!(
        "select taken.name from unnest($2::text[]) as wanted (name)
         cross join lateral (select name from packages where user_id = $1 and name = wanted.name limit 1) taken
         union all
         select name from packages where user_id = $1 and name is null",
        user.as_str(),
        &texts as &[&str]
    )
    .fetch_all(connection)
    .await
}

/// Adds a package; false when its name is taken. Waits for those that are taking it.
pub(super) async fn package_insert(
    connection: &mut PgConnection,
    (id, user, name, description): (PaymentId, &UserId, Option<&str>, Option<&str>),
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into packages (payment_id, user_id, name, description) values ($1, $2, $3, $4)
         on conflict do nothing",
        id.0,
        user.as_str(),
        name,
        description
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn is_package(connection: &mut PgConnection, id: PaymentId) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!("select 1 as found from packages where payment_id = $1", id.0);
    Ok(found.fetch_optional(connection).await?.is_some())
}

pub(super) async fn packages(
    connection: &mut PgConnection,
    user: &UserId,
    wallet: WalletId,
) -> Result<Vec<Package>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select p.id as "id: PaymentId", p.dialect as "dialect: Dialect", p.kind as "kind: Kind",
                  p.provider as "provider: Provider", p.state as "state: State", p.credits as "credits: Credits",
                  g.remaining as "remaining?: Credits", p.summary,
                  (select min(pack_id) from payment_items where payment_id = p.id having count(*) = 1) as pack_id,
                  k.name as "name?", k.description as "description?", p.created_at, p.completed_at
           from payments p
           left join packages k on k.payment_id = p.id
           left join grants g on g.payment_id = p.id
           where p.user_id = $1 and p.wallet_id = $2 and p.mode <> 'setup'
             and (p.completed_at is not null or k.payment_id is not null)
           order by p.created_at, p.number"#,
        user.as_str(),
        wallet.0
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Package {
            id: row.id,
            dialect: row.dialect,
            kind: row.kind,
            provider: row.provider,
            state: row.state,
            credits: row.credits,
            remaining: row.remaining,
            summary: row.summary,
            pack_id: row.pack_id,
            label: Label { name: row.name, description: row.description },
            created_at: row.created_at,
            completed_at: row.completed_at,
        })
        .collect())
}
