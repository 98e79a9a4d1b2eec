//! Webhooks: signing one message and sending it once, as Standard Webhooks 1.0.0 has it
//! (<https://www.standardwebhooks.com>).
//!
//! A receiver names a URL, and this program calls it from inside its own network. So a URL is checked when
//! it is given ([`Target`]), the addresses behind its name each time it is called, and the connection goes to
//! the very addresses that were checked: a name that points elsewhere a moment later gains nothing.
//!
//! | room | what it owns |
//! | --- | --- |
//! | [`secret`](Secret) | the key of an endpoint |
//! | [`signature`](sign) | signing, and what a receiver does to verify |
//! | [`target`](Target) | a checked URL |
//! | `network` | which addresses are public |
//! | [`resolver`](Resolve) | from a name to its addresses |
//! | [`message`](Message) | what is sent |
//! | [`sender`](Sender) | one attempt |
//! | `answer` | what is kept of an answer |
//! | [`error`](SendError) | why an attempt failed, and whether another one may do better |
//!
//! Endpoints, and when to try again, are the caller's: there is no database here, and nothing runs in the
//! background.
//!
//! **Invariants:**
//! - Unless the settings allow it, no connection is opened to an address that is not public, whatever form
//!   the URL has and whatever the resolver says.
//! - No redirect is followed.
//! - An attempt ends within [`SenderSettings::timeout`], and keeps no more of the answer than a few hundred
//!   bytes.
//! - Neither a secret, a body nor the path of a URL is in an error or in what `Debug` shows.

mod answer;
mod error;
mod message;
mod network;
mod resolver;
mod secret;
mod sender;
mod signature;
mod target;

pub use error::{SendError, Step};
pub use message::{Message, MessageError};
pub use resolver::{Resolve, SystemResolver};
pub use secret::{Secret, SecretError};
pub use sender::{Delivered, Sender, SenderSettings, SettingsError};
pub use signature::{VerifyError, sign, verify};
pub use target::{Target, TargetError, TargetRules};
