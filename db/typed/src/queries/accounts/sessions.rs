// This file was generated with `clorinde`. Do not modify.

#[derive(Debug)]
pub struct SessionInsertParams<
    T1: crate::StringSql,
    T2: crate::BytesSql,
    T3: crate::StringSql,
    T4: crate::StringSql,
    T5: crate::StringSql,
> {
    pub id: uuid::Uuid,
    pub person_id: uuid::Uuid,
    pub kind: T1,
    pub cookie_hash: Option<T2>,
    pub address: Option<T3>,
    pub network: Option<T4>,
    pub user_agent: Option<T5>,
    pub now: jiff::Timestamp,
    pub expires_at: jiff::Timestamp,
}
#[derive(Clone, Copy, Debug)]
pub struct SessionTouchParams {
    pub now: jiff::Timestamp,
    pub expires_at: jiff::Timestamp,
    pub id: uuid::Uuid,
}
#[derive(Clone, Copy, Debug)]
pub struct SessionsOfParams {
    pub person_id: uuid::Uuid,
    pub now: jiff::Timestamp,
}
#[derive(Debug)]
pub struct SessionRevokeParams<T1: crate::StringSql> {
    pub now: jiff::Timestamp,
    pub reason: T1,
    pub id: uuid::Uuid,
}
#[derive(Debug)]
pub struct SessionsRevokeOfParams<T1: crate::StringSql> {
    pub now: jiff::Timestamp,
    pub reason: T1,
    pub person_id: uuid::Uuid,
    pub but: Option<uuid::Uuid>,
}
#[derive(Debug)]
pub struct SessionKnowsNetworkParams<T1: crate::StringSql> {
    pub person_id: uuid::Uuid,
    pub network: T1,
    pub since: jiff::Timestamp,
}
#[derive(Debug)]
pub struct RefreshInsertParams<T1: crate::BytesSql> {
    pub hash: T1,
    pub session_id: uuid::Uuid,
    pub now: jiff::Timestamp,
    pub expires_at: jiff::Timestamp,
}
#[derive(Debug)]
pub struct RefreshUsedParams<T1: crate::BytesSql> {
    pub now: jiff::Timestamp,
    pub hash: T1,
}
#[derive(Debug)]
pub struct MailTokenInsertParams<T1: crate::BytesSql, T2: crate::StringSql, T3: crate::StringSql> {
    pub hash: T1,
    pub person_id: uuid::Uuid,
    pub purpose: T2,
    pub email: T3,
    pub now: jiff::Timestamp,
    pub expires_at: jiff::Timestamp,
}
#[derive(Debug)]
pub struct MailTokenTakeParams<T1: crate::BytesSql, T2: crate::StringSql> {
    pub hash: T1,
    pub purpose: T2,
}
#[derive(Debug)]
pub struct MailTokensDropParams<T1: crate::StringSql> {
    pub person_id: uuid::Uuid,
    pub purpose: T1,
}
#[derive(Debug)]
pub struct SigningKeyInsertParams<T1: crate::StringSql, T2: crate::StringSql, T3: crate::BytesSql> {
    pub kid: T1,
    pub algorithm: T2,
    pub secret: T3,
    pub now: jiff::Timestamp,
}
#[derive(Debug)]
pub struct SigningKeysRetireParams<T1: crate::StringSql> {
    pub retired_at: jiff::Timestamp,
    pub but: T1,
}
#[derive(Debug, Clone, PartialEq)]
pub struct SessionIdentity {
    pub person_id: uuid::Uuid,
    pub expires_at: jiff::Timestamp,
    pub revoked_at: Option<jiff::Timestamp>,
    pub role: String,
    pub status: String,
    pub epoch: i32,
    pub stores: Option<Vec<String>>,
}
pub struct SessionIdentityBorrowed<'a> {
    pub person_id: uuid::Uuid,
    pub expires_at: jiff::Timestamp,
    pub revoked_at: Option<jiff::Timestamp>,
    pub role: &'a str,
    pub status: &'a str,
    pub epoch: i32,
    pub stores: Option<crate::ArrayIterator<'a, &'a str>>,
}
impl<'a> From<SessionIdentityBorrowed<'a>> for SessionIdentity {
    fn from(
        SessionIdentityBorrowed {
            person_id,
            expires_at,
            revoked_at,
            role,
            status,
            epoch,
            stores,
        }: SessionIdentityBorrowed<'a>,
    ) -> Self {
        Self {
            person_id,
            expires_at,
            revoked_at,
            role: role.into(),
            status: status.into(),
            epoch,
            stores: stores.map(|v| v.map(|v| v.into()).collect()),
        }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct SessionByCookie {
    pub id: uuid::Uuid,
    pub person_id: uuid::Uuid,
    pub expires_at: jiff::Timestamp,
    pub last_used_at: jiff::Timestamp,
    pub revoked_at: Option<jiff::Timestamp>,
    pub role: String,
    pub status: String,
    pub epoch: i32,
    pub stores: Option<Vec<String>>,
}
pub struct SessionByCookieBorrowed<'a> {
    pub id: uuid::Uuid,
    pub person_id: uuid::Uuid,
    pub expires_at: jiff::Timestamp,
    pub last_used_at: jiff::Timestamp,
    pub revoked_at: Option<jiff::Timestamp>,
    pub role: &'a str,
    pub status: &'a str,
    pub epoch: i32,
    pub stores: Option<crate::ArrayIterator<'a, &'a str>>,
}
impl<'a> From<SessionByCookieBorrowed<'a>> for SessionByCookie {
    fn from(
        SessionByCookieBorrowed {
            id,
            person_id,
            expires_at,
            last_used_at,
            revoked_at,
            role,
            status,
            epoch,
            stores,
        }: SessionByCookieBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            person_id,
            expires_at,
            last_used_at,
            revoked_at,
            role: role.into(),
            status: status.into(),
            epoch,
            stores: stores.map(|v| v.map(|v| v.into()).collect()),
        }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct SessionsOf {
    pub id: uuid::Uuid,
    pub kind: String,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: jiff::Timestamp,
    pub last_used_at: jiff::Timestamp,
    pub expires_at: jiff::Timestamp,
}
pub struct SessionsOfBorrowed<'a> {
    pub id: uuid::Uuid,
    pub kind: &'a str,
    pub address: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub created_at: jiff::Timestamp,
    pub last_used_at: jiff::Timestamp,
    pub expires_at: jiff::Timestamp,
}
impl<'a> From<SessionsOfBorrowed<'a>> for SessionsOf {
    fn from(
        SessionsOfBorrowed { id, kind, address, user_agent, created_at, last_used_at, expires_at }: SessionsOfBorrowed<
            'a,
        >,
    ) -> Self {
        Self {
            id,
            kind: kind.into(),
            address: address.map(|v| v.into()),
            user_agent: user_agent.map(|v| v.into()),
            created_at,
            last_used_at,
            expires_at,
        }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct SessionLock {
    pub id: uuid::Uuid,
    pub person_id: uuid::Uuid,
    pub kind: String,
    pub expires_at: jiff::Timestamp,
    pub revoked_at: Option<jiff::Timestamp>,
}
pub struct SessionLockBorrowed<'a> {
    pub id: uuid::Uuid,
    pub person_id: uuid::Uuid,
    pub kind: &'a str,
    pub expires_at: jiff::Timestamp,
    pub revoked_at: Option<jiff::Timestamp>,
}
impl<'a> From<SessionLockBorrowed<'a>> for SessionLock {
    fn from(SessionLockBorrowed { id, person_id, kind, expires_at, revoked_at }: SessionLockBorrowed<'a>) -> Self {
        Self { id, person_id, kind: kind.into(), expires_at, revoked_at }
    }
}
#[derive(Debug, Clone, PartialEq, Copy)]
pub struct RefreshTake {
    pub session_id: uuid::Uuid,
    pub expires_at: jiff::Timestamp,
    pub used_at: Option<jiff::Timestamp>,
}
#[derive(Debug, Clone, PartialEq)]
pub struct MailTokenTake {
    pub person_id: uuid::Uuid,
    pub email_key: String,
    pub expires_at: jiff::Timestamp,
}
pub struct MailTokenTakeBorrowed<'a> {
    pub person_id: uuid::Uuid,
    pub email_key: &'a str,
    pub expires_at: jiff::Timestamp,
}
impl<'a> From<MailTokenTakeBorrowed<'a>> for MailTokenTake {
    fn from(MailTokenTakeBorrowed { person_id, email_key, expires_at }: MailTokenTakeBorrowed<'a>) -> Self {
        Self { person_id, email_key: email_key.into(), expires_at }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct SigningKeys {
    pub kid: String,
    pub algorithm: String,
    pub secret: Vec<u8>,
    pub created_at: jiff::Timestamp,
    pub retired_at: Option<jiff::Timestamp>,
}
pub struct SigningKeysBorrowed<'a> {
    pub kid: &'a str,
    pub algorithm: &'a str,
    pub secret: &'a [u8],
    pub created_at: jiff::Timestamp,
    pub retired_at: Option<jiff::Timestamp>,
}
impl<'a> From<SigningKeysBorrowed<'a>> for SigningKeys {
    fn from(SigningKeysBorrowed { kid, algorithm, secret, created_at, retired_at }: SigningKeysBorrowed<'a>) -> Self {
        Self { kid: kid.into(), algorithm: algorithm.into(), secret: secret.into(), created_at, retired_at }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct SessionIdentityQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<SessionIdentityBorrowed, tokio_postgres::Error>,
    mapper: fn(SessionIdentityBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> SessionIdentityQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(SessionIdentityBorrowed) -> R) -> SessionIdentityQuery<'c, 'a, 's, C, R, N> {
        SessionIdentityQuery {
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
pub struct SessionByCookieQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<SessionByCookieBorrowed, tokio_postgres::Error>,
    mapper: fn(SessionByCookieBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> SessionByCookieQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(SessionByCookieBorrowed) -> R) -> SessionByCookieQuery<'c, 'a, 's, C, R, N> {
        SessionByCookieQuery {
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
pub struct SessionsOfQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<SessionsOfBorrowed, tokio_postgres::Error>,
    mapper: fn(SessionsOfBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> SessionsOfQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(SessionsOfBorrowed) -> R) -> SessionsOfQuery<'c, 'a, 's, C, R, N> {
        SessionsOfQuery {
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
pub struct SessionLockQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<SessionLockBorrowed, tokio_postgres::Error>,
    mapper: fn(SessionLockBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> SessionLockQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(SessionLockBorrowed) -> R) -> SessionLockQuery<'c, 'a, 's, C, R, N> {
        SessionLockQuery {
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
pub struct BoolQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<bool, tokio_postgres::Error>,
    mapper: fn(bool) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> BoolQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(bool) -> R) -> BoolQuery<'c, 'a, 's, C, R, N> {
        BoolQuery {
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
pub struct RefreshTakeQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<RefreshTake, tokio_postgres::Error>,
    mapper: fn(RefreshTake) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> RefreshTakeQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(RefreshTake) -> R) -> RefreshTakeQuery<'c, 'a, 's, C, R, N> {
        RefreshTakeQuery {
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
pub struct MailTokenTakeQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<MailTokenTakeBorrowed, tokio_postgres::Error>,
    mapper: fn(MailTokenTakeBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> MailTokenTakeQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(MailTokenTakeBorrowed) -> R) -> MailTokenTakeQuery<'c, 'a, 's, C, R, N> {
        MailTokenTakeQuery {
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
pub struct SigningKeysQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<SigningKeysBorrowed, tokio_postgres::Error>,
    mapper: fn(SigningKeysBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> SigningKeysQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(SigningKeysBorrowed) -> R) -> SigningKeysQuery<'c, 'a, 's, C, R, N> {
        SigningKeysQuery {
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
pub struct SessionInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn session_insert() -> SessionInsertStmt {
    SessionInsertStmt(
        "INSERT INTO accounts.session (id, person_id, kind, cookie_hash, address, network, user_agent, created_at, last_used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)",
        None,
    )
}
impl SessionInsertStmt {
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
        T2: crate::BytesSql,
        T3: crate::StringSql,
        T4: crate::StringSql,
        T5: crate::StringSql,
    >(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        person_id: &'a uuid::Uuid,
        kind: &'a T1,
        cookie_hash: &'a Option<T2>,
        address: &'a Option<T3>,
        network: &'a Option<T4>,
        user_agent: &'a Option<T5>,
        now: &'a jiff::Timestamp,
        expires_at: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[id, person_id, kind, cookie_hash, address, network, user_agent, now, expires_at]).await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::StringSql,
    T2: crate::BytesSql,
    T3: crate::StringSql,
    T4: crate::StringSql,
    T5: crate::StringSql,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        SessionInsertParams<T1, T2, T3, T4, T5>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for SessionInsertStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a SessionInsertParams<T1, T2, T3, T4, T5>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.id,
            &params.person_id,
            &params.kind,
            &params.cookie_hash,
            &params.address,
            &params.network,
            &params.user_agent,
            &params.now,
            &params.expires_at,
        ))
    }
}
pub struct SessionIdentityStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn session_identity() -> SessionIdentityStmt {
    SessionIdentityStmt(
        "SELECT session.person_id, session.expires_at, session.revoked_at, person.role::text AS role, person.status::text AS status, person.epoch, person.stores FROM accounts.session JOIN accounts.person ON person.id = session.person_id WHERE session.id = $1",
        None,
    )
}
impl SessionIdentityStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> SessionIdentityQuery<'c, 'a, 's, C, SessionIdentity, 1> {
        SessionIdentityQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<SessionIdentityBorrowed, tokio_postgres::Error> {
                Ok(SessionIdentityBorrowed {
                    person_id: row.try_get(0)?,
                    expires_at: row.try_get(1)?,
                    revoked_at: row.try_get(2)?,
                    role: row.try_get(3)?,
                    status: row.try_get(4)?,
                    epoch: row.try_get(5)?,
                    stores: row.try_get(6)?,
                })
            },
            mapper: |it| SessionIdentity::from(it),
        }
    }
}
pub struct SessionByCookieStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn session_by_cookie() -> SessionByCookieStmt {
    SessionByCookieStmt(
        "SELECT session.id, session.person_id, session.expires_at, session.last_used_at, session.revoked_at, person.role::text AS role, person.status::text AS status, person.epoch, person.stores FROM accounts.session JOIN accounts.person ON person.id = session.person_id WHERE session.cookie_hash = $1",
        None,
    )
}
impl SessionByCookieStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::BytesSql>(
        &'s self,
        client: &'c C,
        hash: &'a T1,
    ) -> SessionByCookieQuery<'c, 'a, 's, C, SessionByCookie, 1> {
        SessionByCookieQuery {
            client,
            params: [hash],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<SessionByCookieBorrowed, tokio_postgres::Error> {
                Ok(SessionByCookieBorrowed {
                    id: row.try_get(0)?,
                    person_id: row.try_get(1)?,
                    expires_at: row.try_get(2)?,
                    last_used_at: row.try_get(3)?,
                    revoked_at: row.try_get(4)?,
                    role: row.try_get(5)?,
                    status: row.try_get(6)?,
                    epoch: row.try_get(7)?,
                    stores: row.try_get(8)?,
                })
            },
            mapper: |it| SessionByCookie::from(it),
        }
    }
}
pub struct SessionTouchStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn session_touch() -> SessionTouchStmt {
    SessionTouchStmt(
        "UPDATE accounts.session SET last_used_at = $1, expires_at = $2 WHERE id = $3 AND revoked_at IS NULL",
        None,
    )
}
impl SessionTouchStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        expires_at: &'a jiff::Timestamp,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[now, expires_at, id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        SessionTouchParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for SessionTouchStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a SessionTouchParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.now, &params.expires_at, &params.id))
    }
}
pub struct SessionsOfStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn sessions_of() -> SessionsOfStmt {
    SessionsOfStmt(
        "SELECT id, kind, address, user_agent, created_at, last_used_at, expires_at FROM accounts.session WHERE person_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY created_at DESC, id DESC LIMIT 200",
        None,
    )
}
impl SessionsOfStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        person_id: &'a uuid::Uuid,
        now: &'a jiff::Timestamp,
    ) -> SessionsOfQuery<'c, 'a, 's, C, SessionsOf, 2> {
        SessionsOfQuery {
            client,
            params: [person_id, now],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<SessionsOfBorrowed, tokio_postgres::Error> {
                Ok(SessionsOfBorrowed {
                    id: row.try_get(0)?,
                    kind: row.try_get(1)?,
                    address: row.try_get(2)?,
                    user_agent: row.try_get(3)?,
                    created_at: row.try_get(4)?,
                    last_used_at: row.try_get(5)?,
                    expires_at: row.try_get(6)?,
                })
            },
            mapper: |it| SessionsOf::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<'c, 'a, 's, SessionsOfParams, SessionsOfQuery<'c, 'a, 's, C, SessionsOf, 2>, C>
    for SessionsOfStmt
{
    fn params(&'s self, client: &'c C, params: &'a SessionsOfParams) -> SessionsOfQuery<'c, 'a, 's, C, SessionsOf, 2> {
        self.bind(client, &params.person_id, &params.now)
    }
}
pub struct SessionLockStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn session_lock() -> SessionLockStmt {
    SessionLockStmt(
        "SELECT id, person_id, kind, expires_at, revoked_at FROM accounts.session WHERE id = $1 FOR UPDATE",
        None,
    )
}
impl SessionLockStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> SessionLockQuery<'c, 'a, 's, C, SessionLock, 1> {
        SessionLockQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<SessionLockBorrowed, tokio_postgres::Error> {
                Ok(SessionLockBorrowed {
                    id: row.try_get(0)?,
                    person_id: row.try_get(1)?,
                    kind: row.try_get(2)?,
                    expires_at: row.try_get(3)?,
                    revoked_at: row.try_get(4)?,
                })
            },
            mapper: |it| SessionLock::from(it),
        }
    }
}
pub struct SessionRevokeStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn session_revoke() -> SessionRevokeStmt {
    SessionRevokeStmt(
        "UPDATE accounts.session SET revoked_at = $1, revoked_for = $2 WHERE id = $3 AND revoked_at IS NULL",
        None,
    )
}
impl SessionRevokeStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        reason: &'a T1,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[now, reason, id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        SessionRevokeParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for SessionRevokeStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a SessionRevokeParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.now, &params.reason, &params.id))
    }
}
pub struct SessionsRevokeOfStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn sessions_revoke_of() -> SessionsRevokeOfStmt {
    SessionsRevokeOfStmt(
        "UPDATE accounts.session SET revoked_at = $1, revoked_for = $2 WHERE person_id = $3 AND revoked_at IS NULL AND expires_at > $1 AND id IS DISTINCT FROM $4 RETURNING id",
        None,
    )
}
impl SessionsRevokeOfStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        reason: &'a T1,
        person_id: &'a uuid::Uuid,
        but: &'a Option<uuid::Uuid>,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 4> {
        UuidUuidQuery {
            client,
            params: [now, reason, person_id, but],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        SessionsRevokeOfParams<T1>,
        UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 4>,
        C,
    > for SessionsRevokeOfStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a SessionsRevokeOfParams<T1>,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 4> {
        self.bind(client, &params.now, &params.reason, &params.person_id, &params.but)
    }
}
pub struct SessionKnowsNetworkStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn session_knows_network() -> SessionKnowsNetworkStmt {
    SessionKnowsNetworkStmt(
        "SELECT EXISTS (SELECT FROM accounts.session WHERE person_id = $1 AND network = $2 AND created_at > $3) AS known",
        None,
    )
}
impl SessionKnowsNetworkStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        person_id: &'a uuid::Uuid,
        network: &'a T1,
        since: &'a jiff::Timestamp,
    ) -> BoolQuery<'c, 'a, 's, C, bool, 3> {
        BoolQuery {
            client,
            params: [person_id, network, since],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<'c, 'a, 's, SessionKnowsNetworkParams<T1>, BoolQuery<'c, 'a, 's, C, bool, 3>, C>
    for SessionKnowsNetworkStmt
{
    fn params(&'s self, client: &'c C, params: &'a SessionKnowsNetworkParams<T1>) -> BoolQuery<'c, 'a, 's, C, bool, 3> {
        self.bind(client, &params.person_id, &params.network, &params.since)
    }
}
pub struct SessionsForgetStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn sessions_forget() -> SessionsForgetStmt {
    SessionsForgetStmt(
        "DELETE FROM accounts.session WHERE ctid IN (SELECT ctid FROM accounts.session WHERE expires_at < $1 LIMIT 5000)",
        None,
    )
}
impl SessionsForgetStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        before: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[before]).await
    }
}
pub struct RefreshInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn refresh_insert() -> RefreshInsertStmt {
    RefreshInsertStmt(
        "INSERT INTO accounts.refresh_token (hash, session_id, issued_at, expires_at) VALUES ($1, $2, $3, $4)",
        None,
    )
}
impl RefreshInsertStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::BytesSql>(
        &'s self,
        client: &'c C,
        hash: &'a T1,
        session_id: &'a uuid::Uuid,
        now: &'a jiff::Timestamp,
        expires_at: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[hash, session_id, now, expires_at]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::BytesSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        RefreshInsertParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for RefreshInsertStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a RefreshInsertParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.hash, &params.session_id, &params.now, &params.expires_at))
    }
}
pub struct RefreshTakeStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn refresh_take() -> RefreshTakeStmt {
    RefreshTakeStmt(
        "SELECT token.session_id, token.expires_at, token.used_at FROM accounts.refresh_token token WHERE token.hash = $1 FOR UPDATE",
        None,
    )
}
impl RefreshTakeStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::BytesSql>(
        &'s self,
        client: &'c C,
        hash: &'a T1,
    ) -> RefreshTakeQuery<'c, 'a, 's, C, RefreshTake, 1> {
        RefreshTakeQuery {
            client,
            params: [hash],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<RefreshTake, tokio_postgres::Error> {
                Ok(RefreshTake { session_id: row.try_get(0)?, expires_at: row.try_get(1)?, used_at: row.try_get(2)? })
            },
            mapper: |it| RefreshTake::from(it),
        }
    }
}
pub struct RefreshUsedStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn refresh_used() -> RefreshUsedStmt {
    RefreshUsedStmt("UPDATE accounts.refresh_token SET used_at = $1 WHERE hash = $2", None)
}
impl RefreshUsedStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::BytesSql>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        hash: &'a T1,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[now, hash]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::BytesSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        RefreshUsedParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for RefreshUsedStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a RefreshUsedParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.now, &params.hash))
    }
}
pub struct RefreshForgetStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn refresh_forget() -> RefreshForgetStmt {
    RefreshForgetStmt(
        "DELETE FROM accounts.refresh_token WHERE ctid IN (SELECT ctid FROM accounts.refresh_token WHERE expires_at < $1 LIMIT 5000)",
        None,
    )
}
impl RefreshForgetStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        before: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[before]).await
    }
}
pub struct MailTokenInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn mail_token_insert() -> MailTokenInsertStmt {
    MailTokenInsertStmt(
        "INSERT INTO accounts.mail_token (hash, person_id, purpose, email_key, issued_at, expires_at) VALUES ($1, $2, $3, lower($4::text COLLATE \"C\"), $5, $6)",
        None,
    )
}
impl MailTokenInsertStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::BytesSql, T2: crate::StringSql, T3: crate::StringSql>(
        &'s self,
        client: &'c C,
        hash: &'a T1,
        person_id: &'a uuid::Uuid,
        purpose: &'a T2,
        email: &'a T3,
        now: &'a jiff::Timestamp,
        expires_at: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[hash, person_id, purpose, email, now, expires_at]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::BytesSql, T2: crate::StringSql, T3: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        MailTokenInsertParams<T1, T2, T3>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for MailTokenInsertStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a MailTokenInsertParams<T1, T2, T3>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.hash,
            &params.person_id,
            &params.purpose,
            &params.email,
            &params.now,
            &params.expires_at,
        ))
    }
}
pub struct MailTokenTakeStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn mail_token_take() -> MailTokenTakeStmt {
    MailTokenTakeStmt(
        "DELETE FROM accounts.mail_token WHERE hash = $1 AND purpose = $2 RETURNING person_id, email_key, expires_at",
        None,
    )
}
impl MailTokenTakeStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::BytesSql, T2: crate::StringSql>(
        &'s self,
        client: &'c C,
        hash: &'a T1,
        purpose: &'a T2,
    ) -> MailTokenTakeQuery<'c, 'a, 's, C, MailTokenTake, 2> {
        MailTokenTakeQuery {
            client,
            params: [hash, purpose],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<MailTokenTakeBorrowed, tokio_postgres::Error> {
                Ok(MailTokenTakeBorrowed {
                    person_id: row.try_get(0)?,
                    email_key: row.try_get(1)?,
                    expires_at: row.try_get(2)?,
                })
            },
            mapper: |it| MailTokenTake::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::BytesSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        MailTokenTakeParams<T1, T2>,
        MailTokenTakeQuery<'c, 'a, 's, C, MailTokenTake, 2>,
        C,
    > for MailTokenTakeStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a MailTokenTakeParams<T1, T2>,
    ) -> MailTokenTakeQuery<'c, 'a, 's, C, MailTokenTake, 2> {
        self.bind(client, &params.hash, &params.purpose)
    }
}
pub struct MailTokensDropStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn mail_tokens_drop() -> MailTokensDropStmt {
    MailTokensDropStmt("DELETE FROM accounts.mail_token WHERE person_id = $1 AND purpose = $2", None)
}
impl MailTokensDropStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        person_id: &'a uuid::Uuid,
        purpose: &'a T1,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[person_id, purpose]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        MailTokensDropParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for MailTokensDropStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a MailTokensDropParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.person_id, &params.purpose))
    }
}
pub struct MailTokensForgetStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn mail_tokens_forget() -> MailTokensForgetStmt {
    MailTokensForgetStmt("DELETE FROM accounts.mail_token WHERE expires_at < $1", None)
}
impl MailTokensForgetStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        before: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[before]).await
    }
}
pub struct SigningKeysStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn signing_keys() -> SigningKeysStmt {
    SigningKeysStmt(
        "SELECT kid, algorithm, secret, created_at, retired_at FROM accounts.signing_key WHERE retired_at IS NULL OR retired_at > $1 ORDER BY retired_at IS NOT NULL, created_at DESC, kid",
        None,
    )
}
impl SigningKeysStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
    ) -> SigningKeysQuery<'c, 'a, 's, C, SigningKeys, 1> {
        SigningKeysQuery {
            client,
            params: [now],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<SigningKeysBorrowed, tokio_postgres::Error> {
                Ok(SigningKeysBorrowed {
                    kid: row.try_get(0)?,
                    algorithm: row.try_get(1)?,
                    secret: row.try_get(2)?,
                    created_at: row.try_get(3)?,
                    retired_at: row.try_get(4)?,
                })
            },
            mapper: |it| SigningKeys::from(it),
        }
    }
}
pub struct SigningKeysLockStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn signing_keys_lock() -> SigningKeysLockStmt {
    SigningKeysLockStmt("LOCK TABLE accounts.signing_key IN SHARE ROW EXCLUSIVE MODE", None)
}
impl SigningKeysLockStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(&'s self, client: &'c C) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[]).await
    }
}
pub struct SigningKeyInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn signing_key_insert() -> SigningKeyInsertStmt {
    SigningKeyInsertStmt(
        "INSERT INTO accounts.signing_key (kid, algorithm, secret, created_at) VALUES ($1, $2, $3, $4)",
        None,
    )
}
impl SigningKeyInsertStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql, T3: crate::BytesSql>(
        &'s self,
        client: &'c C,
        kid: &'a T1,
        algorithm: &'a T2,
        secret: &'a T3,
        now: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[kid, algorithm, secret, now]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql, T2: crate::StringSql, T3: crate::BytesSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        SigningKeyInsertParams<T1, T2, T3>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for SigningKeyInsertStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a SigningKeyInsertParams<T1, T2, T3>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.kid, &params.algorithm, &params.secret, &params.now))
    }
}
pub struct SigningKeysRetireStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn signing_keys_retire() -> SigningKeysRetireStmt {
    SigningKeysRetireStmt(
        "UPDATE accounts.signing_key SET retired_at = $1 WHERE retired_at IS NULL AND kid <> $2",
        None,
    )
}
impl SigningKeysRetireStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        retired_at: &'a jiff::Timestamp,
        but: &'a T1,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[retired_at, but]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        SigningKeysRetireParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for SigningKeysRetireStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a SigningKeysRetireParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.retired_at, &params.but))
    }
}
pub struct SigningKeysForgetStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn signing_keys_forget() -> SigningKeysForgetStmt {
    SigningKeysForgetStmt("DELETE FROM accounts.signing_key WHERE retired_at < $1", None)
}
impl SigningKeysForgetStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        before: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[before]).await
    }
}
