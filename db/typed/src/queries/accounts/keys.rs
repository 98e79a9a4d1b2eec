// This file was generated with `clorinde`. Do not modify.

#[derive(Debug)]
pub struct KeyInsertParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::BytesSql,
    T4: crate::StringSql,
    T5: crate::ArraySql<Item = T4>,
    T6: crate::StringSql,
> {
    pub id: uuid::Uuid,
    pub person_id: uuid::Uuid,
    pub name: T1,
    pub prefix: T2,
    pub hash: T3,
    pub scopes: T5,
    pub role: T6,
    pub now: jiff::Timestamp,
    pub expires_at: Option<jiff::Timestamp>,
}
#[derive(Clone, Copy, Debug)]
pub struct KeyByIdParams {
    pub id: uuid::Uuid,
    pub owner: Option<uuid::Uuid>,
}
#[derive(Clone, Copy, Debug)]
pub struct KeyLockParams {
    pub id: uuid::Uuid,
    pub owner: Option<uuid::Uuid>,
}
#[derive(Debug)]
pub struct KeyUpdateParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
    T4: crate::StringSql,
> {
    pub name: T1,
    pub scopes: T3,
    pub role: T4,
    pub expires_at: Option<jiff::Timestamp>,
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
}
#[derive(Clone, Copy, Debug)]
pub struct KeyUsedParams {
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
}
#[derive(Debug, Clone, PartialEq)]
pub struct KeyIdentity {
    pub id: uuid::Uuid,
    pub person_id: uuid::Uuid,
    pub hash: Vec<u8>,
    pub scopes: Vec<String>,
    pub expires_at: Option<jiff::Timestamp>,
    pub role: String,
    pub made_as: String,
    pub made_for: Option<Vec<String>>,
    pub status: String,
    pub stores: Option<Vec<String>>,
}
pub struct KeyIdentityBorrowed<'a> {
    pub id: uuid::Uuid,
    pub person_id: uuid::Uuid,
    pub hash: &'a [u8],
    pub scopes: crate::ArrayIterator<'a, &'a str>,
    pub expires_at: Option<jiff::Timestamp>,
    pub role: &'a str,
    pub made_as: &'a str,
    pub made_for: Option<crate::ArrayIterator<'a, &'a str>>,
    pub status: &'a str,
    pub stores: Option<crate::ArrayIterator<'a, &'a str>>,
}
impl<'a> From<KeyIdentityBorrowed<'a>> for KeyIdentity {
    fn from(
        KeyIdentityBorrowed {
            id,
            person_id,
            hash,
            scopes,
            expires_at,
            role,
            made_as,
            made_for,
            status,
            stores,
        }: KeyIdentityBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            person_id,
            hash: hash.into(),
            scopes: scopes.map(|v| v.into()).collect(),
            expires_at,
            role: role.into(),
            made_as: made_as.into(),
            made_for: made_for.map(|v| v.map(|v| v.into()).collect()),
            status: status.into(),
            stores: stores.map(|v| v.map(|v| v.into()).collect()),
        }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct KeyRow {
    pub id: uuid::Uuid,
    pub person_id: uuid::Uuid,
    pub name: String,
    pub prefix: String,
    pub scopes: Vec<String>,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
    pub expires_at: Option<jiff::Timestamp>,
    pub last_used_at: Option<jiff::Timestamp>,
}
pub struct KeyRowBorrowed<'a> {
    pub id: uuid::Uuid,
    pub person_id: uuid::Uuid,
    pub name: &'a str,
    pub prefix: &'a str,
    pub scopes: crate::ArrayIterator<'a, &'a str>,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
    pub expires_at: Option<jiff::Timestamp>,
    pub last_used_at: Option<jiff::Timestamp>,
}
impl<'a> From<KeyRowBorrowed<'a>> for KeyRow {
    fn from(
        KeyRowBorrowed {
            id,
            person_id,
            name,
            prefix,
            scopes,
            version,
            created_at,
            updated_at,
            expires_at,
            last_used_at,
        }: KeyRowBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            person_id,
            name: name.into(),
            prefix: prefix.into(),
            scopes: scopes.map(|v| v.into()).collect(),
            version,
            created_at,
            updated_at,
            expires_at,
            last_used_at,
        }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct I64Query<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<i64, tokio_postgres::Error>,
    mapper: fn(i64) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> I64Query<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(i64) -> R) -> I64Query<'c, 'a, 's, C, R, N> {
        I64Query {
            client: self.client,
            params: self.params,
            query: self.query,
            cached: self.cached,
            extractor: self.extractor,
            mapper,
        }
    }
    pub async fn one(self) -> Result<T, tokio_postgres::Error> {
        let row = crate::client::async_::one(self.client, self.query, &self.params, self.cached).await?;
        Ok((self.mapper)((self.extractor)(&row)?))
    }
    pub async fn all(self) -> Result<Vec<T>, tokio_postgres::Error> {
        self.iter().await?.try_collect().await
    }
    pub async fn opt(self) -> Result<Option<T>, tokio_postgres::Error> {
        let opt_row = crate::client::async_::opt(self.client, self.query, &self.params, self.cached).await?;
        Ok(opt_row
            .map(|row| {
                let extracted = (self.extractor)(&row)?;
                Ok((self.mapper)(extracted))
            })
            .transpose()?)
    }
    pub async fn iter(
        self,
    ) -> Result<impl futures::Stream<Item = Result<T, tokio_postgres::Error>> + 'c, tokio_postgres::Error> {
        let stream =
            crate::client::async_::raw(self.client, self.query, crate::slice_iter(&self.params), self.cached).await?;
        let mapped = stream
            .map(move |res| {
                res.and_then(|row| {
                    let extracted = (self.extractor)(&row)?;
                    Ok((self.mapper)(extracted))
                })
            })
            .into_stream();
        Ok(mapped)
    }
}
pub struct KeyIdentityQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<KeyIdentityBorrowed, tokio_postgres::Error>,
    mapper: fn(KeyIdentityBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> KeyIdentityQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(KeyIdentityBorrowed) -> R) -> KeyIdentityQuery<'c, 'a, 's, C, R, N> {
        KeyIdentityQuery {
            client: self.client,
            params: self.params,
            query: self.query,
            cached: self.cached,
            extractor: self.extractor,
            mapper,
        }
    }
    pub async fn one(self) -> Result<T, tokio_postgres::Error> {
        let row = crate::client::async_::one(self.client, self.query, &self.params, self.cached).await?;
        Ok((self.mapper)((self.extractor)(&row)?))
    }
    pub async fn all(self) -> Result<Vec<T>, tokio_postgres::Error> {
        self.iter().await?.try_collect().await
    }
    pub async fn opt(self) -> Result<Option<T>, tokio_postgres::Error> {
        let opt_row = crate::client::async_::opt(self.client, self.query, &self.params, self.cached).await?;
        Ok(opt_row
            .map(|row| {
                let extracted = (self.extractor)(&row)?;
                Ok((self.mapper)(extracted))
            })
            .transpose()?)
    }
    pub async fn iter(
        self,
    ) -> Result<impl futures::Stream<Item = Result<T, tokio_postgres::Error>> + 'c, tokio_postgres::Error> {
        let stream =
            crate::client::async_::raw(self.client, self.query, crate::slice_iter(&self.params), self.cached).await?;
        let mapped = stream
            .map(move |res| {
                res.and_then(|row| {
                    let extracted = (self.extractor)(&row)?;
                    Ok((self.mapper)(extracted))
                })
            })
            .into_stream();
        Ok(mapped)
    }
}
pub struct KeyRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<KeyRowBorrowed, tokio_postgres::Error>,
    mapper: fn(KeyRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> KeyRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(KeyRowBorrowed) -> R) -> KeyRowQuery<'c, 'a, 's, C, R, N> {
        KeyRowQuery {
            client: self.client,
            params: self.params,
            query: self.query,
            cached: self.cached,
            extractor: self.extractor,
            mapper,
        }
    }
    pub async fn one(self) -> Result<T, tokio_postgres::Error> {
        let row = crate::client::async_::one(self.client, self.query, &self.params, self.cached).await?;
        Ok((self.mapper)((self.extractor)(&row)?))
    }
    pub async fn all(self) -> Result<Vec<T>, tokio_postgres::Error> {
        self.iter().await?.try_collect().await
    }
    pub async fn opt(self) -> Result<Option<T>, tokio_postgres::Error> {
        let opt_row = crate::client::async_::opt(self.client, self.query, &self.params, self.cached).await?;
        Ok(opt_row
            .map(|row| {
                let extracted = (self.extractor)(&row)?;
                Ok((self.mapper)(extracted))
            })
            .transpose()?)
    }
    pub async fn iter(
        self,
    ) -> Result<impl futures::Stream<Item = Result<T, tokio_postgres::Error>> + 'c, tokio_postgres::Error> {
        let stream =
            crate::client::async_::raw(self.client, self.query, crate::slice_iter(&self.params), self.cached).await?;
        let mapped = stream
            .map(move |res| {
                res.and_then(|row| {
                    let extracted = (self.extractor)(&row)?;
                    Ok((self.mapper)(extracted))
                })
            })
            .into_stream();
        Ok(mapped)
    }
}
pub struct UuidUuidQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<uuid::Uuid, tokio_postgres::Error>,
    mapper: fn(uuid::Uuid) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> UuidUuidQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(uuid::Uuid) -> R) -> UuidUuidQuery<'c, 'a, 's, C, R, N> {
        UuidUuidQuery {
            client: self.client,
            params: self.params,
            query: self.query,
            cached: self.cached,
            extractor: self.extractor,
            mapper,
        }
    }
    pub async fn one(self) -> Result<T, tokio_postgres::Error> {
        let row = crate::client::async_::one(self.client, self.query, &self.params, self.cached).await?;
        Ok((self.mapper)((self.extractor)(&row)?))
    }
    pub async fn all(self) -> Result<Vec<T>, tokio_postgres::Error> {
        self.iter().await?.try_collect().await
    }
    pub async fn opt(self) -> Result<Option<T>, tokio_postgres::Error> {
        let opt_row = crate::client::async_::opt(self.client, self.query, &self.params, self.cached).await?;
        Ok(opt_row
            .map(|row| {
                let extracted = (self.extractor)(&row)?;
                Ok((self.mapper)(extracted))
            })
            .transpose()?)
    }
    pub async fn iter(
        self,
    ) -> Result<impl futures::Stream<Item = Result<T, tokio_postgres::Error>> + 'c, tokio_postgres::Error> {
        let stream =
            crate::client::async_::raw(self.client, self.query, crate::slice_iter(&self.params), self.cached).await?;
        let mapped = stream
            .map(move |res| {
                res.and_then(|row| {
                    let extracted = (self.extractor)(&row)?;
                    Ok((self.mapper)(extracted))
                })
            })
            .into_stream();
        Ok(mapped)
    }
}
pub struct KeyInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn key_insert() -> KeyInsertStmt {
    KeyInsertStmt(
        "INSERT INTO accounts.api_key (id, person_id, name, prefix, hash, scopes, role, stores, is_proven, created_at, updated_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7::text::accounts.role, (SELECT stores FROM accounts.person WHERE id = $2), coalesce((SELECT email_verified_at IS NOT NULL FROM accounts.person WHERE id = $2), false), $8, $8, $9)",
        None,
    )
}
impl KeyInsertStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<
        'c,
        'a,
        's,
        C: GenericClient,
        T1: crate::StringSql,
        T2: crate::StringSql,
        T3: crate::BytesSql,
        T4: crate::StringSql,
        T5: crate::ArraySql<Item = T4>,
        T6: crate::StringSql,
    >(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        person_id: &'a uuid::Uuid,
        name: &'a T1,
        prefix: &'a T2,
        hash: &'a T3,
        scopes: &'a T5,
        role: &'a T6,
        now: &'a jiff::Timestamp,
        expires_at: &'a Option<jiff::Timestamp>,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[id, person_id, name, prefix, hash, scopes, role, now, expires_at]).await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::BytesSql,
    T4: crate::StringSql,
    T5: crate::ArraySql<Item = T4>,
    T6: crate::StringSql,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        KeyInsertParams<T1, T2, T3, T4, T5, T6>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for KeyInsertStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a KeyInsertParams<T1, T2, T3, T4, T5, T6>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.id,
            &params.person_id,
            &params.name,
            &params.prefix,
            &params.hash,
            &params.scopes,
            &params.role,
            &params.now,
            &params.expires_at,
        ))
    }
}
pub struct KeyCountStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn key_count() -> KeyCountStmt {
    KeyCountStmt("SELECT count(*) FROM accounts.api_key WHERE person_id = $1", None)
}
impl KeyCountStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        person_id: &'a uuid::Uuid,
    ) -> I64Query<'c, 'a, 's, C, i64, 1> {
        I64Query {
            client,
            params: [person_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct KeyIdentityStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn key_identity() -> KeyIdentityStmt {
    KeyIdentityStmt(
        "SELECT api_key.id, api_key.person_id, api_key.hash, api_key.scopes, api_key.expires_at, person.role::text AS role, coalesce(api_key.role, 'customer')::text AS made_as, api_key.stores AS made_for, person.status::text AS status, person.stores FROM accounts.api_key JOIN accounts.person ON person.id = api_key.person_id WHERE api_key.prefix = $1",
        None,
    )
}
impl KeyIdentityStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        prefix: &'a T1,
    ) -> KeyIdentityQuery<'c, 'a, 's, C, KeyIdentity, 1> {
        KeyIdentityQuery {
            client,
            params: [prefix],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<KeyIdentityBorrowed, tokio_postgres::Error> {
                Ok(KeyIdentityBorrowed {
                    id: row.try_get(0)?,
                    person_id: row.try_get(1)?,
                    hash: row.try_get(2)?,
                    scopes: row.try_get(3)?,
                    expires_at: row.try_get(4)?,
                    role: row.try_get(5)?,
                    made_as: row.try_get(6)?,
                    made_for: row.try_get(7)?,
                    status: row.try_get(8)?,
                    stores: row.try_get(9)?,
                })
            },
            mapper: |it| KeyIdentity::from(it),
        }
    }
}
pub struct KeyByIdStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn key_by_id() -> KeyByIdStmt {
    KeyByIdStmt(
        "SELECT id, person_id, name, prefix, scopes, version, created_at, updated_at, expires_at, last_used_at FROM accounts.api_key WHERE id = $1 AND ($2::uuid IS NULL OR person_id = $2)",
        None,
    )
}
impl KeyByIdStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        owner: &'a Option<uuid::Uuid>,
    ) -> KeyRowQuery<'c, 'a, 's, C, KeyRow, 2> {
        KeyRowQuery {
            client,
            params: [id, owner],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<KeyRowBorrowed, tokio_postgres::Error> {
                Ok(KeyRowBorrowed {
                    id: row.try_get(0)?,
                    person_id: row.try_get(1)?,
                    name: row.try_get(2)?,
                    prefix: row.try_get(3)?,
                    scopes: row.try_get(4)?,
                    version: row.try_get(5)?,
                    created_at: row.try_get(6)?,
                    updated_at: row.try_get(7)?,
                    expires_at: row.try_get(8)?,
                    last_used_at: row.try_get(9)?,
                })
            },
            mapper: |it| KeyRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<'c, 'a, 's, KeyByIdParams, KeyRowQuery<'c, 'a, 's, C, KeyRow, 2>, C> for KeyByIdStmt
{
    fn params(&'s self, client: &'c C, params: &'a KeyByIdParams) -> KeyRowQuery<'c, 'a, 's, C, KeyRow, 2> {
        self.bind(client, &params.id, &params.owner)
    }
}
pub struct KeyLockStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn key_lock() -> KeyLockStmt {
    KeyLockStmt(
        "SELECT id, person_id, name, prefix, scopes, version, created_at, updated_at, expires_at, last_used_at FROM accounts.api_key WHERE id = $1 AND ($2::uuid IS NULL OR person_id = $2) FOR UPDATE",
        None,
    )
}
impl KeyLockStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        owner: &'a Option<uuid::Uuid>,
    ) -> KeyRowQuery<'c, 'a, 's, C, KeyRow, 2> {
        KeyRowQuery {
            client,
            params: [id, owner],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<KeyRowBorrowed, tokio_postgres::Error> {
                Ok(KeyRowBorrowed {
                    id: row.try_get(0)?,
                    person_id: row.try_get(1)?,
                    name: row.try_get(2)?,
                    prefix: row.try_get(3)?,
                    scopes: row.try_get(4)?,
                    version: row.try_get(5)?,
                    created_at: row.try_get(6)?,
                    updated_at: row.try_get(7)?,
                    expires_at: row.try_get(8)?,
                    last_used_at: row.try_get(9)?,
                })
            },
            mapper: |it| KeyRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<'c, 'a, 's, KeyLockParams, KeyRowQuery<'c, 'a, 's, C, KeyRow, 2>, C> for KeyLockStmt
{
    fn params(&'s self, client: &'c C, params: &'a KeyLockParams) -> KeyRowQuery<'c, 'a, 's, C, KeyRow, 2> {
        self.bind(client, &params.id, &params.owner)
    }
}
pub struct KeyUpdateStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn key_update() -> KeyUpdateStmt {
    KeyUpdateStmt(
        "UPDATE accounts.api_key SET name = $1, scopes = $2, role = $3::text::accounts.role, stores = (SELECT person.stores FROM accounts.person WHERE person.id = api_key.person_id), expires_at = $4, version = version + 1, updated_at = $5 WHERE id = $6",
        None,
    )
}
impl KeyUpdateStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<
        'c,
        'a,
        's,
        C: GenericClient,
        T1: crate::StringSql,
        T2: crate::StringSql,
        T3: crate::ArraySql<Item = T2>,
        T4: crate::StringSql,
    >(
        &'s self,
        client: &'c C,
        name: &'a T1,
        scopes: &'a T3,
        role: &'a T4,
        expires_at: &'a Option<jiff::Timestamp>,
        now: &'a jiff::Timestamp,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[name, scopes, role, expires_at, now, id]).await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
    T4: crate::StringSql,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        KeyUpdateParams<T1, T2, T3, T4>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for KeyUpdateStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a KeyUpdateParams<T1, T2, T3, T4>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.name,
            &params.scopes,
            &params.role,
            &params.expires_at,
            &params.now,
            &params.id,
        ))
    }
}
pub struct KeyDeleteStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn key_delete() -> KeyDeleteStmt {
    KeyDeleteStmt("DELETE FROM accounts.api_key WHERE id = $1", None)
}
impl KeyDeleteStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[id]).await
    }
}
pub struct KeysUnprovenStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn keys_unproven() -> KeysUnprovenStmt {
    KeysUnprovenStmt("UPDATE accounts.api_key SET is_proven = false WHERE person_id = $1", None)
}
impl KeysUnprovenStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        person_id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[person_id]).await
    }
}
pub struct KeysDeleteUnprovenStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn keys_delete_unproven() -> KeysDeleteUnprovenStmt {
    KeysDeleteUnprovenStmt("DELETE FROM accounts.api_key WHERE person_id = $1 AND NOT is_proven RETURNING id", None)
}
impl KeysDeleteUnprovenStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        person_id: &'a uuid::Uuid,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 1> {
        UuidUuidQuery {
            client,
            params: [person_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct KeyUsedStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn key_used() -> KeyUsedStmt {
    KeyUsedStmt(
        "UPDATE accounts.api_key SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1::timestamptz - interval '1 minute')",
        None,
    )
}
impl KeyUsedStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[now, id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        KeyUsedParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for KeyUsedStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a KeyUsedParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.now, &params.id))
    }
}
