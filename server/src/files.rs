//! Where files lie: a folder, or a bucket of S3.
//!
//! **Invariant:** the folder is entered by this user alone: exports, reports and originals of pictures lie in it.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;

use crate::settings::Settings;

/// A folder that nobody else may look into, whatever lies in it: also one that was there before.
fn private(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

/// Opens the place that the settings name. A folder is made where there is none.
///
/// # Errors
/// When the address is none, or the folder cannot be made.
pub(crate) fn open(settings: &Settings) -> anyhow::Result<Arc<dyn ObjectStore>> {
    let files = &settings.files;
    if files.url.is_empty() {
        let folder = settings.data.folder.join("files");
        private(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        return Ok(Arc::new(LocalFileSystem::new_with_prefix(&folder).context("files")?));
    }
    let place = files
        .url
        .strip_prefix("s3://")
        .with_context(|| format!("files.url: {:?} is not s3://bucket/prefix", files.url))?;
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_region(&files.s3_region);
    if !files.s3_endpoint.is_empty() {
        let is_plain = files.s3_endpoint.starts_with("http://");
        builder = builder.with_endpoint(&files.s3_endpoint).with_allow_http(is_plain);
    }
    if !files.s3_access_key.is_empty() {
        builder = builder.with_access_key_id(&files.s3_access_key).with_secret_access_key(&files.s3_secret_key);
    }
    let store = builder.build().context("files.url")?;
    Ok(if prefix.is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, prefix)) })
}
