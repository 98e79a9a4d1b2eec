//! An admin who signs in, for what no API key may do: making, changing and deleting accounts.
//!
//! **Invariant:** signs in on each instance by itself, as their clocks may differ, and anew when a token has expired.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use entrepot_accounts::{Accounts, FirstAdmin, make_admin};
use entrepot_runtime::Clock;
use serde_json::{Value, json};

use super::client::{Answer, Http};
use super::instances::Instances;

pub(super) struct Administrator {
    email: String,
    password: String,
    /// The access token on each instance.
    tokens: Mutex<BTreeMap<usize, String>>,
}

impl Administrator {
    /// Makes one. `name` begins the address.
    pub(super) async fn make(accounts: &Accounts, name: &str) -> anyhow::Result<Self> {
        let (email, password) = (format!("{name}-admin@localhost"), secret());
        let admin = FirstAdmin { email: email.clone(), password: password.clone(), may_make_password: false };
        make_admin(accounts, &admin).await?;
        Ok(Self { email, password, tokens: Mutex::default() })
    }

    /// Asks an instance, and signs in there where that is needed.
    pub(super) async fn send(
        &self,
        http: &Http,
        instances: &Instances,
        instance: usize,
        (method, path, body): (&str, &str, Option<&Value>),
    ) -> anyhow::Result<Answer> {
        let address = instances.address(instance);
        for _ in 0..2 {
            let known = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(&instance).cloned();
            let token = match known {
                Some(token) => token,
                None => {
                    let token = sign_in(http, instances, instance, &self.email, &self.password).await?;
                    self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(instance, token.clone());
                    token
                }
            };
            let answer = http.send(address, method, path, &[bearer(&token)], body).await?;
            if answer.status != 401 {
                return Ok(answer);
            }
            // It has expired, or the instance's clock says so.
            self.tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(&instance);
        }
        anyhow::bail!("the admin is not recognised")
    }
}

/// An access token of somebody, from an instance.
pub(super) async fn sign_in(
    http: &Http,
    instances: &Instances,
    instance: usize,
    email: &str,
    password: &str,
) -> anyhow::Result<String> {
    let body = json!({"email": email, "password": password});
    let answer = http.send(instances.address(instance), "POST", "/api/v2/auth/login", &[], Some(&body)).await?;
    text(&answer.body, "accessToken")
}

pub(super) fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

/// Something that nobody guesses.
pub(super) fn secret() -> String {
    Clock::system().new_id().simple().to_string()
}

/// A member of an answer.
pub(super) fn text(body: &Value, member: &str) -> anyhow::Result<String> {
    Ok(body[member].as_str().with_context(|| format!("no {member} in {body}"))?.to_owned())
}
