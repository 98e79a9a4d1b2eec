//! Whose request it is: the client's address behind proxies, and the network that stands for it.
//!
//! **Invariants:**
//! - A field that a client can write itself decides nothing: `X-Forwarded-For` is read from its right
//!   end, and only while the one who wrote that entry is a trusted proxy.
//! - One entry that is no text or no address hides no other: what cannot be read where a trusted proxy wrote is an
//!   error, never somebody else's address.
//! - An IPv4 address is one network, an IPv6 address stands for its /64 (one customer has at least as
//!   many), and an IPv4-mapped IPv6 address is its IPv4 address.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;
use ipnet::IpNet;

/// Entries of `X-Forwarded-For` that are looked at, from the right.
const MOST_HOPS: usize = 20;

/// The proxies whose word is taken.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    trusted: Vec<IpNet>,
}

impl Proxies {
    /// Trusts these addresses and networks, such as `127.0.0.1` or `10.0.0.0/8`.
    ///
    /// # Errors
    /// The first that is neither.
    pub fn new(trusted: &[String]) -> Result<Self, String> {
        let parse = |text: &String| network(text).ok_or_else(|| text.clone());
        Ok(Self { trusted: trusted.iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// The networks that are trusted.
    #[must_use]
    pub fn networks(&self) -> &[IpNet] {
        &self.trusted
    }

    /// Whether this address is one of them.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// The client's address: the peer's own, or what the nearest proxy that is not trusted, or the
    /// client itself, was seen as by the trusted ones.
    ///
    /// # Errors
    /// [`Unreadable`] where a trusted proxy wrote something that is no address: nobody can tell who asks.
    pub fn client(&self, peer: IpAddr, fields: &HeaderMap) -> Result<IpAddr, Unreadable> {
        let mut client = peer.to_canonical();
        if self.trusted.is_empty() || !self.trusts(client) {
            return Ok(client);
        }
        // From the right, entry by entry: what a client wrote itself stands on the left, and may be anything.
        let fields: Vec<&[u8]> = fields.get_all("x-forwarded-for").iter().map(|value| value.as_bytes()).collect();
        let entries = fields.iter().rev().flat_map(|value| value.rsplit(|byte| *byte == b','));
        for entry in entries.take(MOST_HOPS) {
            let address = std::str::from_utf8(entry).ok().and_then(|entry| entry_address(entry.trim()));
            client = address.ok_or(Unreadable)?;
            if !self.trusts(client) {
                break;
            }
        }
        Ok(client)
    }
}

/// A trusted proxy named its client by something that is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a trusted proxy named its client by something that is no address")]
pub struct Unreadable;

/// An entry as proxies write it: an address, maybe with a port, an IPv6 one maybe in brackets.
fn entry_address(entry: &str) -> Option<IpAddr> {
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let with_port = entry.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    with_port.or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

/// An address or a network, as people write it.
#[must_use]
pub fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical().into());
    }
    text.parse::<IpNet>().ok().map(|network| network.trunc())
}

/// What an address is counted and blocked as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The network of this address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            v4 => v4,
        })
    }

    /// Its first address.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.0
    }

    /// The same as an address with a prefix length.
    #[must_use]
    pub fn net(self) -> IpNet {
        let length = if self.0.is_ipv4() { 32 } else { 64 };
        IpNet::new(self.0, length).unwrap_or_else(|_| self.0.into())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(formatter, "{address}"),
            IpAddr::V6(address) => write!(formatter, "{address}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let trusted: Vec<String> = trusted.iter().map(ToString::to_string).collect();
        let mut fields = HeaderMap::new();
        for value in forwarded {
            // "?" stands for a byte that is no text.
            let bytes: Vec<u8> = value.bytes().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
            fields.append("x-forwarded-for", http::HeaderValue::from_bytes(&bytes).expect("a value"));
        }
        let proxies = Proxies::new(&trusted).expect("networks");
        proxies.client(peer.parse().expect("an address"), &fields).map_or("unreadable".to_owned(), |at| at.to_string())
    }

    #[test]
    fn what_a_client_writes_hides_nothing() {
        for written in ["?, 198.51.100.7", "?,198.51.100.7", ", 198.51.100.7", "?", "\t198.51.100.7"] {
            let (own, proxys) = (written, "198.51.100.7");
            assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &[own, proxys]), "198.51.100.7", "{written}");
        }
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["?, 198.51.100.7, 10.0.0.9"]), "198.51.100.7");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.7, ?"]), "unreadable");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.7", ""]), "unreadable");
        assert_eq!(client(&["10.0.0.0/8"], "198.51.100.1", &["?"]), "198.51.100.1");
    }

    #[test]
    fn a_forged_field_is_not_believed() {
        assert_eq!(client(&[], "198.51.100.1", &["10.0.0.1"]), "198.51.100.1");
        assert_eq!(client(&["10.0.0.0/8"], "198.51.100.1", &["10.0.0.1"]), "198.51.100.1");
        // The client wrote the first entry itself, the proxy the last.
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["1.1.1.1, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["1.1.1.1", "198.51.100.7"]), "198.51.100.7");
    }

    #[test]
    fn proxies_in_a_row_are_passed() {
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.7, 10.0.0.9"]), "198.51.100.7");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["10.0.0.7, 10.0.0.9"]), "10.0.0.7");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client(&["10.0.0.0/8"], "::ffff:10.0.0.1", &["198.51.100.7:4711"]), "198.51.100.7");
        assert_eq!(client(&["::1"], "::1", &["[2001:db8::7]:443"]), "2001:db8::7");
    }

    #[test]
    fn rubbish_of_a_trusted_proxy_is_refused() {
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.7, unknown"]), "unreadable");
        let long = vec!["10.0.0.3"; 100].join(", ");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &[&format!("198.51.100.7, {long}")]), "10.0.0.3");
        assert!(Proxies::new(&["nginx".to_owned()]).is_err());
    }

    #[test]
    fn an_address_stands_for_its_network() {
        let of = |text: &str| Network::of(text.parse().expect("an address")).to_string();
        assert_eq!(of("198.51.100.7"), "198.51.100.7");
        assert_eq!(of("::ffff:198.51.100.7"), "198.51.100.7");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
