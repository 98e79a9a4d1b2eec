//! The lock of a data folder: who holds it may run the cluster in it.
//!
//! **Invariant:** the lock is the kernel's (`flock`), so it ends with its holder, also after
//! `kill -9`; the text in the file only serves messages.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::{ClusterError, io_at};

/// Who holds a data folder, as the holder wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: Option<i32>,
    /// What it does, such as `entrepot serve`.
    pub purpose: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(formatter, "process {pid} ({})", self.purpose),
            None => write!(formatter, "another process"),
        }
    }
}

/// The held lock; dropping it gives the folder back.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of `folder`, without waiting.
    pub(crate) fn take(folder: &Path, purpose: &str) -> Result<Self, ClusterError> {
        let path = folder.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io_at("cannot open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(ClusterError::Held { folder: folder.to_owned(), holder: read_holder(&mut file) });
            }
            Err(errno) => return Err(io_at("cannot lock", &path)(errno.into())),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}\n{purpose}", std::process::id()))
            .map_err(io_at("cannot write", &path))?;
        Ok(Self { _file: file })
    }
}

fn read_holder(file: &mut File) -> Holder {
    let mut text = String::new();
    // A lock whose text cannot be read is held all the same; the message then names nobody.
    let _unreadable_names_nobody = file.read_to_string(&mut text);
    let mut lines = text.lines();
    Holder {
        pid: lines.next().and_then(|line| line.parse().ok()),
        purpose: lines.next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_who_has_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = Lock::take(folder.path(), "entrepot serve").expect("it is free");
        let error = Lock::take(folder.path(), "entrepot import").expect_err("it is held");
        let ClusterError::Held { holder, .. } = error else { panic!("another error: {error}") };
        assert_eq!(holder.pid, i32::try_from(std::process::id()).ok());
        assert_eq!(holder.purpose, "entrepot serve");
        drop(held);
        Lock::take(folder.path(), "entrepot import").expect("it is free again");
    }
}
