//! The verbs: operators are invited, accept, and are changed, disabled and removed. Each is in the audit log, in the
//! same transaction.

use audit::note;
use kernel::clock::Timestamp;
use kernel::database::broken_constraint;
use kernel::ids::OperatorId;
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::passwords::Passwords;
use super::{
    LinkPurpose, NewOperator, Operator, OperatorChange, OperatorError, OperatorRole, rules, sessions, store,
};
use crate::credentials::{CredentialHash, NewCredential};

pub const LINK_PREFIX: &str = "pol_";

/// A link that works once. Its text exists only here and in the answer.
#[derive(Debug)]
pub struct NewLink {
    pub operator: Operator,
    pub token: NewCredential,
    pub expires_at: Timestamp,
}

/// # Errors
/// [`OperatorError::EmailTaken`], [`OperatorError::Invalid`].
pub async fn invite(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    new: &NewOperator,
    reason: Option<&str>,
) -> Result<NewLink, OperatorError> {
    rules::check_operator(new)?;
    let id = OperatorId::new();
    let mut transaction = pool.begin().await?;
    store::insert(&mut transaction, now, id, new).await.map_err(|error| match broken_constraint(&error) {
        Some("operators_by_email") => OperatorError::EmailTaken,
        _ => OperatorError::Database(error),
    })?;
    // The e-mail address stays out of the log, which is never erased.
    let details = json!({ "name": new.name, "role": new.role, "reason": reason });
    note(&mut transaction, now, by, "operator.invite", &id.to_string(), details).await?;
    let link = link(&mut transaction, now, id, LinkPurpose::Invitation).await?;
    transaction.commit().await?;
    Ok(link)
}

/// Makes another link for an operator, in place of those before: for one who lost the invitation or the password, or to
/// sign in.
///
/// # Errors
/// [`OperatorError::NoOperator`].
pub async fn link_again(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    id: OperatorId,
    purpose: LinkPurpose,
) -> Result<NewLink, OperatorError> {
    let mut transaction = pool.begin().await?;
    store::by_id_locked(&mut transaction, id).await?.ok_or(OperatorError::NoOperator)?;
    store::links_delete(&mut transaction, id).await?;
    let details = json!({ "purpose": purpose });
    note(&mut transaction, now, by, "operator.link", &id.to_string(), details).await?;
    let link = link(&mut transaction, now, id, purpose).await?;
    transaction.commit().await?;
    Ok(link)
}

async fn link(
    connection: &mut PgConnection,
    now: Timestamp,
    id: OperatorId,
    purpose: LinkPurpose,
) -> Result<NewLink, OperatorError> {
    let lasts = match purpose {
        LinkPurpose::Invitation => rules::INVITATION_LASTS,
        LinkPurpose::SignIn => rules::SIGN_IN_LINK_LASTS,
    };
    let (token, expires_at) = (NewCredential::generate(LINK_PREFIX), now + lasts);
    store::link_insert(connection, token.hash, id, purpose, expires_at).await?;
    let operator = store::by_id(connection, id).await?.ok_or(OperatorError::NoOperator)?;
    Ok(NewLink { operator, token, expires_at })
}

/// Whose invitation it is; it can still be accepted afterwards.
///
/// # Errors
/// [`OperatorError::NoLink`].
pub async fn invited(
    pool: &PgPool,
    now: Timestamp,
    invitation: CredentialHash,
) -> Result<Operator, OperatorError> {
    let mut connection = pool.acquire().await?;
    let id = store::link_owner(&mut connection, now, invitation, LinkPurpose::Invitation).await?;
    let id = id.ok_or(OperatorError::NoLink)?;
    store::by_id(&mut connection, id).await?.ok_or(OperatorError::NoLink)
}

/// Accepts an invitation, once: the operator has this password from now on, and sessions of before end.
///
/// # Errors
/// [`OperatorError::NoLink`], [`OperatorError::Invalid`] for the password, [`OperatorError::Busy`].
pub async fn accept(
    pool: &PgPool,
    passwords: &Passwords,
    now: Timestamp,
    invitation: CredentialHash,
    password: String,
) -> Result<(Operator, Vec<CredentialHash>), OperatorError> {
    let operator = invited(pool, now, invitation).await?;
    rules::check_password(&password, &operator.email)?;
    let hash = passwords.hash(password).await?;
    let mut transaction = pool.begin().await?;
    let taken = store::link_take(&mut transaction, now, invitation, LinkPurpose::Invitation).await?;
    let id = taken.ok_or(OperatorError::NoLink)?;
    store::links_delete(&mut transaction, id).await?;
    store::set_password(&mut transaction, now, id, &hash).await?;
    let ended = sessions::end_others(&mut transaction, id, None).await?;
    let by = rules::actor(id);
    note(&mut transaction, now, &by, "operator.accept", &id.to_string(), json!({})).await?;
    let operator = store::by_id(&mut transaction, id).await?.ok_or(OperatorError::NoLink)?;
    transaction.commit().await?;
    Ok((operator, ended))
}

/// Changes an operator. One who is disabled is signed out, and no link of theirs works; who gets another role is signed
/// in with it. Returns the credentials that changed.
///
/// # Errors
/// [`OperatorError::NoOperator`], [`OperatorError::LastAdmin`], [`OperatorError::Invalid`].
pub async fn change(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    id: OperatorId,
    change: &OperatorChange,
    reason: &str,
) -> Result<(Operator, Vec<CredentialHash>), OperatorError> {
    change.name.as_deref().map_or(Ok(()), rules::check_name)?;
    let mut transaction = pool.begin().await?;
    if change.disabled == Some(true) || change.role.is_some_and(|role| role != OperatorRole::Admin) {
        check_admins(&mut transaction, id).await?;
    }
    store::by_id_locked(&mut transaction, id).await?.ok_or(OperatorError::NoOperator)?;
    store::update(&mut transaction, now, id, change).await?;
    let changed = if change.disabled == Some(true) {
        store::links_delete(&mut transaction, id).await?;
        sessions::end_others(&mut transaction, id, None).await?
    } else {
        sessions::of(&mut transaction, id).await?
    };
    let details =
        json!({ "name": change.name, "role": change.role, "disabled": change.disabled, "reason": reason });
    note(&mut transaction, now, by, "operator.change", &id.to_string(), details).await?;
    let operator = store::by_id(&mut transaction, id).await?.ok_or(OperatorError::NoOperator)?;
    transaction.commit().await?;
    Ok((operator, changed))
}

/// Removes an operator, with their address and sessions. What they did stays in the audit log. Returns the credentials
/// that ended.
///
/// # Errors
/// [`OperatorError::NoOperator`], [`OperatorError::LastAdmin`].
pub async fn remove(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    id: OperatorId,
    reason: &str,
) -> Result<Vec<CredentialHash>, OperatorError> {
    let mut transaction = pool.begin().await?;
    check_admins(&mut transaction, id).await?;
    let operator = store::by_id_locked(&mut transaction, id).await?.ok_or(OperatorError::NoOperator)?;
    let ended = sessions::end_others(&mut transaction, id, None).await?;
    store::delete(&mut transaction, id).await?;
    let details = json!({ "name": operator.name, "role": operator.role, "reason": reason });
    note(&mut transaction, now, by, "operator.remove", &id.to_string(), details).await?;
    transaction.commit().await?;
    Ok(ended)
}

async fn check_admins(connection: &mut PgConnection, without: OperatorId) -> Result<(), OperatorError> {
    let admins = store::admins_locked(connection).await?;
    if rules::leaves_no_admin(&admins, without) { Err(OperatorError::LastAdmin) } else { Ok(()) }
}

/// # Errors
/// [`OperatorError::NoOperator`].
pub async fn find(connection: &mut PgConnection, id: OperatorId) -> Result<Operator, OperatorError> {
    store::by_id(connection, id).await?.ok_or(OperatorError::NoOperator)
}

/// Those before `before`, the newest first.
///
/// # Errors
/// Database errors only.
pub async fn list(
    connection: &mut PgConnection,
    before: OperatorId,
    limit: i64,
) -> Result<Vec<Operator>, sqlx::Error> {
    store::list(connection, before, limit).await
}
