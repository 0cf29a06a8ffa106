//! Validates users, organizations and sessions, and says what each role may do. Pure.

use std::collections::HashSet;
use std::time::Duration;

use super::rights::Scope;
use super::{IdentityError, Member, NewApiKey, NewSession, NewUser, Role};
use kernel::clock::Timestamp;
use kernel::ids::UserId;

/// How long a session lasts by default.
pub const SESSION_TTL: Duration = Duration::from_hours(24);

const SESSION_TTL_MAX: Duration = Duration::from_hours(24 * 365);

const REASON_MAX: usize = 500;

/// The most members that one request may name.
const MEMBERS_MAX: usize = 1_000;

fn invalid(field: &'static str, message: impl Into<String>) -> Result<(), IdentityError> {
    Err(IdentityError::Invalid { field, message: message.into() })
}

/// # Errors
/// [`IdentityError::Invalid`].
pub fn check_user(user: &NewUser) -> Result<(), IdentityError> {
    let fits =
        |name: &String| (1..=200).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if !user.name.as_ref().is_none_or(fits) {
        return invalid("name", "name must have 1 to 200 characters");
    }
    let Some(email) = &user.email else { return Ok(()) };
    let shaped = email.len() <= 320
        && email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
        && !email.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    if shaped { Ok(()) } else { invalid("email", "email is not an e-mail address") }
}

/// # Errors
/// [`IdentityError::Invalid`].
pub fn check_reason(reason: &str) -> Result<(), IdentityError> {
    if reason.trim().is_empty() || reason.chars().count() > REASON_MAX {
        return invalid("reason", format!("reason must have 1 to {REASON_MAX} characters"));
    }
    Ok(())
}

/// # Errors
/// [`IdentityError::Invalid`].
pub fn check_organization(name: &str, members: &[(UserId, Role)]) -> Result<(), IdentityError> {
    if !(1..=200).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return invalid("name", "name must have 1 to 200 characters");
    }
    if members.len() > MEMBERS_MAX {
        return invalid("members", format!("at most {MEMBERS_MAX} members can be named at once"));
    }
    let mut seen = HashSet::new();
    match members.iter().find(|(user, _)| !seen.insert(user)) {
        Some((user, _)) => invalid("members", format!("{user} is named twice")),
        None => Ok(()),
    }
}

/// # Errors
/// [`IdentityError::Invalid`].
pub fn check_session(session: &NewSession) -> Result<(), IdentityError> {
    if session.ttl.is_zero() || session.ttl > SESSION_TTL_MAX {
        return invalid("ttlSeconds", "ttlSeconds must be between 1 and 31536000");
    }
    if session.scopes.iter().all(|scope| Scope::OF_USERS.contains(&scope)) {
        return Ok(());
    }
    invalid("scopes", "scopes of a session are read, buy and spend")
}

/// # Errors
/// [`IdentityError::Invalid`].
pub fn check_api_key(key: &NewApiKey, now: Timestamp) -> Result<(), IdentityError> {
    if !(1..=100).contains(&key.name.chars().count()) || key.name.chars().any(char::is_control) {
        return invalid("name", "name must have 1 to 100 characters");
    }
    if key.scopes.is_empty() {
        return invalid("scopes", "scopes must name at least one of read, spend, buy, manage and admin");
    }
    if key.expires_at.is_some_and(|at| at <= now) {
        return invalid("expiresAt", "expiresAt must be in the future");
    }
    Ok(())
}

pub fn may_spend(role: Role) -> bool {
    matches!(role, Role::Owner | Role::Admin | Role::Member)
}

/// Whether this role may see and release holds of other members.
pub fn may_manage_holds(role: Role) -> bool {
    matches!(role, Role::Owner | Role::Admin)
}

pub fn may_buy(role: Role) -> bool {
    matches!(role, Role::Owner | Role::Admin)
}

/// Whether a member of an organization with this role may limit what one with the other role spends: owners limit
/// everybody, admins those who could not limit them.
pub fn may_limit(role: Role, of: Role) -> bool {
    match role {
        Role::Owner => true,
        Role::Admin => matches!(of, Role::Member | Role::Viewer),
        Role::Member | Role::Viewer => false,
    }
}

/// Whether an organization that has an owner would lose its last one if `user` got this role; none: if `user` left.
pub fn leaves_no_owner(members: &[Member], user: &UserId, role: Option<Role>) -> bool {
    let mut owners = members.iter().filter(|member| member.role == Role::Owner);
    role != Some(Role::Owner)
        && owners.next().is_some_and(|owner| owner.user_id == *user)
        && owners.next().is_none()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn user(id: &str) -> UserId {
        UserId::try_from(id.to_owned()).unwrap()
    }

    #[test]
    fn a_member_named_twice_is_refused() {
        let twice = [(user("a"), Role::Owner), (user("b"), Role::Viewer), (user("a"), Role::Viewer)];
        assert!(check_organization("Acme", &twice).is_err());
        assert!(check_organization("Acme", twice.get(..2).unwrap()).is_ok());
        assert!(check_organization("", &[]).is_err());
    }

    #[test]
    fn e_mail_addresses_need_two_sides_and_no_line_breaks() {
        let with = |email: &str| NewUser { email: Some(email.to_owned()), ..NewUser::new(user("a")) };
        assert!(check_user(&with("ada@example.com")).is_ok());
        for email in ["", "ada", "@example.com", "ada@", "ada@example.com\nbcc: eve@example.com"] {
            assert!(check_user(&with(email)).is_err(), "{email:?}");
        }
    }

    #[test]
    fn viewers_only_look_and_members_do_not_buy() {
        assert!(!may_spend(Role::Viewer) && may_spend(Role::Member));
        assert!(!may_buy(Role::Member) && may_buy(Role::Admin));
        assert!(!may_manage_holds(Role::Member) && may_manage_holds(Role::Admin));
    }

    #[test]
    fn nobody_but_an_owner_lifts_a_limit_of_their_own() {
        let all = [Role::Owner, Role::Admin, Role::Member, Role::Viewer];
        assert!(all.iter().all(|of| may_limit(Role::Owner, *of)));
        assert_eq!(all.map(|of| may_limit(Role::Admin, of)), [false, false, true, true]);
        assert!(!all.iter().any(|of| may_limit(Role::Member, *of) || may_limit(Role::Viewer, *of)));
    }

    #[test]
    fn the_last_owner_stays_an_owner() {
        let member = |id: &str, role| Member { user_id: user(id), role };
        let one = [member("a", Role::Owner), member("b", Role::Admin)];
        let two = [member("a", Role::Owner), member("b", Role::Owner)];
        let none = [member("a", Role::Admin)];
        for role in [Some(Role::Admin), Some(Role::Viewer), None] {
            assert!(leaves_no_owner(&one, &user("a"), role));
            assert!(!leaves_no_owner(&one, &user("b"), role));
            assert!(!leaves_no_owner(&two, &user("a"), role));
            assert!(!leaves_no_owner(&none, &user("a"), role));
        }
        assert!(!leaves_no_owner(&one, &user("a"), Some(Role::Owner)));
    }
}
