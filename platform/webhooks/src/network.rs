//! Which addresses are public: those that anybody on the Internet may have, and nobody else.
//!
//! The lists are IANA's registries of special-purpose addresses, and what clouds answer at themselves.
//!
//! **Invariant:** of IPv6 nothing is public that is not global unicast, so every form in which it carries
//! an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) is not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// What is not public of IPv4.
const SPECIAL_V4: [Ipv4Net; 17] = [
    v4(0, 0, 0, 0, 8),        // this network; 0.0.0.0 is this machine
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // carrier-grade NAT; a cloud's metadata at 100.100.100.200
    v4(127, 0, 0, 0, 8),      // loopback
    v4(168, 63, 129, 16, 32), // a cloud's metadata, at an address that looks public
    v4(169, 254, 0, 0, 16),   // link-local; clouds' metadata at 169.254.169.254
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // IETF protocol assignments; a cloud's metadata at 192.0.0.192
    v4(192, 0, 2, 0, 24),     // documentation
    v4(192, 31, 196, 0, 24),  // AS112: whichever is nearest
    v4(192, 52, 193, 0, 24),  // AMT: whichever is nearest
    v4(192, 88, 99, 0, 24),   // 6to4 relays
    v4(192, 168, 0, 0, 16),   // private
    v4(192, 175, 48, 0, 24),  // AS112: whichever is nearest
    v4(198, 18, 0, 0, 15),    // benchmarking
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
];
/// Multicast, reserved and broadcast.
const ABOVE_UNICAST_V4: u8 = 224;

/// All of IPv6 that is global unicast.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);
/// What is not public of that.
const SPECIAL_V6: [Ipv6Net; 5] = [
    v6(0x2001, 0, 23),     // IETF protocol assignments: Teredo, benchmarking, ORCHID
    v6(0x2001, 0xdb8, 32), // documentation
    v6(0x2002, 0, 16),     // 6to4
    v6(0x3ffe, 0, 16),     // the 6bone, given back
    v6(0x3fff, 0, 20),     // documentation
];

/// Whether an address is public.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.octets()[0] < ABOVE_UNICAST_V4 && !SPECIAL_V4.iter().any(|special| special.contains(&address))
        }
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|special| special.contains(&address))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_of_special_address_is_told_from_its_public_neighbours() {
        // Of each network its first and its last address; then those just outside.
        for special in "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 \
             127.0.0.0 127.0.0.1 127.255.255.255 168.63.129.16 169.254.0.0 169.254.169.254 169.254.255.255 \
             172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.192 192.0.0.255 192.0.2.0 192.0.2.255 192.31.196.1 \
             192.52.193.1 192.88.99.1 192.168.0.0 192.168.255.255 192.175.48.1 198.18.0.0 198.19.255.255 \
             198.51.100.1 203.0.113.1 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.255 :: ::1 ::127.0.0.1 \
             ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::808:808 \
             64:ff9b:1::1 100::1 2001::1 2001:2::1 2001:10::1 2001:1ff:ffff::1 2001:db8::1 2002:7f00:1::1 \
             2002:808:808::1 3ffe::1 3fff::1 3fff:fff:ffff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1 \
             fe80::1 febf::1 fec0::1 ff02::1 1fff::1"
            .split_whitespace()
        {
            assert!(!is_public(special.parse().expect("an address")), "{special}");
        }
        for public in "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
             168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 \
             191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.167.255.255 192.169.0.0 198.17.255.255 \
             198.20.0.0 198.51.99.255 203.0.112.255 203.0.114.0 223.255.255.255 8.8.8.8 2000::1 2001:200::1 \
             2001:db7::1 2001:db9::1 2003::1 2606:4700::1111 2a00:1450:4001::1 3ffd::1 3fff:1000::1"
            .split_whitespace()
        {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
    }

    proptest! {
        #[test]
        fn no_ipv6_address_that_carries_an_ipv4_address_is_public(inner: u32) {
            let inner = Ipv4Addr::from(inner);
            let [a, b, c, d] = inner.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for carrier in [
                inner.to_ipv6_mapped(),
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, high, low, 0, 0, high, low),
            ] {
                prop_assert!(!is_public(carrier.into()), "{carrier}");
            }
        }

        #[test]
        fn the_standard_library_knows_none_that_is_taken_for_public(address: u32) {
            let address = Ipv4Addr::from(address);
            let is_special = address.is_private() || address.is_loopback() || address.is_link_local()
                || address.is_multicast() || address.is_broadcast() || address.is_documentation()
                || address.is_unspecified();
            prop_assert!(!(is_special && is_public(address.into())), "{address}");
        }
    }
}
