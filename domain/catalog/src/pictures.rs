//! Pictures that people upload: where their files lie, and the jobs that see to them.
//!
//! | job | enqueued | does |
//! | --- | --- | --- |
//! | `make-thumbnails` | by an upload, in its transaction | makes the variants out of the original |
//! | `remove-picture` | by whatever makes files useless, in its transaction | removes those that nothing needs |
//! | `sweep-pictures` | every night | removes what was put there and never written down |
//! | `see-to-pictures` | every five minutes | says of those that wait and have no job any more that they failed |
//!
//! An original may carry what its owner would not show to everybody: the place where it was taken, the camera's
//! number, a preview from before it was cut. So it is given to nobody, and removed as soon as its variants are
//! ready, or it is known that there will be none; after a day where a failure may yet be mended.
//!
//! **Invariants:**
//! - An attempt writes to places of its own, and which of them count is recorded with the end of its job in one
//!   transaction: a picture has one result, however often it is made.
//! - What lies at an address that was given out is never written again.
//! - A file is removed when nothing needs it ([`is_needed`]), and never before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use entrepot_jobs::{Context, Job, Jobs, NewJob, Outcome, Priority, Retries, ScheduleError, Work};
use entrepot_pg::Error;
use entrepot_pictures::{Limits, PictureError, Variant, Wanted};
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{Picture, PictureStatus, StoredVariant};
use crate::ops::{self, Finished};
use crate::{Dependencies, store};

/// The queue that pictures are made in.
pub const PICTURE_QUEUE: &str = "images";
/// The variants of every picture. What one is called is in its address.
pub(crate) const WANTED: [Wanted; 3] = [
    Wanted { name: "thumb", width: 200, height: 200, quality: 80 },
    Wanted { name: "medium", width: 800, height: 800, quality: 80 },
    Wanted { name: LARGE, width: 1_600, height: 1_600, quality: 80 },
];
/// The one that an image's own address is of.
pub(crate) const LARGE: &str = "large";
/// The folder of all.
const FOLDER: &str = "images";
/// What was put there this short a time ago may be part of an upload that is under way.
const SETTLED_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// Images that are asked for at once in a sweep.
const SWEPT_AT_ONCE: usize = 500;
/// Pictures that wait are looked at again when they have for so long, so many at once.
const SEEN_TO_AFTER: Duration = Duration::from_secs(60);
const SEEN_TO_AT_ONCE: i64 = 500;

/// What whoever uploaded a picture is told of a failure that is not the picture's.
const UNTOLD: &str = "the picture could not be made; it has been logged";

/// What uploaded pictures need.
#[derive(Clone, Debug)]
pub struct Pictures {
    /// Where their files lie.
    pub files: Arc<dyn ObjectStore>,
    /// What makes them.
    pub jobs: Jobs,
}

/// What the jobs are given.
#[derive(Debug)]
pub(crate) struct Studio {
    pictures: Pictures,
    to: Dependencies,
}

/// How much a picture may take; how many bytes a body may have is the server's affair, and less.
pub(crate) fn limits() -> Limits {
    Limits::default()
}

/// Where the original of a picture lies.
fn original(image: Uuid) -> String {
    format!("{FOLDER}/{image}/original")
}

/// Whether a file is needed: the original of a picture that waits, and the variants that are recorded.
fn is_needed(picture: Option<&Picture>, image: Uuid, place: &str) -> bool {
    match picture {
        Some(picture) if picture.status == PictureStatus::Queued => place == original(image),
        Some(picture) => picture.variants.values().any(|variant| variant.place == place),
        None => false,
    }
}

impl Pictures {
    /// Puts an original where the job finds it.
    pub(crate) async fn put_original(&self, image: Uuid, bytes: Bytes) -> Result<(), object_store::Error> {
        self.files.put(&Path::from(original(image)), bytes.into()).await.map(drop)
    }

    /// A file; `None` where there is none.
    pub(crate) async fn read(&self, place: &str) -> Result<Option<Bytes>, object_store::Error> {
        match self.files.get(&Path::from(place)).await {
            Ok(found) => found.bytes().await.map(Some),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes all files of an image that are not needed.
    pub(crate) async fn remove(&self, image: Uuid, picture: Option<&Picture>) -> Result<(), object_store::Error> {
        let folder = Path::from(format!("{FOLDER}/{image}"));
        let found: Vec<_> = self.files.list(Some(&folder)).try_collect().await?;
        for file in found {
            if !is_needed(picture, image, file.location.as_ref()) {
                self.remove_file(&file.location).await?;
            }
        }
        Ok(())
    }

    async fn remove_file(&self, place: &Path) -> Result<(), object_store::Error> {
        match self.files.delete(place).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn put_variants(
        &self,
        image: Uuid,
        attempt: Uuid,
        made: Vec<Variant>,
    ) -> Result<BTreeMap<String, StoredVariant>, object_store::Error> {
        let mut stored = BTreeMap::new();
        for Variant { name, width, height, webp } in made {
            let place = format!("{FOLDER}/{image}/{attempt}-{name}.webp");
            let bytes = webp.len();
            self.files.put(&Path::from(place.as_str()), webp.into()).await?;
            stored.insert(name.to_owned(), StoredVariant { width, height, bytes, place });
        }
        Ok(stored)
    }
}

/// Has a process make pictures, and remove what is not needed of them.
///
/// # Errors
/// Never: the pattern is ours.
pub fn work(pictures: Pictures, dependencies: Dependencies, work: Work) -> Result<Work, ScheduleError> {
    let studio = Arc::new(Studio { pictures, to: dependencies });
    work.does::<MakeThumbnails>(studio.clone())
        .does::<RemovePicture>(studio.clone())
        .does::<SweepPictures>(studio.clone())
        .does::<SeeToPictures>(studio)
        .every("pictures-seen-to", "*/5 * * * *", "UTC", |_slot| NewJob::of(&SeeToPictures {}).unique("see-to"))?
        .every("pictures-sweep", "17 4 * * *", "UTC", |_slot| NewJob::of(&SweepPictures {}).unique("sweep"))
}

/// Makes the variants of a picture that was uploaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MakeThumbnails {
    pub(crate) image: Uuid,
}

/// Why they were not made.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the image is gone")]
    Gone,
    #[error("what was uploaded is not there any more")]
    Lost,
    #[error(transparent)]
    Picture(#[from] PictureError),
    #[error("the making of the picture panicked")]
    Panicked(#[source] tokio::task::JoinError),
    #[error(transparent)]
    Database(#[from] Error),
    #[error("a file cannot be written or read")]
    Files(#[from] object_store::Error),
}

impl Trouble {
    /// What whoever uploaded it is told where it can never be otherwise.
    fn for_good(&self) -> Option<String> {
        match self {
            // On a machine that has less to do there may be time.
            Self::Picture(PictureError::TimedOut) => None,
            Self::Picture(error) => Some(error.to_string()),
            Self::Lost => Some(self.to_string()),
            Self::Panicked(_) => Some(UNTOLD.to_owned()),
            Self::Gone | Self::Database(_) | Self::Files(_) => None,
        }
    }
}

impl Job for MakeThumbnails {
    const KIND: &'static str = "make-thumbnails";
    const QUEUE: &'static str = PICTURE_QUEUE;
    const RETRIES: Retries = Retries { at_most: 7, ..Retries::DEFAULT };
    const TIMEOUT: Duration = Duration::from_secs(120);
    type Needs = Studio;

    async fn run(&self, studio: &Studio, context: &Context) -> Outcome {
        let error = match make(studio, self.image, context).await {
            Ok(outcome) => return outcome,
            Err(error) => error,
        };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let told = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
        if matches!(error, Trouble::Gone) {
            return match studio.pictures.remove(self.image, None).await {
                Ok(()) => Outcome::Cancel { reason: told },
                Err(error) => Outcome::retry(error),
            };
        }
        let for_good = error.for_good();
        if for_good.is_none() && !context.is_last() {
            return Outcome::retry(told);
        }
        let (why, is_for_good) = (for_good.as_deref().unwrap_or(UNTOLD), for_good.is_some());
        match ops::fail_picture(&studio.to, &studio.pictures, self.image, why, is_for_good).await {
            Ok(()) => Outcome::discard(told),
            Err(error) if !context.is_last() => Outcome::retry(error),
            Err(error) => {
                tracing::warn!(image = %self.image, %error, "a picture's failure could not be recorded");
                Outcome::discard(told)
            }
        }
    }
}

async fn make(studio: &Studio, image: Uuid, context: &Context) -> Result<Outcome, Trouble> {
    let Studio { pictures, to } = studio;
    let picture = store::picture_by_image(&to.database, image).await?.ok_or(Trouble::Gone)?;
    if picture.status == PictureStatus::Ready {
        return Ok(Outcome::Done);
    }
    let bytes = pictures.read(&original(image)).await?.ok_or(Trouble::Lost)?;
    let making = tokio::task::spawn_blocking(move || entrepot_pictures::make(&bytes, &WANTED, &limits()));
    let (_looked, made) = making.await.map_err(Trouble::Panicked)??;
    let stored = pictures.put_variants(image, context.attempt_id(), made).await?;
    match ops::finish_picture(to, pictures, image, &stored, context).await? {
        Finished::Now(outcome) => Ok(outcome),
        Finished::Before => {
            // Another attempt was quicker; these files are in nobody's way, and not needed.
            let picture = store::picture_by_image(&to.database, image).await?;
            pictures.remove(image, picture.as_ref()).await?;
            Ok(Outcome::Done)
        }
        Finished::Gone => Err(Trouble::Gone),
    }
}

/// Removes the files of a picture that nothing needs any more: all where its image is gone, the original and what
/// other attempts left where it is ready.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RemovePicture {
    pub(crate) image: Uuid,
}

impl Job for RemovePicture {
    const KIND: &'static str = "remove-picture";
    const QUEUE: &'static str = PICTURE_QUEUE;
    const RETRIES: Retries = Retries { at_most: 9, ..Retries::DEFAULT };
    type Needs = Studio;

    async fn run(&self, studio: &Studio, _context: &Context) -> Outcome {
        let picture = match store::picture_by_image(&studio.to.database, self.image).await {
            Ok(picture) => picture,
            Err(error) => return Outcome::retry(error),
        };
        match studio.pictures.remove(self.image, picture.as_ref()).await {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::retry(error),
        }
    }
}

/// Removes what lies there and is not needed: of an upload that broke off between its file and its transaction, of a
/// catalog that was seeded anew, of an attempt that was thought dead.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SweepPictures {}

impl Job for SweepPictures {
    const KIND: &'static str = "sweep-pictures";
    const QUEUE: &'static str = PICTURE_QUEUE;
    const PRIORITY: Priority = Priority::LOW;
    /// It may have very many files to look through.
    const TIMEOUT: Duration = Duration::from_secs(3_600);
    type Needs = Studio;

    async fn run(&self, studio: &Studio, _context: &Context) -> Outcome {
        match sweep(studio).await {
            Ok(0) => Outcome::Done,
            Ok(removed) => {
                tracing::info!(removed, "files of pictures that nothing needed were removed");
                Outcome::Done
            }
            Err(error) => Outcome::retry(error),
        }
    }
}

/// How many files it removed.
async fn sweep(studio: &Studio) -> Result<usize, Trouble> {
    let settled = (studio.to.database.upkeep_time(&studio.to.clock).await? - SETTLED_AFTER).as_second();
    let mut files = studio.pictures.files.list(Some(&Path::from(FOLDER)));
    let (mut waiting, mut removed) = (Vec::new(), 0);
    while let Some(file) = files.try_next().await? {
        let image = file.location.parts().nth(1).and_then(|part| part.as_ref().parse::<Uuid>().ok());
        if let Some(image) = image.filter(|_| file.last_modified.timestamp() < settled) {
            waiting.push((image, file.location));
        }
        if waiting.len() >= SWEPT_AT_ONCE {
            removed += sweep_some(studio, std::mem::take(&mut waiting)).await?;
        }
    }
    Ok(removed + sweep_some(studio, waiting).await?)
}

async fn sweep_some(studio: &Studio, files: Vec<(Uuid, Path)>) -> Result<usize, Trouble> {
    let ids: Vec<Uuid> = files.iter().map(|(image, _)| *image).collect::<BTreeSet<_>>().into_iter().collect();
    let known = store::picture_list(&studio.to.database, &ids).await?;
    let mut removed = 0;
    for (image, place) in files {
        if !is_needed(known.get(&image), image, place.as_ref()) {
            studio.pictures.remove_file(&place).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Says of pictures that wait and have no job any more that they failed: each attempt took its worker with it, or
/// somebody cancelled the job. Those can be tried again as others that failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SeeToPictures {}

impl Job for SeeToPictures {
    const KIND: &'static str = "see-to-pictures";
    const QUEUE: &'static str = PICTURE_QUEUE;
    const PRIORITY: Priority = Priority::LOW;
    type Needs = Studio;

    async fn run(&self, studio: &Studio, _context: &Context) -> Outcome {
        match see_to(studio).await {
            Ok(0) => Outcome::Done,
            Ok(lost) => {
                tracing::warn!(lost, "pictures waited whose jobs had ended without a word");
                Outcome::Done
            }
            Err(error) => Outcome::retry(error),
        }
    }
}

/// How many had no job.
async fn see_to(studio: &Studio) -> Result<usize, Error> {
    let Studio { pictures, to } = studio;
    let before = to.database.upkeep_time(&to.clock).await? - SEEN_TO_AFTER;
    let (mut behind, mut lost) = (Uuid::nil(), 0);
    loop {
        let waiting = store::pictures_queued(&to.database, before, behind, SEEN_TO_AT_ONCE).await?;
        let Some(last) = waiting.last() else { return Ok(lost) };
        behind = *last;
        // Asked after the pictures: of a job that ended in between the picture does not wait any more.
        let keys: Vec<String> = waiting.iter().map(Uuid::to_string).collect();
        let in_use = pictures.jobs.keys_in_use::<MakeThumbnails>(&keys).await?;
        for image in waiting.iter().zip(&keys).filter(|(_, key)| !in_use.contains(*key)).map(|(image, _)| *image) {
            ops::fail_picture(to, pictures, image, UNTOLD, false).await?;
            lost += 1;
        }
    }
}
