//! Addresses: which of them can be sent to, and their form on the wire.
//!
//! A domain may be written in any script and is turned into its ASCII form (RFC 5891), which every server
//! knows. A local part in another script needs servers with SMTPUTF8 (RFC 6531) all the way to the mailbox,
//! so it is refused rather than lost on the way. Quoted local parts (RFC 5321, section 4.1.2) and address
//! literals are refused: nobody has one, and they are how commands are smuggled in.
//!
//! **Invariant:** an address that passes is ASCII, has one `@`, and holds no space, no control character and
//! none of `<>()[]\,;:"`.

use lettre::Address;
use lettre::message::Mailbox;

/// RFC 5321, section 4.5.3.1.3: a path is 256 octets, with its angle brackets.
const LONGEST_ADDRESS: usize = 254;
/// RFC 5321, section 4.5.3.1.1.
const LONGEST_LOCAL_PART: usize = 64;

/// Reads an address. The error completes "the address …".
pub(crate) fn checked(text: &str) -> Result<Address, &'static str> {
    let (local, domain) = text.split_once('@').ok_or("has no @")?;
    if local.is_empty() || domain.is_empty() {
        return Err("lacks the part before or after the @");
    }
    if !local.is_ascii() {
        return Err("has letters before the @ that not every mail server knows");
    }
    if local.len() > LONGEST_LOCAL_PART {
        return Err("has more than 64 characters before the @");
    }
    if !local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext)) {
        return Err("has characters before the @ that do not belong there");
    }
    let domain = checked_domain(domain)?;
    if local.len() + 1 + domain.len() > LONGEST_ADDRESS {
        return Err("is longer than 254 characters");
    }
    Address::new(local, &domain).map_err(|_| "is not an address")
}

/// Reads an address: what this refuses cannot be sent to. Gives the one form of all ways to spell it.
///
/// # Errors
/// What is wrong with it, in words.
pub fn address(text: &str) -> Result<String, String> {
    let read = checked(text.trim()).map(|address| address.to_string());
    read.map_err(|reason| format!("must be an e-mail address such as mira@shop.example; this one {reason}"))
}

/// Reads `name@example.org` or `Name <name@example.org>`, for settings.
pub(crate) fn checked_mailbox(text: &str) -> Result<Mailbox, &'static str> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err("has a control character in it");
    }
    let Some((name, rest)) = text.split_once('<') else {
        return Ok(Mailbox::new(None, checked(text)?));
    };
    let address = rest.strip_suffix('>').ok_or("has a < without its >")?;
    let name = name.trim();
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    Ok(Mailbox::new((!name.is_empty()).then(|| name.to_owned()), checked(address)?))
}

/// RFC 5322, section 3.2.3.
fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

fn checked_domain(domain: &str) -> Result<String, &'static str> {
    const REASON: &str = "has no domain after the @";
    let domain = idna::domain_to_ascii_strict(domain).map_err(|_| REASON)?;
    let mut labels = domain.split('.');
    let is_well_formed = labels.clone().all(|label| !label.is_empty())
        && domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    // No top-level domain is a number (RFC 3696, section 2): this is an IP address.
    let is_number = labels.next_back().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    if is_well_formed && !is_number { Ok(domain) } else { Err(REASON) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_read_or_refused() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long_domain = format!("a@{}example.org", "a234567890.".repeat(23));
        for (text, wanted) in [
            ("anna@example.org", Some("anna@example.org")),
            ("anna+tea@example.org", Some("anna+tea@example.org")),
            ("o'neil@example.org", Some("o'neil@example.org")),
            ("anna@bücher.example", Some("anna@xn--bcher-kva.example")),
            ("anna@例え.テスト", Some("anna@xn--r8jz45g.xn--zckzah")),
            ("anna@localhost", Some("anna@localhost")),
            ("ännchen@example.org", None),
            ("anna", None),
            ("@example.org", None),
            ("anna@", None),
            ("anna@example.org, bob@example.org", None),
            ("anna@example.org@example.org", None),
            ("\"anna smith\"@example.org", None),
            ("\"\r\nDATA\"@example.org", None),
            ("anna@example.org\r\nBcc: eve@example.org", None),
            ("anna\r\nRCPT TO:<eve@example.org>@example.org", None),
            ("anna@example.org>\r\nRCPT TO:<eve@example.org", None),
            ("anna@example.org ", None),
            (" anna@example.org", None),
            ("Anna <anna@example.org>", None),
            ("<anna@example.org>", None),
            ("anna..b@example.org", None),
            (".anna@example.org", None),
            ("anna.@example.org", None),
            ("anna@example..org", None),
            ("anna@.example.org", None),
            ("anna@example.org.", None),
            ("anna@-example.org", None),
            ("anna@127.0.0.1", None),
            ("anna@[127.0.0.1]", None),
            ("anna@exa\u{0}mple.org", None),
            ("anna@exam_ple.org", None),
            (&long_local, None),
            (&long_domain, None),
        ] {
            let read = checked(text).map(|address| address.to_string());
            assert_eq!(read.as_deref().ok(), wanted, "{text:?}: {read:?}");
        }
    }

    #[test]
    fn a_local_part_in_another_script_is_refused_for_that() {
        let reason = checked("ännchen@example.org").expect_err("it needs SMTPUTF8");
        assert!(reason.contains("not every mail server"), "{reason}");
    }

    #[test]
    fn a_senders_name_may_stand_before_the_address() {
        let read = |text: &str| checked_mailbox(text).map(|mailbox| (mailbox.name, mailbox.email.to_string()));
        let address = "shop@example.org".to_owned();
        assert_eq!(read("shop@example.org"), Ok((None, address.clone())));
        assert_eq!(read("Tea & Co <shop@example.org>"), Ok((Some("Tea & Co".to_owned()), address.clone())));
        assert_eq!(read("\"Tea, Co\" <shop@example.org>"), Ok((Some("Tea, Co".to_owned()), address)));
        assert!(read("Tea <shop@example.org").is_err());
        assert!(read("Tea\r\nBcc: eve@example.org <shop@example.org>").is_err());
    }

    proptest! {
        #[test]
        fn no_text_becomes_an_address_that_breaks_out_of_a_command(
            text in "[a-zA-Z0-9@.<>\"\\\\ ,;:\r\n\t\u{0}\u{85}\u{2028}ü点。@-]{0,40}",
        ) {
            if let Ok(address) = checked(&text) {
                let written = address.to_string();
                prop_assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written:?}");
                prop_assert!(!written.contains(['<', '>', '"', '\\', ',', ';', ':', '(', ')', '[', ']']));
                prop_assert_eq!(written.matches('@').count(), 1);
            }
        }
    }
}
