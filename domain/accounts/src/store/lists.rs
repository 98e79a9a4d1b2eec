//! Lists of people, keys, blocks and audit entries: filters, newest first, in pages.
//!
//! Every statement is put together from constant pieces of SQL; what a client sent is bound. Each list
//! is the order of an index, and a page continues from a cursor by comparing with that index's columns.

use entrepot_contracts::{ApiKeyId, BlockId, PersonId, Role};
use entrepot_pg::tokio_postgres::Row;
use entrepot_pg::tokio_postgres::types::Type;
use entrepot_pg::{Binds, Database, Error, Pooled};
use entrepot_web::{Cursor, Page, PageRequest, Position, Problem};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::model::{ApiKey, AuditEntry, Block, Person, Status};

/// Why a page could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error("the cursor's values do not fit the list")]
    BadCursor,
    #[error(transparent)]
    Database(#[from] Error),
}

impl From<entrepot_pg::tokio_postgres::Error> for ListError {
    fn from(error: entrepot_pg::tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// One thing that a list is narrowed to. The SQL has `{}` where the value goes.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    Text(&'static str, String),
    Id(&'static str, Uuid),
    Time(&'static str, Timestamp),
    Texts(&'static str, Vec<String>),
    Plain(&'static str),
}

/// A list: what is read, from where, in which order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    columns: &'static str,
    from: &'static str,
    /// The columns of the order, all descending, and the types that cursors' texts are cast to.
    keys: &'static [(&'static str, &'static str)],
}

/// A page of a list.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) page: Page,
}

const PEOPLE: List = List {
    columns: "id, email, name, role::text, status::text, email_verified_at IS NOT NULL, last_sign_in_at, created_at, updated_at, stores",
    from: "accounts.person",
    keys: &[("created_at", "timestamptz"), ("id", "uuid")],
};
const KEYS: List = List {
    columns: "id, person_id, name, prefix, scopes, created_at, updated_at, expires_at, last_used_at",
    from: "accounts.api_key",
    keys: &[("created_at", "timestamptz"), ("id", "uuid")],
};
const BLOCKS: List = List {
    columns: "id, network::text, reason, created_by, created_at, expires_at, lifted_at, lifted_by",
    from: "accounts.block",
    keys: &[("created_at", "timestamptz"), ("id", "uuid")],
};
const AUDIT: List = List {
    columns: "id, at, actor, role, via, address, action, target, data, request_id",
    from: "accounts.audit",
    keys: &[("id", "bigint")],
};

impl List {
    fn conditions(&self, filters: &[Filter], binds: &mut Binds) -> String {
        let mut sql = "true".to_owned();
        for filter in filters {
            let (text, place) = match filter.clone() {
                Filter::Text(text, value) => (text, binds.add(value, Type::TEXT)),
                Filter::Id(text, value) => (text, binds.add(value, Type::UUID)),
                Filter::Time(text, value) => (text, binds.add(value, Type::TIMESTAMPTZ)),
                Filter::Texts(text, values) => (text, binds.add(values, Type::TEXT_ARRAY)),
                Filter::Plain(text) => (text, String::new()),
            };
            sql.push_str(" AND ");
            sql.push_str(&text.replace("{}", &place));
        }
        sql
    }

    fn fingerprint(&self, filters: &[Filter]) -> u64 {
        Cursor::fingerprint(&format!("{} {filters:?}", self.from))
    }

    async fn page<T>(
        &self,
        database: &Database,
        filters: &[Filter],
        request: &PageRequest,
        read: impl Fn(&Row) -> Result<T, Error>,
        values: impl Fn(&T) -> Vec<Value>,
    ) -> Result<Listed<T>, ListError> {
        let mut binds = Binds::default();
        let mut conditions = self.conditions(filters, &mut binds);
        let backwards = request.is_backwards();
        if let Position::Cursor(cursor) = &request.position {
            let texts: Vec<&str> = cursor.values.iter().filter_map(Value::as_str).collect();
            if texts.len() != self.keys.len() || cursor.values.len() != self.keys.len() || !self.keys_fit(&texts) {
                return Err(ListError::BadCursor);
            }
            let places: Vec<String> = texts
                .iter()
                .zip(self.keys)
                .map(|(text, (_, kind))| format!("{}::{kind}", binds.add((*text).to_owned(), Type::TEXT)))
                .collect();
            let columns: Vec<&str> = self.keys.iter().map(|(column, _)| *column).collect();
            let sign = if backwards { '>' } else { '<' };
            conditions.push_str(&format!(" AND ({}) {sign} ({})", columns.join(", "), places.join(", ")));
        }
        let way = if backwards { "" } else { " DESC" };
        let order: Vec<String> = self.keys.iter().map(|(column, _)| format!("{column}{way}")).collect();
        let offset = if let Position::Offset(offset) = request.position { offset } else { 0 };
        // One row more than asked for tells whether there is a next page.
        let sql = format!(
            "SELECT {} FROM {} WHERE {conditions} ORDER BY {} LIMIT {} OFFSET {offset}",
            self.columns,
            self.from,
            order.join(", "),
            request.limit + 1
        );
        let found = database.client().await?.query_typed(&sql, &binds.typed()).await?;
        let rows = found.iter().map(read).collect::<Result<Vec<T>, _>>()?;
        let (rows, page) = request.cut(rows, self.fingerprint(filters), values);
        Ok(Listed { rows, page })
    }

    /// Whether a cursor's texts can be cast to the types of the order's columns.
    fn keys_fit(&self, texts: &[&str]) -> bool {
        texts.iter().zip(self.keys).all(|(text, (_, kind))| match *kind {
            "timestamptz" => text.parse::<Timestamp>().is_ok(),
            "uuid" => text.parse::<Uuid>().is_ok(),
            _ => text.parse::<i64>().is_ok(),
        })
    }

    /// Whether the page's cursor, where there is one, was given out for this list.
    fn check(&self, filters: &[Filter], request: &PageRequest) -> Result<(), Problem> {
        match &request.position {
            Position::Cursor(cursor) => cursor.check(self.fingerprint(filters)),
            Position::Start | Position::Offset(_) => Ok(()),
        }
    }
}

fn times(created_at: Timestamp, id: Uuid) -> Vec<Value> {
    vec![created_at.to_string().into(), id.to_string().into()]
}

/// What a list's page is asked for with; checked before anything is read.
pub(crate) struct Asked<'a> {
    list: List,
    filters: &'a [Filter],
    request: &'a PageRequest,
}

/// People, the newest first.
pub(crate) fn person_list<'a>(filters: &'a [Filter], request: &'a PageRequest) -> Result<Asked<'a>, Problem> {
    asked(PEOPLE, filters, request)
}

/// API keys, the newest first.
pub(crate) fn key_list<'a>(filters: &'a [Filter], request: &'a PageRequest) -> Result<Asked<'a>, Problem> {
    asked(KEYS, filters, request)
}

/// Blocks, the newest first.
pub(crate) fn block_list<'a>(filters: &'a [Filter], request: &'a PageRequest) -> Result<Asked<'a>, Problem> {
    asked(BLOCKS, filters, request)
}

/// Audit entries, the newest first.
pub(crate) fn audit_list<'a>(filters: &'a [Filter], request: &'a PageRequest) -> Result<Asked<'a>, Problem> {
    asked(AUDIT, filters, request)
}

fn asked<'a>(list: List, filters: &'a [Filter], request: &'a PageRequest) -> Result<Asked<'a>, Problem> {
    list.check(filters, request)?;
    Ok(Asked { list, filters, request })
}

impl Asked<'_> {
    pub(crate) async fn people(&self, database: &Database) -> Result<Listed<Person>, ListError> {
        let read = |row: &Row| {
            Ok(Person {
                id: PersonId(row.try_get(0)?),
                email: row.try_get(1)?,
                name: row.try_get(2)?,
                role: Role::named(row.try_get(3)?).unwrap_or(Role::Customer),
                status: Status::named(row.try_get(4)?).unwrap_or(Status::Blocked),
                email_verified: row.try_get(5)?,
                last_sign_in_at: row.try_get(6)?,
                created_at: row.try_get(7)?,
                updated_at: row.try_get(8)?,
                stores: row.try_get(9)?,
                has_password: false,
                epoch: 0,
                version: 0,
            })
        };
        let values = |person: &Person| times(person.created_at, person.id.0);
        self.list.page(database, self.filters, self.request, read, values).await
    }

    pub(crate) async fn keys(&self, database: &Database) -> Result<Listed<ApiKey>, ListError> {
        let read = |row: &Row| {
            Ok(ApiKey {
                id: ApiKeyId(row.try_get(0)?),
                person_id: PersonId(row.try_get(1)?),
                name: row.try_get(2)?,
                prefix: row.try_get(3)?,
                scopes: row.try_get(4)?,
                created_at: row.try_get(5)?,
                updated_at: row.try_get(6)?,
                expires_at: row.try_get(7)?,
                last_used_at: row.try_get(8)?,
                version: 0,
            })
        };
        let values = |key: &ApiKey| times(key.created_at, key.id.0);
        self.list.page(database, self.filters, self.request, read, values).await
    }

    pub(crate) async fn blocks(&self, database: &Database) -> Result<Listed<Block>, ListError> {
        let read = |row: &Row| {
            Ok(Block {
                id: BlockId(row.try_get(0)?),
                network: row.try_get(1)?,
                reason: row.try_get(2)?,
                created_by: row.try_get::<_, Option<Uuid>>(3)?.map(PersonId),
                created_at: row.try_get(4)?,
                expires_at: row.try_get(5)?,
                lifted_at: row.try_get(6)?,
                lifted_by: row.try_get::<_, Option<Uuid>>(7)?.map(PersonId),
            })
        };
        let values = |block: &Block| times(block.created_at, block.id.0);
        self.list.page(database, self.filters, self.request, read, values).await
    }

    pub(crate) async fn audit(&self, database: &Database) -> Result<Listed<AuditEntry>, ListError> {
        let values = |entry: &AuditEntry| vec![entry.id.to_string().into()];
        self.list.page(database, self.filters, self.request, audit_entry, values).await
    }
}

fn audit_entry(row: &Row) -> Result<AuditEntry, Error> {
    Ok(AuditEntry {
        id: row.try_get(0)?,
        at: row.try_get(1)?,
        actor: row.try_get(2)?,
        role: row.try_get(3)?,
        via: row.try_get(4)?,
        address: row.try_get(5)?,
        action: row.try_get(6)?,
        target: row.try_get(7)?,
        data: row.try_get(8)?,
        request_id: row.try_get(9)?,
    })
}

/// Entries of the audit log below this one, the newest first, for an export piece by piece.
pub(crate) async fn audit_rows(
    client: &Pooled,
    filters: &[Filter],
    below: i64,
    at_most: u32,
) -> Result<Vec<AuditEntry>, Error> {
    let mut binds = Binds::default();
    let conditions = AUDIT.conditions(filters, &mut binds);
    let below = binds.add(below, Type::INT8);
    let sql = format!(
        "SELECT {} FROM {} WHERE {conditions} AND id < {below} ORDER BY id DESC LIMIT {at_most}",
        AUDIT.columns, AUDIT.from
    );
    client.query_typed(&sql, &binds.typed()).await?.iter().map(audit_entry).collect()
}
