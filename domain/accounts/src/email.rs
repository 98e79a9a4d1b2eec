//! E-mail addresses: the one way in which each is written.
//!
//! **Invariant:** an address that is taken is ASCII, as mail is sent to it: a domain in another script is kept in its ASCII
//! form (RFC 5891). So two spellings of an address are one account, but for accounts of before that could not be brought
//! into this form (`first_admin`).

pub(crate) use entrepot_mail::address as is_email;

/// An address as it is compared: what is none stays as it is, and nobody has it.
pub(crate) fn normal_email(text: &str) -> String {
    is_email(text).unwrap_or_else(|_| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in ["a@b", "mira@shop.example", "o'brien+tea@mail.shop.example"] {
            assert_eq!(is_email(good).as_deref(), Ok(good));
        }
        let several = ["J.Doe@b\u{fc}cher.example", "J.Doe@bu\u{308}cher.EXAMPLE", " J.Doe@xn--bcher-kva.example"];
        for spelling in
            several.into_iter().chain(["J.Doe@\u{ff42}\u{fc}cher\u{3002}example", "J.Doe@b\u{ad}\u{fc}cher.example"])
        {
            assert_eq!(is_email(spelling).as_deref(), Ok("J.Doe@xn--bcher-kva.example"), "{spelling:?}");
            assert_eq!(normal_email(spelling), "J.Doe@xn--bcher-kva.example");
        }
        // Whoever reads the last two sees that they are not what they seem.
        assert_eq!(is_email("mira@sh\u{43e}p.example").as_deref(), Ok("mira@xn--shp-ted.example"));
        assert_eq!(is_email("mira@\u{1d04}afe.example").as_deref(), Ok("mira@xn--afe-k3x.example"));
        for alike in [
            "mi\u{200b}ra@shop.example",
            "m\u{131}ra@shop.example",
            "\u{202e}mira@shop.example",
            "a\u{ad}b@c",
            "m\u{456}ra@shop.example",
            "mi\u{335}ra@shop.example",
            "mi\u{ff52}a@shop.example",
            "m\u{2800}ra@b",
            "\u{1d04}arl@shop.example",
            "j\u{f6}rg@shop.example",
            "mira@xn--a.example",
        ] {
            assert!(is_email(alike).is_err(), "{alike:?}: {:?}", is_email(alike));
        }
        for bad in
            ["", "mira", "@shop.example", "mira@", "a b@shop.example", "a@b@c", "a@.example", "a@b..c", "<a>@b", "a@-b"]
        {
            assert!(is_email(bad).is_err(), "{bad}");
            assert_eq!(normal_email(bad), bad);
        }
    }
}
