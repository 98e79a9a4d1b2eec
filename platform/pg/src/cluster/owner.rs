//! Whom PostgreSQL runs as, and which folders that user can use.
//!
//! PostgreSQL refuses to run as root. Started as root, the program runs it as the user `postgres`
//! (which every distribution's package makes); that user cannot see into root's own home, so a
//! cluster whose data folder lies there is kept under `/var/lib/entrepot` and linked.

use std::ffi::CString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{ClusterError, io_at};

const UNPRIVILEGED: &str = "postgres";
/// Where clusters of root live when their data folder cannot be reached by `postgres`.
const SHELTER: &str = "/var/lib/entrepot";

/// The operating system's user under which the server runs.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    uid: u32,
    gid: u32,
    name: String,
    /// The user who started this program, where it is another (root).
    starter: Option<String>,
}

impl Owner {
    pub(crate) fn find() -> Result<Self, ClusterError> {
        let uid = rustix::process::geteuid().as_raw();
        if uid != 0 {
            let gid = rustix::process::getegid().as_raw();
            let name = passwd_entries().find(|entry| entry.1 == uid).map_or_else(|| uid.to_string(), |entry| entry.0);
            return Ok(Self { uid, gid, name, starter: None });
        }
        let (name, uid, gid) = passwd_entries()
            .find(|entry| entry.0 == UNPRIVILEGED)
            .ok_or(ClusterError::NoUnprivilegedUser { wanted: UNPRIVILEGED })?;
        Ok(Self { uid, gid, name, starter: Some("root".to_owned()) })
    }

    /// A command that runs as this user, with nothing of our environment, in `folder`.
    pub(crate) fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C.UTF-8").env("PATH", "/usr/bin:/bin").env("TZ", "UTC").current_dir(folder);
        if self.starter.is_some() {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Makes `folder`, closed to everybody but this user. One that is there is left as it is.
    pub(crate) fn make_folder(&self, folder: &Path) -> Result<(), ClusterError> {
        match std::fs::DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) if self.starter.is_some() => {
                chown(folder, Some(self.uid), Some(self.gid)).map_err(io_at("cannot give away", folder))
            }
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(io_at("cannot make the folder", folder)(error)),
        }
    }

    /// Gives `file` to this user.
    pub(crate) fn give(&self, file: &Path) -> Result<(), ClusterError> {
        if self.starter.is_none() {
            return Ok(());
        }
        chown(file, Some(self.uid), Some(self.gid)).map_err(io_at("cannot give away", file))
    }

    /// Whether this user can walk down to `folder`: every folder on the way lets others pass.
    pub(crate) fn can_reach(&self, folder: &Path) -> bool {
        folder.ancestors().all(|part| {
            part.metadata().is_ok_and(|metadata| {
                let mode = metadata.permissions().mode();
                (metadata.uid() == self.uid && mode & 0o100 != 0)
                    || (metadata.gid() == self.gid && mode & 0o010 != 0)
                    || mode & 0o001 != 0
            })
        })
    }

    /// The folder in which a cluster is made when its data folder is out of this user's reach.
    pub(crate) fn shelter(&self) -> Result<PathBuf, ClusterError> {
        let shelter = PathBuf::from(SHELTER);
        std::fs::create_dir_all(&shelter).map_err(io_at("cannot make the folder", &shelter))?;
        std::fs::set_permissions(&shelter, std::fs::Permissions::from_mode(0o755))
            .map_err(io_at("cannot open to others", &shelter))?;
        Ok(shelter)
    }

    /// The folder of the Unix socket: short whatever the data folder's path, since the whole path
    /// of a socket may have 107 bytes.
    pub(crate) fn socket_folder(&self, data_folder: &Path) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        data_folder.hash(&mut hasher);
        let root = if self.starter.is_some() { "/run" } else { "/tmp" };
        PathBuf::from(format!("{root}/entrepot-{}-{:016x}", self.uid, hasher.finish()))
    }

    /// Makes the socket's folder, or proves that the one that is there is ours and closed.
    pub(crate) fn make_socket_folder(&self, data_folder: &Path) -> Result<PathBuf, ClusterError> {
        let folder = self.socket_folder(data_folder);
        self.make_folder(&folder)?;
        let metadata = folder.symlink_metadata().map_err(io_at("cannot examine", &folder))?;
        if !metadata.is_dir() || metadata.uid() != self.uid || metadata.permissions().mode() & 0o077 != 0 {
            return Err(ClusterError::RuntimeFolder { folder, uid: self.uid });
        }
        Ok(folder)
    }

    /// The lines of `pg_ident.conf` that let this user, and whoever started us, in as [`super::ROLE`].
    pub(crate) fn ident_map(&self) -> String {
        let mut names = vec![self.name.as_str()];
        names.extend(self.starter.as_deref());
        names.iter().map(|name| format!("entrepot \"{name}\" {}\n", super::ROLE)).collect()
    }
}

/// `(name, uid, gid)` of the users in the password database's file.
fn passwd_entries() -> impl Iterator<Item = (String, u32, u32)> {
    let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entries: Vec<_> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?.to_owned();
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some((name, uid, gid))
        })
        .collect();
    entries.into_iter()
}

/// Whether `path` can be handed to a C program at all.
pub(crate) fn is_c_path(path: &Path) -> bool {
    CString::new(path.as_os_str().as_encoded_bytes()).is_ok()
}
