//! Many users at once: those that are there, and new ones with their wallets.

use kernel::clock::Timestamp;
use kernel::ids::{UserId, WalletId};
use sqlx::PgConnection;

/// A user who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownUser {
    pub id: UserId,
    pub email: Option<String>,
    pub name: Option<String>,
    pub is_erased: bool,
    pub wallet_id: WalletId,
}

/// What a user is made of, or is completed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Particulars<'a> {
    pub id: &'a UserId,
    pub email: Option<&'a str>,
    pub name: Option<&'a str>,
}

/// Those of some users who are there, in any order.
///
/// # Errors
/// Database errors only.
pub async fn users_known(
    connection: &mut PgConnection,
    ids: &[&UserId],
) -> Result<Vec<KnownUser>, sqlx::Error> {
    let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    sqlx::query_as!(
        KnownUser,
        r#"select u.id as "id: UserId", u.email, u.name, u.erased_at is not null as "is_erased!",
                  w.id as "wallet_id: WalletId"
           from unnest($1::text[]) as wanted (id)
           join users u on u.id = wanted.id join wallets w on w.user_id = u.id"#,
        &ids as &[&str]
    )
    .fetch_all(connection)
    .await
}

/// Makes users with these wallets, in the order of their ids so that two who do so wait for each other only. Whether
/// none of them was there; if one was, the transaction is to be rolled back.
///
/// # Errors
/// Database errors only.
pub async fn users_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    new: &[(Particulars<'_>, WalletId)],
) -> Result<bool, sqlx::Error> {
    let mut new: Vec<_> = new.iter().collect();
    new.sort_by_key(|(user, _)| user.id);
    let ids: Vec<&str> = new.iter().map(|(user, _)| user.id.as_str()).collect();
    let emails: Vec<Option<&str>> = new.iter().map(|(user, _)| user.email).collect();
    let names: Vec<Option<&str>> = new.iter().map(|(user, _)| user.name).collect();
    let made = sqlx::query!(
        "insert into users (id, email, name, created_at)
         select id, email, name, $4 from unnest($1::text[], $2::text[], $3::text[]) as new (id, email, name)
         on conflict do nothing",
        &ids as &[&str],
        &emails as &[Option<&str>],
        &names as &[Option<&str>],
        now
    )
    .execute(&mut *connection)
    .await?;
    if usize::try_from(made.rows_affected()) != Ok(new.len()) {
        return Ok(false);
    }
    let wallets: Vec<WalletId> = new.iter().map(|(_, wallet)| *wallet).collect();
    sqlx::query!(
        "insert into wallets (id, user_id, created_at)
         select id, user_id, $3 from unnest($1::uuid[], $2::text[]) as new (id, user_id)",
        &wallets as &[WalletId],
        &ids as &[&str],
        now
    )
    .execute(connection)
    .await?;
    Ok(true)
}

/// Gives users the address and the name that they lack.
///
/// # Errors
/// Database errors only.
pub async fn users_complete(
    connection: &mut PgConnection,
    lacking: &[Particulars<'_>],
) -> Result<(), sqlx::Error> {
    let ids: Vec<&str> = lacking.iter().map(|user| user.id.as_str()).collect();
    let emails: Vec<Option<&str>> = lacking.iter().map(|user| user.email).collect();
    let names: Vec<Option<&str>> = lacking.iter().map(|user| user.name).collect();
    sqlx::query!(
        "update users set email = coalesce(users.email, new.email), name = coalesce(users.name, new.name)
         from unnest($1::text[], $2::text[], $3::text[]) as new (id, email, name)
         where users.id = new.id and users.erased_at is null",
        &ids as &[&str],
        &emails as &[Option<&str>],
        &names as &[Option<&str>]
    )
    .execute(connection)
    .await?;
    Ok(())
}
