// This file was generated with `clorinde`. Do not modify.

#[derive(Debug)]
pub struct PersonInsertParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::StringSql,
    T5: crate::ArraySql<Item = T4>,
    T6: crate::StringSql,
> {
    pub id: uuid::Uuid,
    pub email: T1,
    pub name: T2,
    pub role: T3,
    pub stores: Option<T5>,
    pub password_hash: Option<T6>,
    pub now: jiff::Timestamp,
}
#[derive(Debug)]
pub struct PersonSetAddressParams<T1: crate::StringSql> {
    pub email: T1,
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
}
#[derive(Debug)]
pub struct PersonUpdateParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::StringSql,
    T5: crate::StringSql,
    T6: crate::ArraySql<Item = T5>,
> {
    pub name: T1,
    pub email: T2,
    pub role: T3,
    pub status: T4,
    pub stores: Option<T6>,
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
}
#[derive(Debug)]
pub struct PersonSetPasswordParams<T1: crate::StringSql> {
    pub password_hash: T1,
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
}
#[derive(Debug)]
pub struct PersonRehashParams<T1: crate::StringSql, T2: crate::StringSql> {
    pub new_hash: T1,
    pub id: uuid::Uuid,
    pub old_hash: T2,
}
#[derive(Debug)]
pub struct PersonVerifyEmailParams<T1: crate::StringSql> {
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
    pub email_key: T1,
}
#[derive(Clone, Copy, Debug)]
pub struct PersonSignedInParams {
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
}
#[derive(Clone, Copy, Debug)]
pub struct PersonDeleteParams {
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
}
#[derive(Debug, Clone, PartialEq)]
pub struct PersonRow {
    pub id: uuid::Uuid,
    pub email: String,
    pub name: String,
    pub role: String,
    pub status: String,
    pub has_password: bool,
    pub epoch: i32,
    pub email_verified_at: Option<jiff::Timestamp>,
    pub last_sign_in_at: Option<jiff::Timestamp>,
    pub stores: Option<Vec<String>>,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}
pub struct PersonRowBorrowed<'a> {
    pub id: uuid::Uuid,
    pub email: &'a str,
    pub name: &'a str,
    pub role: &'a str,
    pub status: &'a str,
    pub has_password: bool,
    pub epoch: i32,
    pub email_verified_at: Option<jiff::Timestamp>,
    pub last_sign_in_at: Option<jiff::Timestamp>,
    pub stores: Option<crate::ArrayIterator<'a, &'a str>>,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}
impl<'a> From<PersonRowBorrowed<'a>> for PersonRow {
    fn from(
        PersonRowBorrowed {
            id,
            email,
            name,
            role,
            status,
            has_password,
            epoch,
            email_verified_at,
            last_sign_in_at,
            stores,
            version,
            created_at,
            updated_at,
        }: PersonRowBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            email: email.into(),
            name: name.into(),
            role: role.into(),
            status: status.into(),
            has_password,
            epoch,
            email_verified_at,
            last_sign_in_at,
            stores: stores.map(|v| v.map(|v| v.into()).collect()),
            version,
            created_at,
            updated_at,
        }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct PersonCredentials {
    pub id: uuid::Uuid,
    pub password_hash: Option<String>,
    pub status: String,
    pub is_verified: bool,
}
pub struct PersonCredentialsBorrowed<'a> {
    pub id: uuid::Uuid,
    pub password_hash: Option<&'a str>,
    pub status: &'a str,
    pub is_verified: bool,
}
impl<'a> From<PersonCredentialsBorrowed<'a>> for PersonCredentials {
    fn from(
        PersonCredentialsBorrowed { id, password_hash, status, is_verified }: PersonCredentialsBorrowed<'a>,
    ) -> Self {
        Self { id, password_hash: password_hash.map(|v| v.into()), status: status.into(), is_verified }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct PeopleWithOddAddresses {
    pub id: uuid::Uuid,
    pub email: String,
}
pub struct PeopleWithOddAddressesBorrowed<'a> {
    pub id: uuid::Uuid,
    pub email: &'a str,
}
impl<'a> From<PeopleWithOddAddressesBorrowed<'a>> for PeopleWithOddAddresses {
    fn from(PeopleWithOddAddressesBorrowed { id, email }: PeopleWithOddAddressesBorrowed<'a>) -> Self {
        Self { id, email: email.into() }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct PersonRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<PersonRowBorrowed, tokio_postgres::Error>,
    mapper: fn(PersonRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> PersonRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(PersonRowBorrowed) -> R) -> PersonRowQuery<'c, 'a, 's, C, R, N> {
        PersonRowQuery {
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
pub struct PersonCredentialsQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<PersonCredentialsBorrowed, tokio_postgres::Error>,
    mapper: fn(PersonCredentialsBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> PersonCredentialsQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(PersonCredentialsBorrowed) -> R) -> PersonCredentialsQuery<'c, 'a, 's, C, R, N> {
        PersonCredentialsQuery {
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
pub struct OptionStringQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<Option<&str>, tokio_postgres::Error>,
    mapper: fn(Option<&str>) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> OptionStringQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(Option<&str>) -> R) -> OptionStringQuery<'c, 'a, 's, C, R, N> {
        OptionStringQuery {
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
pub struct PeopleWithOddAddressesQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<PeopleWithOddAddressesBorrowed, tokio_postgres::Error>,
    mapper: fn(PeopleWithOddAddressesBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> PeopleWithOddAddressesQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(
        self,
        mapper: fn(PeopleWithOddAddressesBorrowed) -> R,
    ) -> PeopleWithOddAddressesQuery<'c, 'a, 's, C, R, N> {
        PeopleWithOddAddressesQuery {
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
pub struct PersonInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn person_insert() -> PersonInsertStmt {
    PersonInsertStmt(
        "INSERT INTO accounts.person (id, email, name, role, stores, password_hash, created_at, updated_at) VALUES ($1, $2, $3, $4::text::accounts.role, $5, $6, $7, $7)",
        None,
    )
}
impl PersonInsertStmt {
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
        T3: crate::StringSql,
        T4: crate::StringSql,
        T5: crate::ArraySql<Item = T4>,
        T6: crate::StringSql,
    >(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        email: &'a T1,
        name: &'a T2,
        role: &'a T3,
        stores: &'a Option<T5>,
        password_hash: &'a Option<T6>,
        now: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[id, email, name, role, stores, password_hash, now]).await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::StringSql,
    T5: crate::ArraySql<Item = T4>,
    T6: crate::StringSql,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        PersonInsertParams<T1, T2, T3, T4, T5, T6>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for PersonInsertStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a PersonInsertParams<T1, T2, T3, T4, T5, T6>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.id,
            &params.email,
            &params.name,
            &params.role,
            &params.stores,
            &params.password_hash,
            &params.now,
        ))
    }
}
pub struct PersonByIdStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn person_by_id() -> PersonByIdStmt {
    PersonByIdStmt(
        "SELECT id, email, name, role::text AS role, status::text AS status, password_hash IS NOT NULL AS has_password, epoch, email_verified_at, last_sign_in_at, stores, version, created_at, updated_at FROM accounts.person WHERE id = $1 AND status <> 'deleted'",
        None,
    )
}
impl PersonByIdStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> PersonRowQuery<'c, 'a, 's, C, PersonRow, 1> {
        PersonRowQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<PersonRowBorrowed, tokio_postgres::Error> {
                Ok(PersonRowBorrowed {
                    id: row.try_get(0)?,
                    email: row.try_get(1)?,
                    name: row.try_get(2)?,
                    role: row.try_get(3)?,
                    status: row.try_get(4)?,
                    has_password: row.try_get(5)?,
                    epoch: row.try_get(6)?,
                    email_verified_at: row.try_get(7)?,
                    last_sign_in_at: row.try_get(8)?,
                    stores: row.try_get(9)?,
                    version: row.try_get(10)?,
                    created_at: row.try_get(11)?,
                    updated_at: row.try_get(12)?,
                })
            },
            mapper: |it| PersonRow::from(it),
        }
    }
}
pub struct PersonLockStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn person_lock() -> PersonLockStmt {
    PersonLockStmt(
        "SELECT id, email, name, role::text AS role, status::text AS status, password_hash IS NOT NULL AS has_password, epoch, email_verified_at, last_sign_in_at, stores, version, created_at, updated_at FROM accounts.person WHERE id = $1 AND status <> 'deleted' FOR UPDATE",
        None,
    )
}
impl PersonLockStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> PersonRowQuery<'c, 'a, 's, C, PersonRow, 1> {
        PersonRowQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<PersonRowBorrowed, tokio_postgres::Error> {
                Ok(PersonRowBorrowed {
                    id: row.try_get(0)?,
                    email: row.try_get(1)?,
                    name: row.try_get(2)?,
                    role: row.try_get(3)?,
                    status: row.try_get(4)?,
                    has_password: row.try_get(5)?,
                    epoch: row.try_get(6)?,
                    email_verified_at: row.try_get(7)?,
                    last_sign_in_at: row.try_get(8)?,
                    stores: row.try_get(9)?,
                    version: row.try_get(10)?,
                    created_at: row.try_get(11)?,
                    updated_at: row.try_get(12)?,
                })
            },
            mapper: |it| PersonRow::from(it),
        }
    }
}
pub struct PersonCredentialsStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn person_credentials() -> PersonCredentialsStmt {
    PersonCredentialsStmt(
        "SELECT id, password_hash, status::text AS status, email_verified_at IS NOT NULL AS is_verified FROM accounts.person WHERE email_key = lower($1::text COLLATE \"C\") AND status <> 'deleted'",
        None,
    )
}
impl PersonCredentialsStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        email: &'a T1,
    ) -> PersonCredentialsQuery<'c, 'a, 's, C, PersonCredentials, 1> {
        PersonCredentialsQuery {
            client,
            params: [email],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<PersonCredentialsBorrowed, tokio_postgres::Error> {
                Ok(PersonCredentialsBorrowed {
                    id: row.try_get(0)?,
                    password_hash: row.try_get(1)?,
                    status: row.try_get(2)?,
                    is_verified: row.try_get(3)?,
                })
            },
            mapper: |it| PersonCredentials::from(it),
        }
    }
}
pub struct PersonPasswordStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn person_password() -> PersonPasswordStmt {
    PersonPasswordStmt("SELECT password_hash FROM accounts.person WHERE id = $1 AND status <> 'deleted'", None)
}
impl PersonPasswordStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> OptionStringQuery<'c, 'a, 's, C, Option<String>, 1> {
        OptionStringQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it.map(|v| v.into()),
        }
    }
}
pub struct PersonIdByEmailStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn person_id_by_email() -> PersonIdByEmailStmt {
    PersonIdByEmailStmt(
        "SELECT id FROM accounts.person WHERE email_key = lower($1::text COLLATE \"C\") AND status <> 'deleted' FOR UPDATE",
        None,
    )
}
impl PersonIdByEmailStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        email: &'a T1,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 1> {
        UuidUuidQuery {
            client,
            params: [email],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct PeopleWithOddAddressesStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn people_with_odd_addresses() -> PeopleWithOddAddressesStmt {
    PeopleWithOddAddressesStmt(
        "SELECT id, email FROM accounts.person WHERE email ~ '[^[:ascii:]]' AND status <> 'deleted' AND id > $1 ORDER BY id LIMIT 1000",
        None,
    )
}
impl PeopleWithOddAddressesStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        behind: &'a uuid::Uuid,
    ) -> PeopleWithOddAddressesQuery<'c, 'a, 's, C, PeopleWithOddAddresses, 1> {
        PeopleWithOddAddressesQuery {
            client,
            params: [behind],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<PeopleWithOddAddressesBorrowed, tokio_postgres::Error> {
                Ok(PeopleWithOddAddressesBorrowed { id: row.try_get(0)?, email: row.try_get(1)? })
            },
            mapper: |it| PeopleWithOddAddresses::from(it),
        }
    }
}
pub struct PersonSetAddressStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn person_set_address() -> PersonSetAddressStmt {
    PersonSetAddressStmt(
        "UPDATE accounts.person p SET email = $1, version = version + 1, updated_at = $2 WHERE id = $3 AND NOT EXISTS ( SELECT FROM accounts.person other WHERE other.email_key = lower($1::text COLLATE \"C\") AND other.status <> 'deleted' AND other.id <> p.id)",
        None,
    )
}
impl PersonSetAddressStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        email: &'a T1,
        now: &'a jiff::Timestamp,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[email, now, id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        PersonSetAddressParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for PersonSetAddressStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a PersonSetAddressParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.email, &params.now, &params.id))
    }
}
pub struct PersonUpdateStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn person_update() -> PersonUpdateStmt {
    PersonUpdateStmt(
        "UPDATE accounts.person SET name = $1, email = $2, role = $3::text::accounts.role, status = $4::text::accounts.status, stores = $5, epoch = epoch + CASE WHEN role <> $3::text::accounts.role OR status <> $4::text::accounts.status OR stores IS DISTINCT FROM $5 THEN 1 ELSE 0 END, email_verified_at = CASE WHEN email_key <> lower($2::text COLLATE \"C\") THEN NULL ELSE email_verified_at END, version = version + 1, updated_at = $6 WHERE id = $7",
        None,
    )
}
impl PersonUpdateStmt {
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
        T3: crate::StringSql,
        T4: crate::StringSql,
        T5: crate::StringSql,
        T6: crate::ArraySql<Item = T5>,
    >(
        &'s self,
        client: &'c C,
        name: &'a T1,
        email: &'a T2,
        role: &'a T3,
        status: &'a T4,
        stores: &'a Option<T6>,
        now: &'a jiff::Timestamp,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[name, email, role, status, stores, now, id]).await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::StringSql,
    T5: crate::StringSql,
    T6: crate::ArraySql<Item = T5>,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        PersonUpdateParams<T1, T2, T3, T4, T5, T6>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for PersonUpdateStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a PersonUpdateParams<T1, T2, T3, T4, T5, T6>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.name,
            &params.email,
            &params.role,
            &params.status,
            &params.stores,
            &params.now,
            &params.id,
        ))
    }
}
pub struct PersonSetPasswordStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn person_set_password() -> PersonSetPasswordStmt {
    PersonSetPasswordStmt(
        "UPDATE accounts.person SET password_hash = $1, epoch = epoch + 1, version = version + 1, updated_at = $2 WHERE id = $3",
        None,
    )
}
impl PersonSetPasswordStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        password_hash: &'a T1,
        now: &'a jiff::Timestamp,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[password_hash, now, id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        PersonSetPasswordParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for PersonSetPasswordStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a PersonSetPasswordParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.password_hash, &params.now, &params.id))
    }
}
pub struct PersonRehashStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn person_rehash() -> PersonRehashStmt {
    PersonRehashStmt("UPDATE accounts.person SET password_hash = $1 WHERE id = $2 AND password_hash = $3", None)
}
impl PersonRehashStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>(
        &'s self,
        client: &'c C,
        new_hash: &'a T1,
        id: &'a uuid::Uuid,
        old_hash: &'a T2,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[new_hash, id, old_hash]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        PersonRehashParams<T1, T2>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for PersonRehashStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a PersonRehashParams<T1, T2>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.new_hash, &params.id, &params.old_hash))
    }
}
pub struct PersonVerifyEmailStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn person_verify_email() -> PersonVerifyEmailStmt {
    PersonVerifyEmailStmt(
        "UPDATE accounts.person SET email_verified_at = $1, version = version + 1, updated_at = $1 WHERE id = $2 AND email_key = $3 AND email_verified_at IS NULL AND status <> 'deleted'",
        None,
    )
}
impl PersonVerifyEmailStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        id: &'a uuid::Uuid,
        email_key: &'a T1,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[now, id, email_key]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        PersonVerifyEmailParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for PersonVerifyEmailStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a PersonVerifyEmailParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.now, &params.id, &params.email_key))
    }
}
pub struct PersonSignedInStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn person_signed_in() -> PersonSignedInStmt {
    PersonSignedInStmt("UPDATE accounts.person SET last_sign_in_at = $1 WHERE id = $2", None)
}
impl PersonSignedInStmt {
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
        PersonSignedInParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for PersonSignedInStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a PersonSignedInParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.now, &params.id))
    }
}
pub struct PersonDeleteStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn person_delete() -> PersonDeleteStmt {
    PersonDeleteStmt(
        "UPDATE accounts.person SET status = 'deleted', epoch = epoch + 1, password_hash = NULL, version = version + 1, updated_at = $1 WHERE id = $2",
        None,
    )
}
impl PersonDeleteStmt {
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
        PersonDeleteParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for PersonDeleteStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a PersonDeleteParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.now, &params.id))
    }
}
pub struct AdminsStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn admins() -> AdminsStmt {
    AdminsStmt(
        "SELECT id FROM accounts.person WHERE role = 'admin' AND status = 'active' AND password_hash IS NOT NULL ORDER BY id FOR UPDATE",
        None,
    )
}
impl AdminsStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(&'s self, client: &'c C) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 0> {
        UuidUuidQuery {
            client,
            params: [],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
