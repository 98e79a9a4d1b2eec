//! Whether a request was made by somebody else's page.
//!
//! A page, a mail or a link can make a victim's browser send requests here that the victim knows nothing of. What
//! such a request does must not be held against the victim's network: neither does it block it, nor does it use up
//! what strangers there may ask, nor their attempts to sign in.
//!
//! Browsers say where a request comes from: over TLS, and to one's own machine, since 2023 always (`Sec-Fetch-Site`);
//! else by `Origin` and `Referer`, unless the page forbade it. What says nothing is judged by what it calls itself.
//!
//! **Invariant:** whatever a page of another origin or a mail can have a browser or a mail program send is
//! [`may_be_foreign`]. A client that is neither can say the same: then it is counted by itself and refused by what it
//! does, but not blocked for it.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::CorsPolicy;

pub(crate) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Whether the request says that it was made by a page of another origin, or by a link outside of any page.
pub(crate) fn is_foreign(fields: &HeaderMap, is_over_tls: bool, cors: &CorsPolicy) -> bool {
    let origin = fields.get(header::ORIGIN);
    if origin.is_some_and(|origin| cors.names(origin)) {
        return false;
    }
    if let Some(site) = fields.get(SEC_FETCH_SITE) {
        return site != "same-origin";
    }
    match origin.or_else(|| fields.get(header::REFERER)) {
        Some(from) => !is_own(from, fields, is_over_tls),
        None => false,
    }
}

/// Whether it may have been: what says nothing counts too, where browsers do not have to say anything; and so does
/// what a page of our own shows or leads to because somebody else put an address into it, such as a picture of a
/// product.
pub(crate) fn may_be_foreign(method: &Method, fields: &HeaderMap, is_over_tls: bool, cors: &CorsPolicy) -> bool {
    // No page can have these sent to another origin without being allowed to, and no mail.
    if !matches!(*method, Method::GET | Method::HEAD | Method::POST) {
        return false;
    }
    if is_foreign(fields, is_over_tls, cors) {
        return true;
    }
    // A browser adds it unasked only where a proxy in front wants a password; then it mostly says where from, as above.
    if fields.contains_key(header::AUTHORIZATION) {
        return false;
    }
    if let Some(destination) = fields.get(SEC_FETCH_DEST) {
        // What a script asks for has none.
        return destination != "empty";
    }
    // Old browsers say nothing, nor does any over plain HTTP where a page forbids it, nor do programs that show a mail.
    !fields.contains_key(SEC_FETCH_SITE)
        && fields.get(header::USER_AGENT).is_some_and(|agent| shows_mail(agent.as_bytes()))
}

/// Whether this is how browsers call themselves, and what shows mails and messages with the pictures in them.
fn shows_mail(agent: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 8] =
        [b"Mozilla/", b"Opera/", b"Microsoft Office", b"Outlook", b"WhatsApp", b"Thunderbird", b"AppleMail", b"Lotus"];
    BEGINNINGS.iter().any(|beginning| agent.starts_with(beginning))
}

/// Whether the request says that a page of another origin made it, whatever that is allowed to: where a cookie of ours
/// does nothing.
#[must_use]
pub fn is_elsewhere(fields: &HeaderMap, is_over_tls: bool) -> bool {
    fields.get(SEC_FETCH_SITE).is_some_and(|site| site != "same-origin")
        || fields.get(header::ORIGIN).is_some_and(|origin| !is_own(origin, fields, is_over_tls))
}

/// Whether an origin or an address is of this server, as the request names it.
pub(crate) fn is_own(from: &HeaderValue, fields: &HeaderMap, is_over_tls: bool) -> bool {
    let scheme: &[u8] = if is_over_tls { b"https://" } else { b"http://" };
    let Some(rest) = from.as_bytes().strip_prefix(scheme) else { return false };
    let Some(host) = fields.get(header::HOST) else { return false };
    let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    rest[..end].eq_ignore_ascii_case(host.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().chain(&[("host", "shop.example")]);
        pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_pages_elsewhere_can_send_is_told_from_what_they_cannot() {
        let cors = CorsPolicy::new(&["https://front.example".to_owned()], 1).expect("an origin");
        let check = |pairs: &[(&'static str, &'static str)]| {
            let fields = fields(pairs);
            (is_foreign(&fields, true, &cors), may_be_foreign(&Method::GET, &fields, true, &cors))
        };
        for foreign in [
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")],
            &[("origin", "null")],
            &[("origin", "https://evil.example")],
            &[("origin", "http://shop.example")],
            &[("referer", "https://evil.example/page")],
            &[("referer", "https://shop.example.evil.example/")],
        ] {
            assert_eq!(check(foreign), (true, true), "{foreign:?}");
        }
        for own in [
            &[][..],
            &[("user-agent", "python-requests/2.32")],
            &[("sec-fetch-site", "same-origin")],
            &[("origin", "https://shop.example")],
            &[("referer", "https://SHOP.example/console")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://front.example")],
        ] {
            assert_eq!(check(own), (false, false), "{own:?}");
        }
        let picture = fields(&[("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "image")]);
        assert!(may_be_foreign(&Method::GET, &picture, true, &cors), "of a product, whose seller typed its address");
        let script = fields(&[("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "empty")]);
        assert!(!may_be_foreign(&Method::GET, &script, true, &cors));
        let any = CorsPolicy::new(&["*".to_owned()], 1).expect("an origin");
        let elsewhere = fields(&[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]);
        assert!(is_foreign(&elsewhere, true, &any), "who may read answers is not the shop");
        // Over plain HTTP a page can forbid its browser to say anything.
        let silent = fields(&[("user-agent", "Mozilla/5.0")]);
        for is_over_tls in [true, false] {
            assert!(
                may_be_foreign(&Method::GET, &silent, is_over_tls, &cors) && !is_foreign(&silent, is_over_tls, &cors)
            );
            assert!(!may_be_foreign(&Method::DELETE, &silent, is_over_tls, &cors), "no page can have that sent");
        }
        // A proxy in front that asks for a password has the browser send it with every request, a page's too.
        let behind_basic = fields(&[("authorization", "Basic dTpw"), ("sec-fetch-site", "cross-site")]);
        assert!(may_be_foreign(&Method::GET, &behind_basic, true, &cors));
        let program = fields(&[("authorization", "Bearer x"), ("user-agent", "Mozilla/5.0")]);
        assert!(!may_be_foreign(&Method::GET, &program, true, &cors), "no page can have that sent");
        let mail = fields(&[("user-agent", "Microsoft Office/16.0 (Microsoft Outlook Mail 16.0)")]);
        assert!(may_be_foreign(&Method::GET, &mail, true, &cors));
        assert!(!may_be_foreign(&Method::GET, &fields(&[("user-agent", "zgrab/0.x")]), false, &cors));
    }
}
