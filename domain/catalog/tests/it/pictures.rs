//! Pictures: uploaded, made smaller by jobs, fetched, taken away. At every end the files are looked at: what is not
//! needed does not lie there.

use std::io::Write as _;
use std::time::Duration;

use entrepot_catalog::{Dependencies, PICTURE_QUEUE, work};
use entrepot_jobs::{Context, Job, NewJob, Outcome, Work};
use entrepot_pg::ScopedFutureExt as _;
use entrepot_runtime::{Clock, Shutdown, Tasks};
use entrepot_testkit::Request;
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{PATIENCE, Shop};

/// 24 x 16 pixels each.
const JPEG: &[u8] = include_bytes!("../../../../platform/pictures/tests/samples/subsampled.jpg");
const PNG: &[u8] = include_bytes!("../../../../platform/pictures/tests/samples/palette.png");
const GIF: &[u8] = include_bytes!("../../../../platform/pictures/tests/samples/animated.gif");
const WEBP: &[u8] = include_bytes!("../../../../platform/pictures/tests/samples/lossy-alpha.webp");

const UPLOAD: &str = "/api/v2/products/TEA-002/images/upload";

/// The catalog's job, as its row has it.
#[derive(Serialize, Deserialize)]
struct MakeThumbnails {
    image: Uuid,
}

impl Job for MakeThumbnails {
    const KIND: &'static str = "make-thumbnails";
    const QUEUE: &'static str = PICTURE_QUEUE;
    type Needs = ();

    async fn run(&self, (): &(), _context: &Context) -> Outcome {
        Outcome::discard("the catalog's own does it")
    }
}

/// The same of the sweep.
#[derive(Serialize, Deserialize)]
struct SweepPictures {}

impl Job for SweepPictures {
    const KIND: &'static str = "sweep-pictures";
    const QUEUE: &'static str = PICTURE_QUEUE;
    type Needs = ();

    async fn run(&self, (): &(), _context: &Context) -> Outcome {
        Outcome::discard("the catalog's own does it")
    }
}

/// The same of looking after those that wait.
#[derive(Serialize, Deserialize)]
struct SeeToPictures {}

impl Job for SeeToPictures {
    const KIND: &'static str = "see-to-pictures";
    const QUEUE: &'static str = PICTURE_QUEUE;
    type Needs = ();

    async fn run(&self, (): &(), _context: &Context) -> Outcome {
        Outcome::discard("the catalog's own does it")
    }
}

impl Shop {
    fn upload(&self, media: &str, bytes: &[u8]) -> Request {
        self.server.post(UPLOAD).bytes(media, bytes.to_vec())
    }

    /// Works until nothing is left to do.
    async fn make_pictures(&self) {
        self.make_pictures_as(self.to.clone()).await;
    }

    async fn make_pictures_as(&self, to: Dependencies) {
        let (tasks, jobs) = (Tasks::new(Shutdown::new()), &self.pictures.jobs);
        jobs.start(&tasks);
        let begun = Work::new(jobs, "studio").queue(PICTURE_QUEUE, 2);
        let _figures = work(self.pictures.clone(), to, begun).expect("the pattern is one").start(&tasks);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !jobs.waiting(Some(PICTURE_QUEUE), None, 10).await.expect("asked").is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "the pictures are not made");
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks.stop(PATIENCE).await, Vec::<String>::new());
    }

    async fn enqueue(&self, job: &NewJob) {
        let jobs = &self.pictures.jobs;
        let enqueued = self.to.database.transaction(|transaction| {
            let job = job.clone();
            async move { jobs.enqueue(transaction, job).await.map(drop) }.scope_boxed()
        });
        enqueued.await.expect("enqueued");
    }

    /// What lies among the files, in order.
    async fn files(&self) -> Vec<String> {
        let found: Vec<_> = self.pictures.files.list(None).try_collect().await.expect("listed");
        let mut places: Vec<String> = found.into_iter().map(|file| file.location.to_string()).collect();
        places.sort();
        places
    }

    /// How the job of a picture ended, and with what.
    async fn endings(&self, kind: &str) -> Vec<(String, Option<String>)> {
        let sql = "SELECT outcome, error FROM jobs.ended WHERE kind = $1 ORDER BY id";
        let rows = self.database.client().await.query(sql, &[&kind]).await.expect("asked");
        rows.into_iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

/// A PNG of a few bytes that claims to be so large.
fn png_that_claims(side: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    png.extend([side.to_be_bytes(), side.to_be_bytes()].concat());
    png.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    png
}

#[tokio::test]
async fn an_upload_is_made_into_variants_that_everybody_may_keep() {
    let shop = Shop::sample().await;
    for (media, bytes) in [("image/jpeg", JPEG), ("image/png", PNG), ("image/gif", GIF), ("image/webp", WEBP)] {
        let before = shop.get("/products/TEA-002").await["images"].as_array().map_or(0, Vec::len);
        let path = format!("{UPLOAD}?alt=a%20pot&position={before}");
        let made = shop.server.post(&path).bytes(media, bytes.to_vec()).await.status(201);
        let image = made.json();
        let id = image["id"].as_str().expect("an id").to_owned();
        assert_eq!(made.header("location"), format!("/api/v2/images/{id}/large"));
        assert_eq!((&image["status"], &image["alt"]), (&"queued".into(), &"a pot".into()), "{image}");
        assert_eq!((&image["widthPx"], &image["heightPx"]), (&24.into(), &16.into()), "{image}");
        assert!(image["variants"].is_null() && image["error"].is_null(), "{image}");
        // Until it is made there is nothing to see, and nothing else of it is given out.
        let early = shop.server.get(&format!("/api/v2/images/{id}/large")).await;
        assert!(!early.header("retry-after").is_empty());
        early.problem(404, "catalog.picture_not_ready");
        shop.server.get(&format!("/api/v2/images/{id}/original")).await.problem(404, "catalog.picture_not_found");
        let version = shop.server.get("/api/v2/products/TEA-002").await.header("etag").to_owned();
        shop.make_pictures().await;

        let product = shop.server.get("/api/v2/products/TEA-002").await;
        assert_ne!(product.header("etag"), version, "its product has changed");
        let product = product.ok();
        let images = product["images"].as_array().expect("images");
        let image = images.iter().find(|image| image["id"] == *id).expect("it is there");
        assert_eq!(image["status"], "ready", "{image}");
        for name in ["thumb", "medium", "large"] {
            let path = image["variants"][name].as_str().expect("an address");
            let got = shop.server.get(path).await.status(200);
            assert_eq!(got.header("content-type"), "image/webp");
            assert_eq!(got.header("cache-control"), "public, max-age=31536000, immutable");
            assert_eq!(got.header("cross-origin-resource-policy"), "cross-origin");
            assert!(got.body.starts_with(b"RIFF") && got.body[8..].starts_with(b"WEBP"), "{name}");
            let same = shop.server.get(path).header("if-none-match", got.header("etag")).await.status(304);
            assert!(same.body.is_empty());
        }
        assert_eq!(image["url"], image["variants"]["large"]);
        // The original is gone: it may tell where it was taken.
        let files: Vec<_> = shop.files().await.into_iter().filter(|place| place.contains(&id)).collect();
        assert_eq!(files.len(), 3, "{files:?}");
        assert!(files.iter().all(|place| place.ends_with(".webp")), "{files:?}");
    }
    let listed = shop.get("/products/TEA-002?fields=images.status,images.variants.thumb").await;
    let images = listed["images"].as_array().expect("images");
    assert!(images[0]["status"].is_null() && images[0]["variants"].is_null(), "it lies elsewhere: {listed}");
    assert_eq!(images[4]["variants"].as_object().map(serde_json::Map::len), Some(1), "{listed}");
}

/// A black PNG.
fn black_png(width: u32, height: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8], content: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(name);
        crc.update(content);
        png.extend(u32::try_from(content.len()).expect("short").to_be_bytes());
        png.extend([name, content, &crc.sum().to_be_bytes()].concat());
    };
    chunk(b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat());
    let rows = vec![0; (width as usize + 1) * height as usize];
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&rows).expect("into memory");
    chunk(b"IDAT", &packed.finish().expect("into memory"));
    chunk(b"IEND", &[]);
    png
}

#[tokio::test]
async fn an_image_says_how_large_the_picture_at_its_address_is() {
    let shop = Shop::sample().await;
    let uploaded = shop.upload("image/png", &black_png(4_000, 500)).await.created();
    assert_eq!((&uploaded["widthPx"], &uploaded["heightPx"]), (&4_000.into(), &500.into()));
    shop.make_pictures().await;
    let product = shop.get("/products/TEA-002?fields=images").await;
    let image = product["images"].as_array().and_then(|images| images.last()).expect("it is there");
    assert_eq!((&image["widthPx"], &image["heightPx"]), (&1_600.into(), &200.into()), "{image}");
}

#[tokio::test]
async fn what_is_no_picture_is_refused_and_leaves_nothing_behind() {
    let shop = Shop::sample().await;
    shop.upload("image/png", GIF).await.problem(415, "catalog.media_type_mismatch");
    shop.upload("image/svg+xml", b"<svg/>").await.problem(415, "web.unsupported_media_type");
    shop.upload("application/json", b"{}").await.problem(415, "web.unsupported_media_type");
    let coded = shop.upload("image/jpeg", JPEG).header("content-encoding", "gzip").await;
    coded.problem(415, "web.unsupported_media_type");
    shop.upload("image/jpeg", b"").await.problem(422, "catalog.not_a_picture");
    shop.upload("image/jpeg", b"<script>alert(1)</script>").await.problem(422, "catalog.not_a_picture");
    shop.upload("image/jpeg", &JPEG[..20]).await.problem(422, "catalog.not_a_picture");
    shop.upload("image/png", &png_that_claims(60_000)).await.problem(422, "catalog.too_many_pixels");
    let large = vec![0; entrepot_testkit::edge_settings().body_limit_bytes + 1];
    shop.upload("image/jpeg", &large).await.problem(413, "web.body_too_large");
    for query in ["alt=%00", "position=-1", "position=first", "position=10001", "width=3"] {
        let path = format!("{UPLOAD}?{query}");
        shop.server.post(&path).bytes("image/jpeg", JPEG).await.problem(400, "web.invalid_query");
    }
    // What is found out only when the file lies there takes it away again.
    let nowhere = shop.server.post("/api/v2/products/NOTHING/images/upload").bytes("image/jpeg", JPEG).await;
    nowhere.problem(404, "catalog.product_not_found");
    shop.server.delete("/api/v2/products/TEA-003").await.status(204);
    let gone = shop.server.post("/api/v2/products/TEA-003/images/upload").bytes("image/jpeg", JPEG).await;
    gone.problem(404, "catalog.product_not_found");
    assert_eq!(shop.files().await, Vec::<String>::new());
    assert!(shop.pictures.jobs.waiting(None, None, 10).await.expect("asked").is_empty());
    for path in ["nothing/large", "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b/large"] {
        shop.server.get(&format!("/api/v2/images/{path}")).await.problem(404, "catalog.picture_not_found");
    }
}

#[tokio::test]
async fn a_picture_that_cannot_be_decoded_says_why_and_goes() {
    let shop = Shop::sample().await;
    // It is cut off behind its header, which is all that is looked at before it is taken.
    let id = shop.upload("image/png", &PNG[..80]).await.created()["id"].as_str().expect("an id").to_owned();
    shop.make_pictures().await;
    let image = shop.get("/products/TEA-002").await["images"].as_array().expect("images").last().cloned();
    let image = image.expect("it is there");
    assert_eq!((&image["id"], &image["status"]), (&id.as_str().into(), &"failed".into()), "{image}");
    assert_eq!(image["error"], "the picture cannot be decoded", "{image}");
    assert!(image["variants"].is_null());
    let fetched = shop.server.get(&format!("/api/v2/images/{id}/thumb")).await;
    fetched.problem(404, "catalog.picture_not_found");
    assert_eq!(shop.files().await, Vec::<String>::new());
    let ended = shop.endings("make-thumbnails").await;
    assert_eq!((ended.len(), ended[0].0.as_str()), (1, "discarded"), "not tried again: {ended:?}");
}

#[tokio::test]
async fn an_image_that_is_taken_away_takes_its_files_with_it() {
    let shop = Shop::sample().await;
    let remove = |id: String| shop.server.delete(&format!("/api/v2/products/TEA-002/images/{id}"));
    let upload = async || shop.upload("image/jpeg", JPEG).await.created()["id"].as_str().expect("an id").to_owned();
    let (made, kept) = (upload().await, upload().await);
    shop.make_pictures().await;
    assert_eq!(shop.files().await.len(), 6);
    remove(made.clone()).await.status(204);
    shop.server.get(&format!("/api/v2/images/{made}/thumb")).await.problem(404, "catalog.picture_not_found");
    // And one that nothing has been made of yet.
    let waiting = upload().await;
    remove(waiting.clone()).await.status(204);
    shop.make_pictures().await;
    let files = shop.files().await;
    assert!(files.len() == 3 && files.iter().all(|place| place.contains(&kept)), "{files:?}");
    let ended = shop.endings("make-thumbnails").await;
    assert_eq!(ended.last().map(|(outcome, _)| outcome.as_str()), Some("cancelled"), "{ended:?}");
    shop.server.get(&format!("/api/v2/images/{kept}/thumb")).await.status(200);
}

#[tokio::test]
async fn a_picture_that_is_made_twice_has_one_result() {
    let shop = Shop::sample().await;
    let made = shop.upload("image/png", PNG).await.created();
    let id: Uuid = made["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    for _ in 0..3 {
        shop.enqueue(&NewJob::of(&MakeThumbnails { image: id })).await;
    }
    shop.make_pictures().await;
    let files = shop.files().await;
    assert_eq!(files.len(), 3, "{files:?}");
    let attempts: std::collections::BTreeSet<_> = files.iter().map(|place| &place[..80]).collect();
    assert_eq!(attempts.len(), 1, "all of one attempt: {files:?}");
    let path = format!("/api/v2/images/{id}/large");
    let first = shop.server.get(&path).await.status(200);
    // Once more, long after: what was given out stays what it was.
    shop.enqueue(&NewJob::of(&MakeThumbnails { image: id })).await;
    shop.make_pictures().await;
    assert_eq!(shop.files().await, files);
    assert_eq!(shop.server.get(&path).await.header("etag"), first.header("etag"));
    let ended = shop.endings("make-thumbnails").await;
    assert_eq!(ended.len(), 5);
    assert!(ended.iter().all(|(outcome, _)| outcome == "completed"), "{ended:?}");
}

#[tokio::test]
async fn what_nothing_needs_is_swept_after_a_day() {
    let shop = Shop::sample().await;
    let kept = shop.upload("image/jpeg", JPEG).await.created()["id"].as_str().expect("an id").to_owned();
    shop.make_pictures().await;
    let waiting = shop.upload("image/jpeg", JPEG).await.created()["id"].as_str().expect("an id").to_owned();
    let lost = format!("images/{}/original", Uuid::from_u128(7));
    shop.pictures.files.put(&Path::from(lost.as_str()), JPEG.to_vec().into()).await.expect("put");
    let left = format!("images/{kept}/original");
    shop.pictures.files.put(&Path::from(left.as_str()), JPEG.to_vec().into()).await.expect("put");
    let sweep = NewJob::of(&SweepPictures {});
    let is_there = async |place: &str| shop.files().await.iter().any(|known| known == place);

    shop.enqueue(&sweep).await;
    let (later, _hand) = Clock::manual(shop.to.clock.now() + Duration::from_secs(3_600));
    // Only the sweep: what waits is to wait on.
    let sql = "UPDATE jobs.job SET queue = 'elsewhere' WHERE kind = 'make-thumbnails'";
    shop.database.client().await.execute(sql, &[]).await.expect("moved");
    shop.make_pictures_as(Dependencies { clock: later, ..shop.to.clone() }).await;
    assert!(is_there(&lost).await && is_there(&left).await, "they may be of an upload that is under way");

    shop.enqueue(&sweep).await;
    let (later, _hand) = Clock::manual(shop.to.clock.now() + Duration::from_secs(25 * 3_600));
    shop.make_pictures_as(Dependencies { clock: later, ..shop.to.clone() }).await;
    assert!(!is_there(&lost).await && !is_there(&left).await);
    assert!(is_there(&format!("images/{waiting}/original")).await, "its job has not been done");
    assert_eq!(shop.files().await.len(), 4);
    shop.server.get(&format!("/api/v2/images/{kept}/thumb")).await.status(200);
}

#[tokio::test]
async fn a_picture_whose_job_ended_without_a_word_does_not_wait_for_ever() {
    let shop = Shop::sample().await;
    let lost = shop.upload("image/jpeg", JPEG).await.created()["id"].clone();
    shop.pictures.jobs.cancel_waiting(PICTURE_QUEUE).await.expect("cancelled");
    let waiting = shop.upload("image/jpeg", JPEG).await.created()["id"].clone();
    let elsewhere = "UPDATE jobs.job SET queue = 'elsewhere' WHERE kind = 'make-thumbnails'";
    shop.database.client().await.execute(elsewhere, &[]).await.expect("moved");
    let status = async |id: &serde_json::Value| {
        let product = shop.get("/products/TEA-002").await;
        let image = product["images"].as_array().expect("a list").iter().find(|image| image["id"] == *id).cloned();
        image.expect("it is there")
    };

    for (seconds, wanted) in [(30, "queued"), (120, "failed")] {
        shop.enqueue(&NewJob::of(&SeeToPictures {})).await;
        let (later, _hand) = Clock::manual(shop.to.clock.now() + Duration::from_secs(seconds));
        shop.make_pictures_as(Dependencies { clock: later, ..shop.to.clone() }).await;
        assert_eq!(status(&lost).await["status"], wanted, "after {seconds} s");
    }
    assert!(status(&lost).await["error"].as_str().is_some_and(|error| error.contains("could not be made")));
    assert_eq!(status(&waiting).await["status"], "queued", "its job waits");
}
