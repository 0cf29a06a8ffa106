//! What is a proper operator and password, when sessions end, and who must stay. Pure.

use std::time::Duration;

use kernel::clock::Timestamp;
use kernel::ids::OperatorId;

use super::{NewOperator, Operator, OperatorError, OperatorRole};

/// How long an invitation waits to be accepted.
pub const INVITATION_LASTS: Duration = Duration::from_hours(72);
/// How long a sign-in link waits to be used.
pub const SIGN_IN_LINK_LASTS: Duration = Duration::from_hours(12);
/// A session that is not used for so long ends.
pub const IDLE: Duration = Duration::from_hours(2);
/// A session ends after so long, however much it is used.
pub const SESSION_LASTS: Duration = Duration::from_hours(12);

const PASSWORD_MIN: usize = 12;
/// No sensible password is longer, and more would only cost time to hash.
const PASSWORD_MAX: usize = 256;

fn invalid(field: &'static str, message: impl Into<String>) -> Result<(), OperatorError> {
    Err(OperatorError::Invalid { field, message: message.into() })
}

/// # Errors
/// [`OperatorError::Invalid`].
pub fn check_operator(new: &NewOperator) -> Result<(), OperatorError> {
    check_name(&new.name)?;
    let is_address = new.email.len() <= 320
        && new.email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
        && !new.email.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    if is_address { Ok(()) } else { invalid("email", "email is not an e-mail address") }
}

/// # Errors
/// [`OperatorError::Invalid`].
pub fn check_name(name: &str) -> Result<(), OperatorError> {
    let fits = (1..=200).contains(&name.trim().chars().count()) && !name.chars().any(char::is_control);
    if fits { Ok(()) } else { invalid("name", "name must have 1 to 200 characters") }
}

/// Length is what makes a password strong: no rules about its characters.
///
/// # Errors
/// [`OperatorError::Invalid`].
pub fn check_password(password: &str, email: &str) -> Result<(), OperatorError> {
    if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&password.chars().count()) {
        return invalid(
            "password",
            format!("password must have {PASSWORD_MIN} to {PASSWORD_MAX} characters"),
        );
    }
    if password.eq_ignore_ascii_case(email) {
        return invalid("password", "password must not be the e-mail address");
    }
    let mut letters = password.chars();
    let first = letters.next();
    if letters.all(|letter| Some(letter) == first) {
        return invalid("password", "password must not be one character only");
    }
    Ok(())
}

/// As the audit log names an operator.
pub fn actor(id: OperatorId) -> String {
    format!("operator:{id}")
}

/// When a session ends unless it is used again.
pub fn ends_at(last_seen: Timestamp, expires: Timestamp) -> Timestamp {
    (last_seen + IDLE).min(expires)
}

/// Whether no operator who can sign in would be an admin any more if this one were not.
pub fn leaves_no_admin(admins: &[Operator], without: OperatorId) -> bool {
    let mut active =
        admins.iter().filter(|one| one.role == OperatorRole::Admin && one.is_active()).peekable();
    active.peek().is_some() && active.all(|one| one.id == without)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn operator(role: OperatorRole, accepted: bool, disabled: bool) -> Operator {
        let at = Timestamp::UNIX_EPOCH;
        Operator {
            id: OperatorId::new(),
            email: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
            role,
            created_at: at,
            accepted_at: accepted.then_some(at),
            disabled_at: disabled.then_some(at),
        }
    }

    #[test]
    fn the_last_admin_who_can_sign_in_stays() {
        let admin = operator(OperatorRole::Admin, true, false);
        let invited = operator(OperatorRole::Admin, false, false);
        let disabled = operator(OperatorRole::Admin, true, true);
        let other = operator(OperatorRole::Admin, true, false);
        let all = [admin.clone(), invited.clone(), disabled];
        assert!(leaves_no_admin(&all, admin.id));
        assert!(!leaves_no_admin(&all, invited.id), "who was never in leaves nothing behind");
        assert!(!leaves_no_admin(&[admin.clone(), other], admin.id));
        assert!(!leaves_no_admin(&[], admin.id));
    }

    #[test]
    fn a_password_is_long_and_not_the_address() {
        let email = "ada.lovelace@example.com";
        assert!(check_password("correct horse battery", email).is_ok());
        for bad in ["short", "aaaaaaaaaaaaaaaa", "Ada.Lovelace@example.com", &"long".repeat(65)] {
            assert!(check_password(bad, email).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_session_ends_by_disuse_or_at_its_end() {
        let start = Timestamp::UNIX_EPOCH;
        let end = start + SESSION_LASTS;
        assert_eq!(ends_at(start, end), start + IDLE);
        assert_eq!(ends_at(end - Duration::from_mins(1), end), end);
    }

    #[test]
    fn each_role_may_what_those_before_it_may() {
        let roles = [OperatorRole::Viewer, OperatorRole::Support, OperatorRole::Finance, OperatorRole::Admin];
        for pair in roles.windows(2) {
            let [less, more] = pair else { continue };
            assert!(less < more && less.scopes().iter().all(|scope| more.scopes().contains(scope)));
        }
    }
}
