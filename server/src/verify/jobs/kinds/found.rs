//! Reading what there is in the end, and removing it.
//!
//! **Invariant:** what was committed without a word is among what is wanted: it is read from the tables, not from what
//! was answered.

use std::collections::{HashMap, HashSet};

use anyhow::ensure;
use entrepot_pg::Error;

use super::excuse::Attempt;
use super::judge::{Export, KindFacts, LetterJobs, Picture, VARIANTS};
use super::{BROKEN_GIF, MONTHS, Orders};
use crate::production::feed_for_a_command;
use crate::settings::Settings;
use crate::verify::jobs::lock;

impl Orders<'_> {
    /// Months of the store that is exported, written as no API would have to: nobody is told of them.
    pub(super) async fn make_months(&self) -> anyhow::Result<()> {
        let client = self.database.client().await?;
        let sql = "INSERT INTO sales.month (id, store_id, year, month, daily, created_at, updated_at)
                   SELECT gen_random_uuid(), $1, 1900 + n / 12, n % 12 + 1,
                          (SELECT jsonb_object_agg(day, jsonb_build_object('sales', n + day, 'units', day, 'transactions', 1))
                           FROM generate_series(1, 28) AS day),
                          now(), '2026-01-01T00:00:00Z'
                   FROM generate_series(0, $2::int8 - 1) AS n";
        client.execute(sql, &[&self.exported(), &MONTHS]).await?;
        Ok(())
    }

    pub(super) async fn is_followed(&self) -> Result<bool, Error> {
        let client = self.database.client().await?;
        let sql = "SELECT EXISTS (SELECT FROM feed.consumer WHERE name = 'webhooks')";
        Ok(client.query_one(sql, &[]).await?.try_get(0)?)
    }

    /// Whether nothing is under way any more: no job of the run's, no export, no picture, no event without a delivery.
    pub(super) async fn is_settled(&self) -> anyhow::Result<bool> {
        let client = self.database.client().await?;
        let sql = "SELECT NOT EXISTS (SELECT FROM jobs.job WHERE kind = 'send-letter' AND payload->>'to' LIKE $1)
                      AND NOT EXISTS (SELECT FROM exports.export WHERE parameters->>'storeId' = $2
                                                                   AND status IN ('queued', 'running'))
                      AND NOT EXISTS (SELECT FROM catalog.picture JOIN catalog.product_image AS image ON image.id = image_id
                                      JOIN catalog.product ON product.id = image.product_id
                                      WHERE sku LIKE $1 AND status = 'queued')";
        let is_ended: bool = client.query_one(sql, &[&self.like(), &self.exported()]).await?.try_get(0)?;
        drop(client);
        let events = self.events().await?;
        let got = self.receiver.got();
        let taken: HashSet<&str> = got.iter().filter(|one| one.is_taken).map(|one| one.position.as_str()).collect();
        Ok(is_ended && events.keys().all(|position| taken.contains(position.as_str())))
    }

    /// The events that the webhook follows, by their positions.
    async fn events(&self) -> Result<HashMap<String, String>, Error> {
        let client = self.database.client().await?;
        let sql = "SELECT id, topic FROM feed.event WHERE topic LIKE $1";
        let like = format!("store-{}-%", self.name);
        let mut events = HashMap::new();
        for row in client.query(sql, &[&like]).await? {
            events.insert(row.try_get::<_, i64>(0)?.to_string(), row.try_get(1)?);
        }
        Ok(events)
    }

    /// All that is there.
    pub(super) async fn facts(&self) -> anyhow::Result<KindFacts> {
        let acknowledged = std::mem::take(&mut *lock(&self.acknowledged));
        let spells = lock(&self.spells).clone();
        let mut facts = KindFacts {
            letters_ordered: acknowledged.letters,
            letters_written: self.letters_written()?,
            letter_jobs: HashMap::new(),
            spells,
            stores_made: acknowledged.stores,
            events: self.events().await?,
            deliveries: self.receiver.got(),
            exports_ordered: acknowledged.exports,
            exports: self.exports().await?,
            rows: MONTHS,
            pictures_uploaded: acknowledged.pictures,
            pictures: self.pictures().await?,
        };
        // Those of which nobody was told.
        let client = self.database.client().await?;
        let sql = "WITH mine AS (
                       SELECT id, payload->>'to' AS address FROM jobs.ended
                       WHERE kind = 'send-letter' AND payload->>'to' LIKE $1
                       UNION SELECT id, payload->>'to' FROM jobs.job
                       WHERE kind = 'send-letter' AND payload->>'to' LIKE $1)
                   SELECT address, count(DISTINCT id), count(job_id) FROM mine
                   LEFT JOIN jobs.attempt ON job_id = id GROUP BY address";
        for row in client.query(sql, &[&self.like()]).await? {
            let (jobs, attempts): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
            let jobs = LetterJobs { jobs: jobs.unsigned_abs(), attempts: attempts.unsigned_abs() };
            facts.letters_ordered.insert(row.try_get(0)?);
            facts.letter_jobs.insert(row.try_get(0)?, jobs);
        }
        Ok(facts)
    }

    /// By what each job of a kind is of the attempts at it that did not end well.
    async fn attempts(&self, kind: &str, of: &str) -> Result<HashMap<String, Vec<Attempt>>, Error> {
        let client = self.database.client().await?;
        let sql = "SELECT payload->>$2::text, attempt.outcome, extract(epoch FROM attempt.ended_at)::float8
                   FROM jobs.ended JOIN jobs.attempt ON job_id = id WHERE kind = $1 AND payload ? $2::text";
        let mut attempts: HashMap<String, Vec<Attempt>> = HashMap::new();
        for row in client.query(sql, &[&kind, &of]).await? {
            let attempt = Attempt { outcome: row.try_get(1)?, ended_s: row.try_get(2)? };
            attempts.entry(row.try_get(0)?).or_default().push(attempt);
        }
        Ok(attempts)
    }

    /// How many letters of the run became files, by whom they are to.
    fn letters_written(&self) -> anyhow::Result<HashMap<String, u64>> {
        let mut written = HashMap::new();
        let folder = self.data.join("mail");
        if !folder.exists() {
            return Ok(written);
        }
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "eml") {
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
            let to = text.lines().find_map(|line| line.strip_prefix("To: "));
            // The program has letters of its own, too.
            if let Some(to) = to.filter(|to| to.trim().starts_with(&self.name)) {
                *written.entry(to.trim().to_owned()).or_default() += 1;
            }
        }
        Ok(written)
    }

    /// All exports of the run, and the files of those that are done as a client gets them.
    async fn exports(&self) -> anyhow::Result<HashMap<String, Export>> {
        let mut attempts = self.attempts("make-export", "export").await?;
        let client = self.database.client().await?;
        let sql = "SELECT id::text, status, error, coalesce(encode(sha256, 'hex'), '') FROM exports.export
                   WHERE parameters->>'storeId' = $1";
        let mut exports = HashMap::new();
        for row in client.query(sql, &[&self.exported()]).await? {
            let mut export = Export {
                status: row.try_get(1)?,
                error: row.try_get(2)?,
                digest: row.try_get(3)?,
                ..Export::default()
            };
            let id: String = row.try_get(0)?;
            export.attempts = attempts.remove(&id).unwrap_or_default();
            if export.status == "done" {
                let path = format!("/api/v2/exports/{id}/content");
                let answer = self.api.get(self.instances.address(0), &path).await?;
                if answer.status == 200 {
                    let lines = answer.body.iter().filter(|byte| **byte == b'\n').count();
                    // A header, and a line for each row: no text of these has a break in it.
                    export.rows = Some(i64::try_from(lines)? - 1);
                    let bytes = &answer.body[..];
                    let digest = client.query_one("SELECT encode(sha256($1::bytea), 'hex')", &[&bytes]).await?;
                    export.is_digest_right = digest.try_get::<_, String>(0)? == export.digest;
                }
            }
            exports.insert(id, export);
        }
        Ok(exports)
    }

    /// All pictures of the run, and how many of their variants can be fetched.
    async fn pictures(&self) -> anyhow::Result<HashMap<String, Picture>> {
        let mut attempts = self.attempts("make-thumbnails", "image").await?;
        let client = self.database.client().await?;
        let sql = "SELECT image_id::text, picture.status, picture.error, picture.bytes = $2 FROM catalog.picture
                   JOIN catalog.product_image AS image ON image.id = image_id
                   JOIN catalog.product ON product.id = image.product_id WHERE sku LIKE $1";
        let broken = i64::try_from(BROKEN_GIF.len())?;
        let mut pictures = HashMap::new();
        for row in client.query(sql, &[&self.like(), &broken]).await? {
            let id: String = row.try_get(0)?;
            let mut picture = Picture {
                status: row.try_get(1)?,
                error: row.try_get(2)?,
                variants: 0,
                // The two that are uploaded are not of one length.
                is_broken: row.try_get(3)?,
                attempts: attempts.remove(&id).unwrap_or_default(),
            };
            if picture.status == "ready" {
                for variant in VARIANTS {
                    let path = format!("/api/v2/images/{id}/{variant}");
                    let answer = self.api.get(self.instances.address(0), &path).await?;
                    let is_webp = answer.body.starts_with(b"RIFF") && answer.body.get(8..12) == Some(b"WEBP");
                    picture.variants += usize::from(answer.status == 200 && is_webp);
                }
            }
            pictures.insert(id, picture);
        }
        Ok(pictures)
    }

    /// Leaves nothing behind that anybody would see.
    pub(super) async fn remove(&self, settings: &Settings, webhook: &str) -> anyhow::Result<()> {
        let to = self.instances.address(0);
        let mut paths = vec![webhook.to_owned()];
        let client = self.database.client().await?;
        client.execute("DELETE FROM sales.month WHERE store_id = $1", &[&self.exported()]).await?;
        paths.push(format!("/api/v2/stores/{}", self.exported()));
        for row in client.query("SELECT id FROM sales.store WHERE id LIKE $1", &[&self.like()]).await? {
            paths.push(format!("/api/v2/stores/{}", row.try_get::<_, String>(0)?));
        }
        for path in paths {
            let answer = self.api.send(to, "DELETE", &path, "", bytes::Bytes::new()).await?;
            ensure!(matches!(answer.status, 200 | 204 | 404 | 410), "{path} cannot be removed: {}", answer.json());
        }
        // A product that is deleted keeps its row for those who ordered it: nobody has ordered these.
        client.execute("DELETE FROM catalog.product WHERE sku LIKE $1", &[&self.like()]).await?;
        client.execute("DELETE FROM catalog.category WHERE slug = $1", &[&self.name]).await?;
        let feed = feed_for_a_command(settings, self.database);
        feed.invalidate(&["catalog", "categories", "products", "ratings"].map(str::to_owned)).await?;
        client.execute("DELETE FROM exports.export WHERE parameters->>'storeId' = $1", &[&self.exported()]).await?;
        Ok(())
    }
}
