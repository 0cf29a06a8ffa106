//! Finds the credential in a request and tells its kind by its shape. Pure.

use std::borrow::Cow;

use identity::credentials::{API_KEY_PREFIX, PORTAL_SESSION_PREFIX, SESSION_PREFIX};
use identity::operators::sessions::TOKEN_PREFIX as OPERATOR_PREFIX;
use warp::http::{HeaderMap, header};

use super::Via;

/// The cookies that may hold a session token: Purser's own, and those of the Billing API's clients.
const COOKIES: [&str; 3] =
    ["purser_session", "better-auth.session_token", "__Secure-better-auth.session_token"];
/// Headers that hold a bare credential: Purser's own (which WASDI has too), and an old one of Samsar's.
const BARE_HEADERS: [&str; 2] = ["x-session-token", "api_key"];

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Presented<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) via: Via,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ApiKey,
    Session,
    OperatorSession,
    PortalSession,
    Jwt,
    Unknown,
}

/// The credential of a request. A header is preferred to a cookie, and a bad header is not made good by a cookie.
pub(super) fn presented(headers: &HeaderMap) -> Option<Presented<'_>> {
    if is_ambiguous(headers) {
        return Some(Presented { text: Cow::Borrowed(""), via: Via::Header });
    }
    if let Some(text) = bearer(headers) {
        return Some(Presented { text: Cow::Borrowed(text), via: Via::Header });
    }
    for name in BARE_HEADERS {
        let text = headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            return Some(Presented { text: Cow::Borrowed(text), via: Via::Header });
        }
    }
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, value)| COOKIES.contains(name) && !value.is_empty())
        .map(|(_, value)| Presented { text: Cow::Owned(unquoted(value)), via: Via::Cookie })
}

/// The second word of `Authorization`; clients of some APIs send any scheme.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    if is_ambiguous(headers) {
        return None;
    }
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_scheme, credential) = text.trim().split_once(' ')?;
    let credential = credential.trim();
    (!credential.is_empty()).then_some(credential)
}

/// Whether there are several `Authorization` headers. A proxy in front may have checked another of them, so none
/// counts.
fn is_ambiguous(headers: &HeaderMap) -> bool {
    headers.get_all(header::AUTHORIZATION).iter().nth(1).is_some()
}

pub(super) fn kind(text: &str) -> Kind {
    if text.starts_with(API_KEY_PREFIX) {
        Kind::ApiKey
    } else if text.starts_with(SESSION_PREFIX) {
        Kind::Session
    } else if text.starts_with(OPERATOR_PREFIX) {
        Kind::OperatorSession
    } else if text.starts_with(PORTAL_SESSION_PREFIX) {
        Kind::PortalSession
    } else if text.split('.').count() == 3 && text.split('.').all(|part| !part.is_empty()) {
        Kind::Jwt
    } else {
        Kind::Unknown
    }
}

fn unquoted(value: &str) -> String {
    value.trim().trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn found(pairs: &[(&'static str, &str)]) -> Option<(String, Via)> {
        presented(&headers(pairs)).map(|presented| (presented.text.into_owned(), presented.via))
    }

    #[test]
    fn each_place_is_found() {
        let header = Some(("psk_1".to_owned(), Via::Header));
        assert_eq!(found(&[("authorization", "Bearer psk_1")]), header);
        assert_eq!(found(&[("authorization", "bearer   psk_1 ")]), header);
        assert_eq!(found(&[("x-session-token", "psk_1")]), header);
        let cookie = Some(("pst_1".to_owned(), Via::Cookie));
        assert_eq!(found(&[("cookie", "a=b; purser_session=pst_1; c=d")]), cookie);
        assert_eq!(found(&[("cookie", "a=b"), ("cookie", "better-auth.session_token=\"pst_1\"")]), cookie);
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        for pairs in [
            &[][..],
            &[("authorization", "")],
            &[("authorization", "Bearer")],
            &[("authorization", "Bearer ")],
            &[("x-session-token", " ")],
            &[("cookie", "purser_session=; xpurser_session=pst_1; purser_session")],
        ] {
            assert_eq!(found(pairs), None, "{pairs:?}");
        }
    }

    #[test]
    fn of_two_authorizations_none_counts() {
        let unusable = Some((String::new(), Via::Header));
        let twice = [("authorization", "Bearer psk_1"), ("authorization", "Bearer psk_1")];
        assert_eq!(found(&twice), unusable);
        assert_eq!(found(&[twice[0], ("authorization", ""), ("cookie", "purser_session=pst_1")]), unusable);
        assert_eq!(bearer(&headers(&twice)), None);
    }

    #[test]
    fn a_bad_header_is_not_made_good_by_a_cookie() {
        let pairs = [("authorization", "Bearer wrong"), ("cookie", "purser_session=pst_1")];
        assert_eq!(found(&pairs), Some(("wrong".to_owned(), Via::Header)));
    }

    #[test]
    fn kinds() {
        assert_eq!(kind("psk_ab"), Kind::ApiKey);
        assert_eq!(kind("pst_ab"), Kind::Session);
        assert_eq!(kind("pos_ab"), Kind::OperatorSession);
        assert_eq!(kind("pps_ab"), Kind::PortalSession);
        assert_eq!(kind("a.b.c"), Kind::Jwt);
        for text in ["", "a", "a.b", "a..c", "a.b.c.d", "sk_test_1"] {
            assert_eq!(kind(text), Kind::Unknown, "{text}");
        }
    }
}
