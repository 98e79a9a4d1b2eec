//! A URL that webhooks may be sent to, checked before anybody stores it.
//!
//! It is read as browsers read it (the WHATWG's URL standard), so that `https://0x7f.1/`, `https://2130706433/`
//! and `https://①②⑦.0.0.1/` are what they are: 127.0.0.1.
//!
//! **Invariants:**
//! - A host that is an address in whatever notation is known as one, and judged at once.
//! - What is sent to is what was checked: host, port and path come from one and the same reading.

use std::fmt;
use std::net::IpAddr;

use http::uri::PathAndQuery;
use tokio_rustls::rustls::pki_types::ServerName;
use url::{Host, Url};

use crate::network;

/// A URL is no longer than this, in bytes.
const LONGEST: usize = 2_048;
/// Below it are the ports of other services: mail, shells, name servers. Only those of HTTP are open.
const FIRST_FREE_PORT: u16 = 1_024;

/// What a target may be beyond `https` to a public address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetRules {
    /// `http` too: what is sent is signed, but anybody on the way can read it.
    pub allow_http: bool,
    /// Addresses that are not public too: for tests, and where all receivers are in the own network.
    pub allow_private: bool,
}

/// A checked URL. Its path may be a secret of the receiver's, so `Debug` shows the origin alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    host: Place,
    port: u16,
    /// The value of `Host`.
    authority: http::HeaderValue,
    path: PathAndQuery,
}

/// Where a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To be resolved each time.
    Name(String),
    Address(IpAddr),
}

/// Why a URL is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is too long.
    #[error("a URL has at most 2048 bytes")]
    TooLong,
    /// It is no URL.
    #[error("it is no URL")]
    NotAUrl(#[source] url::ParseError),
    /// It is not of the web.
    #[error("the scheme is {0}; it must be https")]
    Scheme(String),
    /// It is not encrypted.
    #[error("the scheme must be https; the setting webhooks.allow_http lets http pass, on one's own machine")]
    NotEncrypted,
    /// It is neither encrypted nor public.
    #[error(
        "the scheme must be https, and {0} is not a public address; the settings webhooks.allow_http and webhooks.allow_private let them pass, on one's own machine"
    )]
    NeitherEncryptedNorPublic(IpAddr),
    /// It has a user or a password in it.
    #[error("there must be no user and no password in it")]
    Credentials,
    /// It has a fragment, which no server ever sees.
    #[error("there must be no fragment in it (what follows #)")]
    Fragment,
    /// The port is that of another service.
    #[error("the port is {0}; it must be 80, 443, or at least 1024")]
    Port(u16),
    /// The host is no name that a certificate could be for.
    #[error("the host is not a name")]
    Host,
    /// The host is a name of this machine itself.
    #[error("{0} is this machine itself; the setting webhooks.allow_private lets it pass, in one's own network")]
    OwnMachine(String),
    /// The host is an address that is not public.
    #[error("{0} is not a public address; the setting webhooks.allow_private lets it pass, in one's own network")]
    PrivateAddress(IpAddr),
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// When it is none, or not allowed.
    pub fn parse(text: &str, rules: TargetRules) -> Result<Self, TargetError> {
        if text.len() > LONGEST {
            return Err(TargetError::TooLong);
        }
        let url = Url::parse(text).map_err(TargetError::NotAUrl)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(TargetError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if url.fragment().is_some() {
            return Err(TargetError::Fragment);
        }
        let port = url.port_or_known_default().ok_or(TargetError::Port(0))?;
        if !matches!(port, 80 | 443 | FIRST_FREE_PORT..) {
            return Err(TargetError::Port(port));
        }
        let host = match url.host().ok_or(TargetError::Host)? {
            Host::Ipv4(address) => Place::Address(address.into()),
            Host::Ipv6(address) => Place::Address(address.into()),
            Host::Domain(name) => Place::Name(name.to_owned()),
        };
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        // The reading has escaped and lower-cased everything that a header could not hold.
        let authority = http::HeaderValue::try_from(authority).map_err(|_invalid| TargetError::Host)?;
        let path = PathAndQuery::try_from(path).map_err(|_invalid| TargetError::TooLong)?;
        let target = Self { host, port, authority, path, url };
        // Not every host of a URL can be that of a certificate: `a..b` is one, and `a b` is not even that.
        target.server_name()?;
        target.check(rules)?;
        Ok(target)
    }

    /// Judges by rules that may be others than those it was read by.
    pub(crate) fn check(&self, rules: TargetRules) -> Result<(), TargetError> {
        let is_open = !self.is_encrypted() && !rules.allow_http;
        match self.host {
            Place::Address(address) if !rules.allow_private && !network::is_public(address) => {
                let why = if is_open { TargetError::NeitherEncryptedNorPublic } else { TargetError::PrivateAddress };
                Err(why(address))
            }
            Place::Address(_) | Place::Name(_) if is_open => Err(TargetError::NotEncrypted),
            Place::Address(_) | Place::Name(_) => Ok(()),
        }
    }

    /// Judges what somebody enters: a name that is no other machine's, wherever it is looked up, is refused before
    /// deliveries to it fail.
    ///
    /// # Errors
    /// When it is one.
    pub fn check_name(&self, rules: TargetRules) -> Result<(), TargetError> {
        match &self.host {
            Place::Name(name) if !rules.allow_private && is_own_machine(name) => {
                Err(TargetError::OwnMachine(name.clone()))
            }
            Place::Name(_) | Place::Address(_) => Ok(()),
        }
    }

    /// The URL in full.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// Its host: a name in ASCII, or an address, IPv6 in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(crate) fn place(&self) -> &Place {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn authority(&self) -> &http::HeaderValue {
        &self.authority
    }

    pub(crate) fn path(&self) -> &PathAndQuery {
        &self.path
    }

    /// Whom the certificate must be for.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, TargetError> {
        match &self.host {
            Place::Address(address) => Ok(ServerName::from(*address)),
            Place::Name(name) => ServerName::try_from(name.clone()).map_err(|_invalid| TargetError::Host),
        }
    }
}

/// RFC 6761, 6.3, and what systems call themselves beside that.
fn is_own_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    matches!(name, "localhost" | "localhost.localdomain" | "ip6-localhost" | "ip6-loopback")
        || name.ends_with(".localhost")
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Target({})", &self.url[..url::Position::AfterPort])
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    const STRICT: TargetRules = TargetRules { allow_http: false, allow_private: false };
    const LOOSE: TargetRules = TargetRules { allow_http: true, allow_private: true };

    #[test]
    fn a_url_is_taken_apart() {
        let target = Target::parse("https://Hooks.Example.com/in/42?key=a%20b", STRICT).expect("a target");
        assert_eq!(target.as_str(), "https://hooks.example.com/in/42?key=a%20b");
        assert_eq!(target.place(), &Place::Name("hooks.example.com".to_owned()));
        assert_eq!(target.port(), 443);
        assert_eq!(target.authority(), "hooks.example.com");
        assert_eq!(target.path(), "/in/42?key=a%20b");

        let target = Target::parse("http://[2606:4700::1111]:8080", LOOSE).expect("a target");
        assert_eq!(target.port(), 8_080);
        assert_eq!(target.authority(), "[2606:4700::1111]:8080");
        assert_eq!(target.path(), "/");
        assert_eq!(target.host(), "[2606:4700::1111]");

        let target = Target::parse("https://bücher.example/", STRICT).expect("a target");
        assert_eq!(target.authority(), "xn--bcher-kva.example");
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told() {
        let long = |length: usize| format!("https://example.com/{}", "a".repeat(length - 20));
        for (text, wanted) in [
            (long(2_048).as_str(), None),
            (long(2_049).as_str(), Some(TargetError::TooLong)),
            ("", Some(TargetError::NotAUrl(url::ParseError::RelativeUrlWithoutBase))),
            ("example.com/in", Some(TargetError::NotAUrl(url::ParseError::RelativeUrlWithoutBase))),
            ("https://", Some(TargetError::NotAUrl(url::ParseError::EmptyHost))),
            ("https://exa mple.com/", Some(TargetError::NotAUrl(url::ParseError::IdnaError))),
            ("https://example.com:65536/", Some(TargetError::NotAUrl(url::ParseError::InvalidPort))),
            ("ftp://example.com/", Some(TargetError::Scheme("ftp".to_owned()))),
            ("file:///etc/passwd", Some(TargetError::Scheme("file".to_owned()))),
            ("gopher://example.com/", Some(TargetError::Scheme("gopher".to_owned()))),
            ("http://example.com/", Some(TargetError::NotEncrypted)),
            ("https://me@example.com/", Some(TargetError::Credentials)),
            ("https://:word@example.com/", Some(TargetError::Credentials)),
            ("https://example.com/#", Some(TargetError::Fragment)),
            ("https://example.com/#top", Some(TargetError::Fragment)),
            ("https://example.com:0/", Some(TargetError::Port(0))),
            ("https://example.com:25/", Some(TargetError::Port(25))),
            ("https://example.com:1023/", Some(TargetError::Port(1_023))),
            ("https://example.com:1024/", None),
            ("https://example.com:80/", None),
            ("https://exa..mple.com/", Some(TargetError::Host)),
            ("https://8.8.8.8/", None),
        ] {
            assert_eq!(Target::parse(text, STRICT).err(), wanted, "{text}");
        }
    }

    #[test]
    fn an_address_in_any_notation_is_known_as_one() {
        for text in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0x7F000001/",
            "https://0177.0.0.1/",
            "https://017700000001/",
            "https://127.0.0.1./",
            "https://①②⑦.0.0.1/",
            "https://%31%32%37.0.0.1/",
            "https://127。0。0。1/",
            "https:\\\\127.0.0.1\\",
            "https:127.0.0.1",
            "https://127.0.\t0.1/",
        ] {
            let wanted = TargetError::PrivateAddress(Ipv4Addr::LOCALHOST.into());
            assert_eq!(Target::parse(text, STRICT).err(), Some(wanted), "{text}");
            assert!(Target::parse(text, LOOSE).is_ok(), "{text}");
        }
        for text in ["https://[::1]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::0.0.0.1]/"] {
            let wanted = TargetError::PrivateAddress(Ipv6Addr::LOCALHOST.into());
            assert_eq!(Target::parse(text, STRICT).err(), Some(wanted), "{text}");
        }
        for text in ["https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://0.0.0.0/", "https://0/"] {
            let refused = Target::parse(text, STRICT).err();
            assert!(matches!(refused, Some(TargetError::PrivateAddress(_))), "{text}: {refused:?}");
        }
    }

    #[test]
    fn debug_shows_no_path() {
        let target = Target::parse("https://example.com:8443/services/T0/secret?token=1", STRICT).expect("a target");
        assert_eq!(format!("{target:?}"), "Target(https://example.com:8443)");
    }

    proptest! {
        #[test]
        fn whatever_is_given_is_refused_or_kept_within_the_rules(text in "(https?://)?[ -~①。]{0,40}") {
            if let Ok(target) = Target::parse(&text, STRICT) {
                prop_assert!(target.is_encrypted());
                prop_assert!(target.as_str().starts_with("https://"));
                // A reader that is less clever must find the same host.
                if let Ok(address) = target.host().trim_matches(['[', ']']).parse::<IpAddr>() {
                    prop_assert!(network::is_public(address), "{address}");
                }
            }
        }
    }
}
