//! The mark of this installation at the providers: what carries another's, or names an order that is not here without
//! carrying ours, is nobody's.

use kernel::ids::InstallationId;
use sqlx::PgConnection;

/// The mark, which never changes.
///
/// # Errors
/// Database errors only.
pub async fn id(connection: &mut PgConnection) -> Result<InstallationId, sqlx::Error> {
    sqlx::query_scalar!(r#"select id as "id: InstallationId" from installation_mark"#)
        .fetch_one(connection)
        .await
}
