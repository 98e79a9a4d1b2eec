// This file was generated with `clorinde`. Do not modify.

use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct AuditInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn audit_insert() -> AuditInsertStmt {
    AuditInsertStmt(
        "INSERT INTO accounts.audit (id, at, actor, role, via, address, action, target, data, request_id) SELECT r.id, r.at, r.actor, r.role, r.via, r.address, r.action, r.target, coalesce(r.data, 'null'), r.request_id FROM jsonb_to_recordset($1) AS r (id bigint, at timestamptz, actor uuid, role text, via text, address text, action text, target text, data jsonb, request_id text) ON CONFLICT (id) DO NOTHING",
        None,
    )
}
impl AuditInsertStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::JsonSql>(
        &'s self,
        client: &'c C,
        rows: &'a T1,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[rows]).await
    }
}
