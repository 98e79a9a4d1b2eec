//! The feed's statements.

use entrepot_pg::tokio_postgres::types::{Json, ToSql, Type};
use entrepot_pg::tokio_postgres::{Client, Row, Statement};
use entrepot_pg::{Error, Pooled, Transaction};
use entrepot_runtime::Request;
use futures_util::future::try_join;
use jiff::Timestamp;
use serde_json::Value;

use crate::event::{Cause, Event, NewEvent};

const COLUMNS: &str = "id, topic, name, tags, audience, data, request_id, at, actor, actor_role, actor_via, address";

/// Takes the transaction's xid. A statement of its own, sent before the one that draws ids: see
/// `db/migrations/0002_feed.sql`.
const TAKE_XID: &str = "SELECT pg_current_xact_id()::text";

const APPEND: &str = "
    INSERT INTO feed.event (id, xid, topic, name, tags, audience, data, request_id, at, actor, actor_role, actor_via, address)
    SELECT nextval('feed.event_id'), pg_current_xact_id(), one.topic, one.name,
           ARRAY(SELECT jsonb_array_elements_text(one.tags)), one.audience, coalesce(one.data, 'null'), $2, clock_timestamp(),
           $3::uuid, $4::text, $5::text, $6::text
    FROM jsonb_to_recordset($1) AS one (topic text, name text, tags jsonb, audience text, data jsonb)
    RETURNING id";

/// Appends the events and tells their ids, in their order.
pub(crate) async fn append(
    transaction: &Transaction,
    events: &[NewEvent],
    request: Option<&Request>,
) -> Result<Vec<u64>, Error> {
    let rows: Vec<Value> = events
        .iter()
        .map(|NewEvent { topic, name, tags, audience, data }| {
            serde_json::json!({"topic": topic, "name": name, "tags": tags, "audience": audience, "data": data})
        })
        .collect();
    let take_xid = transaction.prepare_cached(TAKE_XID).await?;
    let append = transaction.prepare_cached(APPEND).await?;
    let rows = Json(Value::Array(rows));
    let request_id = request.map(|request| &**request.id());
    let actor = request.and_then(Request::actor);
    let id = actor.and_then(|actor| actor.id);
    let role = actor.and_then(|actor| actor.role);
    let via = actor.map(|actor| &*actor.via);
    let address = actor.and_then(|actor| actor.address).map(|address| address.to_string());
    let parameters: [&(dyn ToSql + Sync); 6] = [&rows, &request_id, &id, &role, &via, &address];
    // One round trip, two statements: a connection keeps their order.
    let (_xid, rows) = try_join(transaction.query_one(&take_xid, &[]), transaction.query(&append, &parameters)).await?;
    Ok(rows.iter().map(|row| position(row.get(0))).collect())
}

/// Which history the connection leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Changes with the cluster, its timeline, the database, the table, and the epoch.
    pub(crate) name: String,
    pub(crate) epoch: String,
    pub(crate) last_given: u64,
    pub(crate) dropped_to: u64,
}

pub(crate) async fn identity(client: &Client) -> Result<Identity, Error> {
    let row = client
        .query_one(
            "SELECT left(md5(concat_ws(':', (SELECT system_identifier FROM pg_control_system()),
                                       left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
                                       (SELECT oid FROM pg_database WHERE datname = current_database()),
                                       'feed.event'::regclass::oid, epoch)), 16),
                    epoch::text, (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM feed.event_id), dropped_to
             FROM feed.epoch",
            &[],
        )
        .await?;
    Ok(Identity {
        name: row.get(0),
        epoch: row.get(1),
        last_given: position(row.get(2)),
        dropped_to: position(row.get(3)),
    })
}

/// Begins a new epoch, unless another has done so already.
pub(crate) async fn renew_epoch(client: &Client, old: &str) -> Result<(), Error> {
    client.execute("UPDATE feed.epoch SET epoch = gen_random_uuid() WHERE epoch = $1::text::uuid", &[&old]).await?;
    Ok(())
}

/// What a tail finds at its start, in one snapshot.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) xmin: u64,
    /// The highest id that was given out.
    pub(crate) last_given: u64,
    /// The ids above `from` that are visible, ascending, with their tags.
    pub(crate) from: u64,
    pub(crate) history: Vec<(u64, Vec<String>)>,
}

pub(crate) async fn find(client: &Client, history: u32) -> Result<Found, Error> {
    // The sequence is read after the snapshot was taken. That is the safe way round: an id that is
    // counted as given and not seen belongs to a transaction that has not ended in this snapshot.
    let rows = client
        .query(
            "WITH given AS MATERIALIZED (
                 SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM feed.event_id
             )
             SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, given.last,
                    greatest(given.last - $1::bigint, 0), event.id, event.tags
             FROM given LEFT JOIN feed.event ON event.id > given.last - $1 AND event.id <= given.last
             ORDER BY event.id",
            &[&i64::from(history)],
        )
        .await?;
    let first = rows.first().ok_or(Error::Missing("the feed's sequence"))?;
    Ok(Found {
        xmin: position(first.get(0)),
        last_given: position(first.get(1)),
        from: position(first.get(2)),
        history: rows.iter().filter_map(|row| Some((position(row.get::<_, Option<i64>>(3)?), row.get(4)))).collect(),
    })
}

/// An xid above all that were given out before.
pub(crate) async fn next_xid(client: &Client) -> Result<u64, Error> {
    let row = client.query_one("SELECT pg_current_xact_id()::text::bigint", &[]).await?;
    Ok(position(row.get(0)))
}

/// What one look at the feed asks for.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) above: i64,
    pub(crate) at_most: i64,
    pub(crate) hole_firsts: Vec<i64>,
    pub(crate) hole_lasts: Vec<i64>,
    /// Events up to this id of transactions from this xid on.
    pub(crate) started: Option<(String, i64)>,
}

/// What it found, in one snapshot: its xmin, and the events in the order of their ids.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) xmin: u64,
    pub(crate) events: Vec<Event>,
}

/// What a tail asks again and again on its connection.
pub(crate) struct Prepared {
    /// Where nothing is open: what is above.
    above: Statement,
    /// What is above, what may have come into the holes, and what was under way at the start. Planned anew each
    /// time: which index is right follows from how large a partition has become, and a day's begins empty.
    whole: String,
    nudge: Statement,
}

pub(crate) async fn prepare(client: &Client) -> Result<Prepared, Error> {
    let snapshot = "SELECT snapshot.xmin, event.*
         FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin) AS snapshot";
    let above = format!("(SELECT {COLUMNS} FROM feed.event WHERE id > $1 ORDER BY id LIMIT $2)");
    let whole = format!(
        "{snapshot} LEFT JOIN LATERAL (
             {above}
             UNION ALL
             (SELECT {COLUMNS} FROM unnest($3::bigint[], $4::bigint[]) AS hole (first, last)
              JOIN feed.event ON id BETWEEN hole.first AND hole.last)
             UNION ALL
             (SELECT {COLUMNS} FROM feed.event WHERE xid >= $5::text::xid8 AND id <= $6)
         ) AS event ON true"
    );
    Ok(Prepared {
        above: client.prepare(&format!("{snapshot} LEFT JOIN LATERAL {above} AS event ON true")).await?,
        whole,
        // Its own transaction, in which nothing else happens: inside a writing one it would make all commits
        // of the database take turns.
        nudge: client.prepare("SELECT pg_notify('entrepot_feed', $1)").await?,
    })
}

pub(crate) async fn look(client: &Client, prepared: &Prepared, look: &Look) -> Result<Seen, Error> {
    let (xid, up_to) = match &look.started {
        Some((xid, up_to)) => (Some(xid), Some(up_to)),
        None => (None, None),
    };
    let rows = if look.hole_firsts.is_empty() && look.started.is_none() {
        client.query(&prepared.above, &[&look.above, &look.at_most]).await?
    } else {
        let parameters: [(&(dyn ToSql + Sync), Type); 6] = [
            (&look.above, Type::INT8),
            (&look.at_most, Type::INT8),
            (&look.hole_firsts, Type::INT8_ARRAY),
            (&look.hole_lasts, Type::INT8_ARRAY),
            (&xid, Type::TEXT),
            (&up_to, Type::INT8),
        ];
        client.query_typed(&prepared.whole, &parameters).await?
    };
    let first = rows.first().ok_or(Error::Missing("the snapshot"))?;
    let xmin = position(first.get(0));
    let mut events: Vec<Event> = rows.iter().filter_map(|row| event(row, 1)).collect();
    events.sort_by_key(|event| event.id);
    Ok(Seen { xmin, events })
}

/// Tells the other instances that there is something to read.
pub(crate) async fn nudge(client: &Client, prepared: &Prepared, from: &str) -> Result<(), Error> {
    client.execute(&prepared.nudge, &[&from]).await?;
    Ok(())
}

/// Events above `above` and up to `up_to`, in the order of their ids.
pub(crate) async fn events_between(
    transaction: &Transaction,
    above: u64,
    up_to: u64,
    at_most: i64,
) -> Result<Vec<Event>, Error> {
    let statement = transaction
        .prepare_cached(&format!("SELECT {COLUMNS} FROM feed.event WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3"))
        .await?;
    let parameters: [&(dyn ToSql + Sync); 3] = [&signed(above), &signed(up_to), &at_most];
    Ok(transaction.query(&statement, &parameters).await?.iter().filter_map(|row| event(row, 0)).collect())
}

/// Events of a topic above `above` and up to `up_to`, in the order of their ids, and what was dropped.
pub(crate) async fn history(
    client: &Pooled,
    topic: &str,
    above: u64,
    up_to: u64,
    at_most: u32,
) -> Result<(Vec<Event>, u64), Error> {
    let sql = format!(
        "SELECT epoch.dropped_to, event.* FROM feed.epoch LEFT JOIN LATERAL (
             SELECT {COLUMNS} FROM feed.event WHERE topic = $1 AND id > $2 AND id <= $3 ORDER BY id LIMIT $4
         ) AS event ON true ORDER BY event.id"
    );
    let parameters: [&(dyn ToSql + Sync); 4] = [&topic, &signed(above), &signed(up_to), &i64::from(at_most)];
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &parameters).await?;
    let dropped_to = rows.first().map_or(0, |row| position(row.get(0)));
    Ok((rows.iter().filter_map(|row| event(row, 1)).collect(), dropped_to))
}

fn event(row: &Row, at: usize) -> Option<Event> {
    Some(Event {
        id: position(row.get::<_, Option<i64>>(at)?),
        topic: row.get(at + 1),
        name: row.get(at + 2),
        tags: row.get(at + 3),
        audience: row.get(at + 4),
        data: row.get(at + 5),
        request_id: row.get(at + 6),
        at: row.get::<_, Timestamp>(at + 7),
        cause: row.get::<_, Option<&str>>(at + 10).map(|via| Cause {
            actor: row.get(at + 8),
            role: row.get(at + 9),
            via: via.to_owned(),
            address: row.get(at + 11),
        }),
    })
}

/// The highest id that was given out.
pub(crate) async fn last_given(client: &Client) -> Result<u64, Error> {
    let row = client.query_one("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM feed.event_id", &[]).await?;
    Ok(position(row.get(0)))
}

/// How far a consumer has come; `None` for one that has never had a turn.
pub(crate) async fn position_of(client: &Pooled, name: &str) -> Result<Option<u64>, Error> {
    let statement = client.prepare_cached("SELECT position FROM feed.consumer WHERE name = $1").await?;
    Ok(client.query_opt(&statement, &[&name]).await?.map(|row| position(row.get(0))))
}

/// Begins a consumer's first turn.
pub(crate) async fn begin_consumer(transaction: &Transaction, name: &str, begin_at: u64) -> Result<(), Error> {
    let sql = "INSERT INTO feed.consumer (name, position, updated_at) VALUES ($1, $2, clock_timestamp())
               ON CONFLICT DO NOTHING";
    transaction.execute(sql, &[&name, &signed(begin_at)]).await?;
    Ok(())
}

/// Where a turn begins, and what the feed holds.
pub(crate) struct Turn {
    pub(crate) position: u64,
    /// The highest id that was given out.
    pub(crate) given: u64,
    pub(crate) dropped_to: u64,
}

/// Takes a consumer's turn; `None` when another process has it.
pub(crate) async fn take_turn(transaction: &Transaction, name: &str) -> Result<Option<Turn>, Error> {
    let turn =
        transaction.prepare_cached("SELECT position FROM feed.consumer WHERE name = $1 FOR UPDATE SKIP LOCKED").await?;
    let held = transaction
        .prepare_cached(
            "SELECT CASE WHEN given.is_called THEN given.last_value ELSE 0 END, epoch.dropped_to
             FROM feed.event_id AS given, feed.epoch",
        )
        .await?;
    // One round trip, two statements: a connection keeps their order.
    let (turn, held) = try_join(transaction.query_opt(&turn, &[&name]), transaction.query_one(&held, &[])).await?;
    Ok(turn.map(|turn| Turn {
        position: position(turn.get(0)),
        given: position(held.get(0)),
        dropped_to: position(held.get(1)),
    }))
}

pub(crate) async fn move_on(transaction: &Transaction, name: &str, position: u64) -> Result<(), Error> {
    let sql = "UPDATE feed.consumer SET position = $2, updated_at = clock_timestamp() WHERE name = $1";
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&name, &signed(position)]).await?;
    Ok(())
}

/// Ids, xids and counts are never negative in the database.
fn position(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(crate) fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
