//! The SQL of dead letters.

use sqlx::PgConnection;

use super::{DeadLetter, Filter, LetterState, NewLetter, Waiting, rules};
use kernel::clock::Timestamp;
use kernel::ids::DeadLetterId;

/// Returns whether the dead letter is new.
pub(super) async fn letter_insert(
    connection: &mut PgConnection,
    letter: &NewLetter,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into dead_letters (id, role, kind, reason, attempts, died_at, body)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        letter.id.0,
        rules::reason(&letter.role),
        rules::kind(&letter.body),
        rules::reason(&letter.reason),
        i64::from(letter.attempts),
        letter.died_at,
        letter.body
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Selects every column but the body, where the given condition holds.
macro_rules! select_letters {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            DeadLetter,
            r#"select id as "id: DeadLetterId", role, kind, reason, attempts, died_at, state as "state: LetterState",
                      settled_at
               from dead_letters "#
                + $condition
            $(, $argument)*
        )
    };
}

pub(super) async fn letters(
    connection: &mut PgConnection,
    filter: &Filter,
) -> Result<Vec<DeadLetter>, sqlx::Error> {
    let (at, id) = filter.before.unzip();
    select_letters!(
        "where state = $1 and ($2::text is null or role = $2) 
           and (died_at, id) < (coalesce($3::timestamptz, 'infinity'),
                                coalesce($4::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
         order by died_at desc, id desc limit $5",
        filter.state.as_str(),
        filter.role.as_deref(),
        at,
        id.map(|id| id.0),
        filter.limit
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn letter_by_id(
    connection: &mut PgConnection,
    id: DeadLetterId,
) -> Result<Option<DeadLetter>, sqlx::Error> {
    select_letters!("where id = $1", id.0).fetch_optional(connection).await
}

pub(super) async fn letter_lock(
    connection: &mut PgConnection,
    id: DeadLetterId,
) -> Result<Option<DeadLetter>, sqlx::Error> {
    select_letters!("where id = $1 for update", id.0).fetch_optional(connection).await
}

/// The message; none once the dead letter is settled.
pub(super) async fn body(
    connection: &mut PgConnection,
    id: DeadLetterId,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let found = sqlx::query_scalar!("select body from dead_letters where id = $1", id.0);
    Ok(found.fetch_optional(connection).await?.flatten())
}

pub(super) async fn letter_settle(
    connection: &mut PgConnection,
    now: Timestamp,
    id: DeadLetterId,
    state: LetterState,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update dead_letters set state = $2, settled_at = $3, body = null where id = $1",
        id.0,
        state.as_str(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn waiting(connection: &mut PgConnection) -> Result<Vec<Waiting>, sqlx::Error> {
    sqlx::query_as!(
        Waiting,
        r#"select role, reason, count(*) as "count!" from dead_letters where state = 'waiting'
           group by role, reason order by count(*) desc, role, reason"#
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn letters_delete(
    connection: &mut PgConnection,
    settled_before: Timestamp,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "delete from dead_letters where id in (select id from dead_letters where settled_at < $1 limit $2)",
        settled_before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
