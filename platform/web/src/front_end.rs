//! A shop's own front end: a program that asks for the shop's customers, with an API key of its own.
//!
//! Such a key has a limit of its own, and each request may name the customer it is for in
//! [`CLIENT_ADDRESS`]: that customer's network then has its usual share, and its blocks, as if it had asked itself.
//!
//! **Invariant:** an address is believed of nobody but a key with the scope [`ACTION`].

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};

use crate::{Caller, Doorkeeper, Problem, Via, kinds};

/// What a key must have been made for.
pub(crate) const ACTION: &str = "front_end.pass_on";
/// Names the customer's address.
pub(crate) const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("entrepot-client-address");

/// Whether these credentials are those of a front end.
pub(crate) fn is_front_end(keeper: &dyn Doorkeeper, caller: &Caller) -> bool {
    matches!(caller.via, Via::Key(_))
        && caller.actions.as_ref().is_some_and(|actions| actions.iter().any(|action| action == ACTION))
        && keeper.granted(caller, ACTION).is_some()
}

/// The customer whom a front end asks for, where it names one.
///
/// # Errors
/// A 400 for what is no address, and where whoever asks is no front end.
pub(crate) fn customer(fields: &HeaderMap, is_front_end: bool) -> Result<Option<IpAddr>, Problem> {
    let mut values = fields.get_all(CLIENT_ADDRESS).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let refuse = |detail: &str| Err(Problem::new(&kinds::INVALID_HEADER, detail));
    if !is_front_end {
        return refuse("Entrepot-Client-Address is for API keys that were made for front_end.pass_on");
    }
    let address = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    match address.filter(|_| values.next().is_none()) {
        Some(address) => Ok(Some(address)),
        None => refuse("Entrepot-Client-Address takes one IP address, such as 203.0.113.7"),
    }
}
