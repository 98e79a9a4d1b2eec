//! What accounts consist of, as clients see it, and reading it out of JSON. Pure.
//!
//! **Invariant:** nothing here holds a password, a hash or a key.

use entrepot_contracts::{ApiKeyId, BlockId, NoStoreId, PersonId, Role, SessionId, StoreId};
use entrepot_web::body::{Member, Reader, Text};
use entrepot_web::{Fault, FieldNames};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::email::{is_email, normal_email};
use crate::permissions::PERMISSIONS;

/// The fields of a person.
pub(crate) const PERSON_FIELDS: FieldNames = FieldNames(&[
    "id",
    "email",
    "name",
    "role",
    "status",
    "stores",
    "emailVerified",
    "lastSignInAt",
    "createdAt",
    "updatedAt",
]);
/// The fields of an API key.
pub(crate) const KEY_FIELDS: FieldNames =
    FieldNames(&["id", "personId", "name", "prefix", "scopes", "createdAt", "updatedAt", "expiresAt", "lastUsedAt"]);
/// The fields of a block.
pub(crate) const BLOCK_FIELDS: FieldNames =
    FieldNames(&["id", "network", "reason", "createdBy", "createdAt", "expiresAt", "liftedAt", "liftedBy"]);
/// The fields of an entry of the audit log.
pub(crate) const AUDIT_FIELDS: FieldNames =
    FieldNames(&["id", "at", "actor", "role", "via", "address", "action", "target", "data.*", "requestId"]);

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AccountStatus)]
pub(crate) enum Status {
    /// It may.
    Active,
    /// It may not, until somebody says otherwise.
    Blocked,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Active, Self::Blocked].into_iter().find(|status| status.name() == name)
    }
}

/// A person who has an account.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    pub(crate) id: PersonId,
    #[schema(example = "mira@shop.example")]
    pub(crate) email: String,
    #[schema(example = "Mira Olsen")]
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) status: Status,
    /// The stores that the person is tied to: of stores, sales and their exports nothing else is shown or
    /// written. Null for nobody that is tied.
    #[schema(value_type = Option<Vec<StoreId>>)]
    pub(crate) stores: Option<Vec<String>>,
    /// Whether the person has proven to read that address.
    pub(crate) email_verified: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) last_sign_in_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
    #[serde(skip)]
    pub(crate) has_password: bool,
    #[serde(skip)]
    pub(crate) epoch: i32,
    #[serde(skip)]
    pub(crate) version: i64,
}

impl Person {
    /// Whether whoever is restricted to these stores (`None`: to none) reaches this account: it is restricted to
    /// some of the same.
    pub(crate) fn is_within(&self, reach: Option<&[String]>) -> bool {
        is_within(self.stores.as_deref(), reach)
    }
}

/// Whether a restriction to `stores` allows nothing that a restriction to `reach` does not.
pub(crate) fn is_within(stores: Option<&[String]>, reach: Option<&[String]>) -> bool {
    match (reach, stores) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(reach), Some(stores)) => stores.iter().all(|store| reach.contains(store)),
    }
}

entrepot_web::choices! {
    SessionKind = "token" | "cookie";
}

/// A sign-in that is still good.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    /// `token` for programs and apps, `cookie` for browsers.
    #[schema(value_type = SessionKind, inline)]
    pub(crate) kind: String,
    /// Where the sign-in came from.
    #[schema(example = "203.0.113.7")]
    pub(crate) address: Option<String>,
    #[schema(example = "Mozilla/5.0")]
    pub(crate) user_agent: Option<String>,
    /// Whether it is the one that asks.
    pub(crate) current: bool,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) last_used_at: Timestamp,
    /// When it ends if it is not used before.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}

/// An API key, without what makes it one.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKey {
    pub(crate) id: ApiKeyId,
    /// Whose it is.
    pub(crate) person_id: PersonId,
    #[schema(example = "Nightly stock import")]
    pub(crate) name: String,
    /// What the key begins with.
    #[schema(example = "ek_7GhQ2mXvT")]
    pub(crate) prefix: String,
    /// The actions that it may be used for.
    #[schema(example = json!(["products.write"]))]
    pub(crate) scopes: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) last_used_at: Option<Timestamp>,
    #[serde(skip)]
    pub(crate) version: i64,
}

/// A network that is kept out, or was.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Block {
    pub(crate) id: BlockId,
    #[schema(example = "203.0.113.7/32")]
    pub(crate) network: String,
    #[schema(example = "keeps scanning for backups")]
    pub(crate) reason: String,
    /// Who blocked it; null for the program itself.
    #[schema(value_type = Option<Uuid>)]
    pub(crate) created_by: Option<PersonId>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
    /// When it was lifted before its time.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) lifted_at: Option<Timestamp>,
    #[schema(value_type = Option<Uuid>)]
    pub(crate) lifted_by: Option<PersonId>,
}

/// Somebody did something.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditEntry {
    /// The event's position in the feed.
    pub(crate) id: i64,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// Who did it; null for somebody who had not signed in.
    pub(crate) actor: Option<Uuid>,
    /// In which role.
    #[schema(example = "admin")]
    pub(crate) role: Option<String>,
    /// By what: `session:<id>`, `cookie:<id>`, `key:<id>`, `command`, `anonymous`.
    #[schema(example = "session:019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b")]
    pub(crate) via: Option<String>,
    /// From where.
    #[schema(example = "203.0.113.7")]
    pub(crate) address: Option<String>,
    /// What was done: the event's name.
    #[schema(example = "catalog.product-changed")]
    pub(crate) action: String,
    /// To what: the event's topic.
    #[schema(example = "product-019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b")]
    pub(crate) target: String,
    /// What the event says of it.
    #[schema(value_type = Object, example = json!({"after": {"stock": 7}}))]
    pub(crate) data: Value,
    #[schema(example = "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b")]
    pub(crate) request_id: Option<String>,
}

fn role(text: &str) -> Result<Role, String> {
    Role::named(text).ok_or_else(|| {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
        format!("must be one of {}", names.join(", "))
    })
}

fn status(text: &str) -> Result<Status, &'static str> {
    Status::named(text).ok_or("must be active or blocked")
}

/// Ids of stores. That there are such stores is not asked: a store may be made after its people.
fn stores(member: &mut Member<'_, '_>) -> Option<Vec<String>> {
    let stores = member.texts(MOST_STORES, Text::line(1, 32))?;
    for store in stores.iter().filter(|store| store.parse::<StoreId>().is_err()) {
        member.fault("not_a_store", format!("{store:?} {NoStoreId}"));
    }
    Some(stores)
}

/// Stores that a person can be tied to.
const MOST_STORES: usize = 500;
const EMAIL: Text = Text::line(3, 254);
const NAME: Text = Text::line(1, 200);
/// More than any password may have, so that one that is too long is told so and not only cut off.
const PASSWORD: Text = Text::lines(1, 1_000).verbatim();
const TOKEN: Text = Text::line(1, 200).verbatim();

/// Somebody who wants an account.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
pub(crate) struct Registration {
    /// Becomes the name to sign in by.
    #[schema(example = "mira@shop.example", max_length = 254)]
    pub(crate) email: String,
    /// 15 characters or more, unless set otherwise; any characters.
    #[schema(example = "four rainy days in Bergen", max_length = 256)]
    pub(crate) password: String,
    #[schema(example = "Mira Olsen", max_length = 200)]
    pub(crate) name: String,
}

impl Registration {
    pub(crate) fn read(body: &Value) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(body, "");
        let email = reader.required("email", |member| member.parsed(EMAIL, "not_an_email", is_email));
        let password = reader.required("password", |member| member.text(PASSWORD));
        let name = reader.required("name", |member| member.text(NAME));
        let faults = reader.finish();
        match (email, password, name) {
            (Some(email), Some(password), Some(name)) if faults.is_empty() => Ok(Self { email, password, name }),
            _ => Err(faults),
        }
    }
}

/// Somebody who says who they are.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
pub(crate) struct SignIn {
    #[schema(example = "mira@shop.example")]
    pub(crate) email: String,
    #[schema(example = "four rainy days in Bergen")]
    pub(crate) password: String,
    /// True for a browser: the session is kept in a cookie, and no tokens are given.
    #[schema(required = false, example = false)]
    pub(crate) cookie: bool,
}

impl SignIn {
    pub(crate) fn read(body: &Value) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(body, "");
        // Its form is not checked: what is no address has no account, and gets the same answer.
        let email =
            reader.required("email", |member| member.text(Text::line(1, 254))).map(|email| normal_email(&email));
        let password = reader.required("password", |member| member.text(PASSWORD));
        let cookie = reader.optional("cookie", |member| member.boolean()).unwrap_or(false);
        let faults = reader.finish();
        match (email, password) {
            (Some(email), Some(password)) if faults.is_empty() => Ok(Self { email, password, cookie }),
            _ => Err(faults),
        }
    }
}

/// Reads a body that is one text under this name.
pub(crate) fn read_one(body: &Value, name: &'static str) -> Result<String, Vec<Fault>> {
    let mut reader = Reader::new(body, "");
    let value = reader.required(name, |member| match name {
        "email" => member.parsed(EMAIL, "not_an_email", is_email),
        _ => member.text(TOKEN),
    });
    let faults = reader.finish();
    value.filter(|_| faults.is_empty()).ok_or(faults)
}

/// A new password, and what gives the right to set it: the old one or a token.
#[derive(Clone, Debug)]
pub(crate) struct PasswordChange {
    pub(crate) proof: String,
    pub(crate) password: String,
}

impl PasswordChange {
    pub(crate) fn read(body: &Value, proof: &'static str) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(body, "");
        let limits = if proof == "token" { TOKEN } else { PASSWORD };
        let proof = reader.required(proof, |member| member.text(limits));
        let password = reader.required("password", |member| member.text(PASSWORD));
        let faults = reader.finish();
        match (proof, password) {
            (Some(proof), Some(password)) if faults.is_empty() => Ok(Self { proof, password }),
            _ => Err(faults),
        }
    }
}

/// An account as an admin makes it.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
pub(crate) struct PersonInput {
    #[schema(example = "jon@shop.example", max_length = 254)]
    pub(crate) email: String,
    #[schema(example = "Jon Berg", max_length = 200)]
    pub(crate) name: String,
    #[schema(required = false, example = "staff")]
    pub(crate) role: Role,
    /// Ties the person to these stores, 500 at most; left out or null, to none.
    #[schema(value_type = Option<Vec<StoreId>>, example = json!(["330", "406"]))]
    pub(crate) stores: Option<Vec<String>>,
    /// Left out, the person is sent a link to choose one.
    #[schema(max_length = 256)]
    pub(crate) password: Option<String>,
}

impl PersonInput {
    pub(crate) fn read(body: &Value) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(body, "");
        let email = reader.required("email", |member| member.parsed(EMAIL, "not_an_email", is_email));
        let name = reader.required("name", |member| member.text(NAME));
        let role = reader.optional("role", |member| member.parsed(Text::line(1, 40), "unknown_role", role));
        let stores = reader.optional("stores", stores);
        let password = reader.optional("password", |member| member.text(PASSWORD));
        let faults = reader.finish();
        match (email, name) {
            (Some(email), Some(name)) if faults.is_empty() => {
                Ok(Self { email, name, role: role.unwrap_or(Role::Customer), stores, password })
            }
            _ => Err(faults),
        }
    }
}

/// Changes to an account; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, ToSchema)]
pub(crate) struct PersonPatch {
    #[schema(max_length = 254, nullable = false)]
    pub(crate) email: Option<String>,
    #[schema(max_length = 200, nullable = false, example = "Jon Berg")]
    pub(crate) name: Option<String>,
    #[schema(nullable = false, example = "manager")]
    pub(crate) role: Option<Role>,
    #[schema(nullable = false)]
    pub(crate) status: Option<Status>,
    /// Ties the person to these stores and no others; null unties.
    #[schema(value_type = Option<Vec<StoreId>>)]
    pub(crate) stores: Option<Option<Vec<String>>>,
    /// Proves that it is the person who changes the address.
    #[schema(ignore)]
    pub(crate) current_password: Option<String>,
}

impl PersonPatch {
    /// `own`: what people may change about themselves.
    pub(crate) fn read(body: &Value, own: bool) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(body, "");
        let mut patch = Self {
            email: reader.optional("email", |member| member.parsed(EMAIL, "not_an_email", is_email)),
            name: reader.optional("name", |member| member.text(NAME)),
            ..Self::default()
        };
        if own {
            patch.current_password = reader.optional("currentPassword", |member| member.text(PASSWORD));
        } else {
            patch.role = reader.optional("role", |member| member.parsed(Text::line(1, 40), "unknown_role", role));
            patch.status =
                reader.optional("status", |member| member.parsed(Text::line(1, 40), "unknown_status", status));
            let tied = reader.optional("stores", stores);
            patch.stores = body.get("stores").map(|_given| tied);
        }
        for name in ["email", "name", "role", "status"] {
            if body.get(name).is_some_and(Value::is_null) && (!own || matches!(name, "email" | "name")) {
                reader.fault(name, "required", "cannot be taken away");
            }
        }
        let faults = reader.finish();
        if faults.is_empty() { Ok(patch) } else { Err(faults) }
    }
}

/// What people may change about themselves.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what is read as a PersonPatch")]
pub(crate) struct ProfilePatch {
    /// Has to be verified again.
    #[schema(max_length = 254, nullable = false)]
    email: Option<String>,
    /// Required where `email` is given.
    #[schema(max_length = 256, nullable = false)]
    current_password: Option<String>,
    #[schema(max_length = 200, nullable = false, example = "Mira Olsen-Berg")]
    name: Option<String>,
}

/// An API key to be made, or what it becomes.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyInput {
    #[schema(example = "Nightly stock import", max_length = 100)]
    pub(crate) name: String,
    /// Actions, as `entrepot permissions` lists them.
    #[schema(example = json!(["products.write"]), min_items = 1, max_items = 100)]
    pub(crate) scopes: Vec<String>,
    /// When it stops working; null for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) expires_at: Option<Timestamp>,
}

impl KeyInput {
    pub(crate) fn read(body: &Value, now: Timestamp) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(body, "");
        let name = reader.required("name", |member| member.text(Text::line(1, 100)));
        let scopes = reader.required("scopes", |member| {
            let scopes = member.texts(100, Text::line(1, 60))?;
            if scopes.is_empty() {
                member.fault("empty", "must name at least one action");
            }
            for scope in scopes.iter().filter(|scope| crate::permissions::named(scope).is_none()) {
                let known: Vec<&str> = PERMISSIONS.iter().map(|permission| permission.action).collect();
                member.fault("unknown_action", format!("{scope:?} is no action; there are {}", known.join(", ")));
            }
            Some(scopes)
        });
        let expires_at = reader.optional("expiresAt", |member| {
            let time =
                |text: &str| text.parse::<Timestamp>().map_err(|_| "must be a time such as 2027-01-31T00:00:00Z");
            let at = member.parsed(Text::line(1, 60), "not_a_time", time)?;
            if at <= now {
                member.fault("in_the_past", "must be still to come");
            }
            Some(at)
        });
        let faults = reader.finish();
        match (name, scopes) {
            (Some(name), Some(scopes)) if faults.is_empty() => Ok(Self { name, scopes, expires_at }),
            _ => Err(faults),
        }
    }
}

/// A network to be kept out.
#[derive(Clone, Debug, ToSchema)]
pub(crate) struct BlockInput {
    /// An address or a network of at most 65,536 IPv4 addresses or an IPv6 /32.
    #[schema(value_type = String, example = "203.0.113.0/24")]
    pub(crate) network: IpNet,
    #[schema(example = "keeps scanning for backups", max_length = 500)]
    pub(crate) reason: String,
    /// For how long, in minutes; a day unless told, a year at most.
    #[schema(value_type = i32, required = false, example = 1440, minimum = 1, maximum = 525600)]
    pub(crate) minutes: SignedDuration,
}

impl BlockInput {
    pub(crate) fn read(body: &Value) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(body, "");
        let network = reader.required("network", |member| {
            let form = |text: &str| {
                entrepot_guard::address::network(text)
                    .ok_or("must be an address or network such as 203.0.113.7 or 2001:db8::/64")
            };
            let network = member.parsed(Text::line(1, 60), "not_a_network", form)?;
            let (least, family) = if network.addr().is_ipv4() { (16, "IPv4") } else { (32, "IPv6") };
            if network.prefix_len() < least {
                member.fault("too_wide", format!("must not be wider than a /{least} of {family}"));
            }
            Some(network)
        });
        let reason = reader.required("reason", |member| member.text(Text::line(1, 500)));
        let minutes = reader.optional("minutes", |member| member.integer(1, 525_600)).unwrap_or(1_440);
        let faults = reader.finish();
        match (network, reason) {
            (Some(network), Some(reason)) if faults.is_empty() => {
                Ok(Self { network, reason, minutes: SignedDuration::from_mins(i64::from(minutes)) })
            }
            _ => Err(faults),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_faults_are_told_at_once() {
        let codes = |faults: Vec<Fault>| {
            faults.into_iter().map(|fault| (fault.pointer.unwrap_or_default(), fault.code)).collect::<Vec<_>>()
        };
        let faults = Registration::read(&json!({"email": "x", "name": "", "admin": true})).expect_err("faulty");
        assert_eq!(
            codes(faults),
            [
                ("/email".to_owned(), "length"),
                ("/password".to_owned(), "required"),
                ("/name".to_owned(), "empty"),
                ("/admin".to_owned(), "unknown_member")
            ]
        );
        let faults = PersonPatch::read(&json!({"role": "admin"}), true).expect_err("not one's own to change");
        assert_eq!(codes(faults), [("/role".to_owned(), "unknown_member")]);
        let faults = PersonPatch::read(&json!({"name": null, "role": "king"}), false).expect_err("faulty");
        assert_eq!(codes(faults), [("/role".to_owned(), "unknown_role"), ("/name".to_owned(), "required")]);
        let now = Timestamp::UNIX_EPOCH;
        let faults = KeyInput::read(&json!({"name": "k", "scopes": ["fly"], "expiresAt": "1960-01-01T00:00:00Z"}), now);
        assert_eq!(
            codes(faults.expect_err("faulty")),
            [("/scopes".to_owned(), "unknown_action"), ("/expiresAt".to_owned(), "in_the_past")]
        );
        let faults =
            BlockInput::read(&json!({"network": "0.0.0.0/0", "reason": "all", "minutes": 0})).expect_err("faulty");
        assert_eq!(codes(faults), [("/network".to_owned(), "too_wide"), ("/minutes".to_owned(), "out_of_range")]);
    }
}
