//! How many requests one credential, and one address, may make in a second. A request above that is answered with 429
//! before anything else is done for it, so that one caller cannot crowd out the others. Provider events count only by
//! address, and ten times as many are taken: a refused event would only be sent again.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ipnet::{IpNet, Ipv6Net};
use kernel::metrics::catalogue;
use warp::http::HeaderMap;

use crate::auth::credential_text;
use crate::config::RateLimitConfig;

/// One address may send this many times as many provider events as requests.
const EVENTS_FACTOR: u32 = 10;
/// How often quiet callers are forgotten: this bounds what is remembered by what arrives in this time.
pub(super) const FORGET_EVERY: Duration = Duration::from_secs(10);

pub(super) struct RateLimits {
    credentials: Option<DefaultKeyedRateLimiter<u64>>,
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    providers: Option<DefaultKeyedRateLimiter<IpAddr>>,
    trusted: Vec<IpNet>,
    hasher: RandomState,
}

impl RateLimits {
    pub(super) fn new(config: &RateLimitConfig) -> Self {
        let quota = |limit: u32| NonZeroU32::new(limit).map(Quota::per_second);
        Self {
            credentials: quota(config.per_credential).map(RateLimiter::keyed),
            addresses: quota(config.per_address).map(RateLimiter::keyed),
            providers: quota(config.per_address.saturating_mul(EVENTS_FACTOR)).map(RateLimiter::keyed),
            trusted: config.trusted_proxies.clone(),
            hasher: RandomState::new(),
        }
    }

    /// The address that a request came from.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        client(peer, headers, &self.trusted)
    }

    /// Whether a request from this address may go on; `is_event` if it is at a path for provider events. The
    /// operator's own key, which
    /// `is_operator` recognizes, is limited by its address only.
    pub(super) fn admit(
        &self,
        client: IpAddr,
        headers: &HeaderMap,
        is_event: bool,
        is_operator: impl Fn() -> bool,
    ) -> bool {
        let by_address = if is_event { &self.providers } else { &self.addresses };
        if let Some(limiter) = by_address
            && limiter.check_key(&network(client)).is_err()
        {
            catalogue::RATE_LIMITED.increment(["address"]);
            return false;
        }
        // Remembers a number that says nothing outside this process, never the credential itself.
        if let Some(limiter) = &self.credentials
            && !is_event
            && let Some(text) = credential_text(headers)
            && limiter.check_key(&self.hasher.hash_one(text.as_bytes())).is_err()
            && !is_operator()
        {
            catalogue::RATE_LIMITED.increment(["credential"]);
            return false;
        }
        true
    }

    pub(super) fn forget_the_quiet(&self) {
        if let Some(limiter) = &self.credentials {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        for limiter in [&self.addresses, &self.providers].into_iter().flatten() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// The address that a request came from: the last one that is not a trusted proxy. Those before it are only claimed.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    if !is_trusted(&client) {
        return client;
    }
    let lines = headers.get_all("x-forwarded-for").into_iter().filter_map(|line| line.to_str().ok());
    let claimed: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    for text in claimed.into_iter().rev() {
        let Ok(address) = text.parse::<IpAddr>() else { return client };
        client = address.to_canonical();
        if !is_trusted(&client) {
            break;
        }
    }
    client
}

/// All addresses that one caller can choose from count as one: with IPv6 a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Net::new_assert(address, 64).trunc().addr().into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(forwarded: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        for (peer, forwarded, expected) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6, 198.51.100.1, 10.2.2.2"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, not an address"], "10.0.0.1"),
            ("::1", &["10.1.1.1"], "10.1.1.1"),
        ] {
            let found = client(peer.parse().unwrap(), &headers(forwarded), &trusted);
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn callers_do_not_use_up_the_limits_of_others() {
        let config = RateLimitConfig { per_credential: 2, per_address: 3, trusted_proxies: Vec::new() };
        let limits = RateLimits::new(&config);
        let with = |credential: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", format!("Bearer {credential}").parse().unwrap());
            headers
        };
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(limits.admit(at("192.0.2.1"), &with("a"), false, || false));
        assert!(limits.admit(at("192.0.2.2"), &with("a"), false, || false));
        assert!(
            !limits.admit(at("192.0.2.3"), &with("a"), false, || false),
            "the credential's limit, wherever it is used"
        );
        assert!(limits.admit(at("192.0.2.3"), &with("b"), false, || false));
        for _ in 0..2 {
            assert!(limits.admit(at("192.0.2.1"), &HeaderMap::new(), false, || false));
        }
        assert!(
            !limits.admit(at("192.0.2.1"), &with("c"), false, || false),
            "the address's limit, whoever uses it"
        );
        assert!(
            limits.admit(at("192.0.2.1"), &HeaderMap::new(), true, || false),
            "events have a limit of their own"
        );
        for last in 1..=3 {
            assert!(limits.admit(at(&format!("2001:db8::{last}")), &HeaderMap::new(), false, || false));
        }
        assert!(!limits.admit(at("2001:db8::4"), &HeaderMap::new(), false, || false));
        assert!(limits.admit(at("2001:db8:0:1::4"), &HeaderMap::new(), false, || false));
    }

    #[test]
    fn nothing_is_limited_where_the_limit_is_zero() {
        let limits = RateLimits::new(&RateLimitConfig::default());
        for _ in 0..10_000 {
            assert!(limits.admit(IpAddr::from([192, 0, 2, 1]), &HeaderMap::new(), false, || false));
        }
    }
}
