//! Decides which addresses messages may go to. An administrator, or a thief of an administrator's key, chooses the
//! address: it must not open a way into the worker's private network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use url::{Host, Url};

const URL_BYTES: usize = 2_000;

/// Where messages may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses only, over HTTPS.
    Public,
    /// Any address, also over HTTP: for development and tests.
    Anywhere,
}

impl FromStr for Reach {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "false" => Ok(Self::Public),
            "true" => Ok(Self::Anywhere),
            _ => Err("it is `true` or `false`"),
        }
    }
}

impl Reach {
    pub fn includes(self, address: IpAddr) -> bool {
        self == Self::Anywhere || is_public(address)
    }

    /// Parses and checks the URL of an endpoint. Its host name is resolved and checked again for every message.
    ///
    /// # Errors
    /// What is wrong with the URL, for the caller of the API.
    pub fn check(self, text: &str) -> Result<Url, &'static str> {
        if text.len() > URL_BYTES {
            return Err("url is too long");
        }
        let url = Url::parse(text).map_err(|_| "url must be an absolute URL")?;
        let scheme_is_allowed = match url.scheme() {
            "https" => true,
            "http" => self == Self::Anywhere,
            _ => false,
        };
        if !scheme_is_allowed {
            return Err("url must be an https URL");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("url must not have a user name or password: receivers check the signature");
        }
        // Lower ports belong to services that do not speak HTTP and might misread a request.
        if !matches!(url.port_or_known_default(), Some(80 | 443 | 1024..)) {
            return Err("url must have port 80, 443 or one from 1024");
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err("url must name a host"),
        };
        match address {
            Some(address) if !self.includes(address) => Err("url must not point to a private address"),
            _ => Ok(url),
        }
    }
}

/// Not public by IANA's registry of special-purpose addresses (RFC 6890): base and length of each prefix.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, among them the metadata of clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // relays of 6to4
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, broadcast
];

/// Global unicast. Everything outside is not public: loopback, unique local, link-local, multicast, IPv4-mapped, NAT64.
const UNICAST_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// The prefixes of [`UNICAST_V6`] that are not public.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, among them Teredo
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, which has an IPv4 address inside
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Whether the address is reachable from the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let within = |(base, length): &(Ipv4Addr, u32)| {
                let differing = address.to_bits() ^ base.to_bits();
                differing.leading_zeros() >= *length
            };
            !NOT_PUBLIC_V4.iter().any(within)
        }
        IpAddr::V6(address) => {
            let within = |(base, length): &(Ipv6Addr, u32)| {
                let differing = address.to_bits() ^ base.to_bits();
                differing.leading_zeros() >= *length
            };
            within(&UNICAST_V6) && !NOT_PUBLIC_V6.iter().any(within)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_public() {
        let not_public = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in not_public {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450:4001::1",
        ];
        for text in public {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    proptest! {
        /// The standard library knows some private ranges; `is_public` must know at least these.
        #[test]
        fn nothing_private_is_public(bits: u32, bits_v6: u128) {
            let v4 = Ipv4Addr::from_bits(bits);
            let private = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
                || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
            prop_assert!(!(private && is_public(IpAddr::V4(v4))));
            let v6 = Ipv6Addr::from_bits(bits_v6);
            let private = v6.is_loopback() || v6.is_multicast() || v6.is_unicast_link_local()
                || v6.is_unique_local() || v6.to_ipv4().is_some();
            prop_assert!(!(private && is_public(IpAddr::V6(v6))));
        }
    }

    #[test]
    fn check_refuses_bad_urls() {
        for url in
            ["https://hooks.example.com/purser?a=b", "https://8.8.8.8:8443/", "https://example.com:80/"]
        {
            assert!(Reach::Public.check(url).is_ok(), "{url}");
        }
        let refused = [
            "http://hooks.example.com/",
            "ftp://hooks.example.com/",
            "/hooks",
            "",
            "https://",
            "https://user@hooks.example.com/",
            "https://:word@hooks.example.com/",
            "https://hooks.example.com:25/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
            "javascript:alert(1)",
            "https://hooks.example.com:0/",
            "https://hooks.example.com:99999/",
        ];
        for url in refused {
            assert!(Reach::Public.check(url).is_err(), "{url}");
        }
        assert!(Reach::Public.check(&format!("https://example.com/{}", "a".repeat(URL_BYTES))).is_err());
        assert!(Reach::Anywhere.check("http://127.0.0.1:8080/hooks").is_ok());
        assert!(Reach::Anywhere.check("http://user:word@127.0.0.1:8080/hooks").is_err());
    }
}
