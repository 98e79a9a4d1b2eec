//! Letters as files, for where there is no server: a developer's machine, a demonstration, a test.
//!
//! **Invariants:**
//! - A file is named after the UUID of its letter, and only such files are listed, read and removed.
//! - A file is there whole or not at all: it is written under another name, synced and renamed.
//! - Only the newest ones are kept.
//! - Nobody but the program's own user may read them: there are links in them that sign people in.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use uuid::Uuid;

/// Where the headers of a letter end for sure: they have a limit each.
const LONGEST_HEAD: u64 = 32 * 1_024;
/// More than a letter can have, with its attachments in base64.
const LONGEST_FILE: u64 = 32 * 1_024 * 1_024;
const WRITTEN: &str = "eml";
const UNFINISHED: &str = "part";

/// A folder of letters.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) keep: usize,
}

/// The beginning of a letter.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) id: Uuid,
    pub(crate) length: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Folder {
    /// Writes a letter and removes the oldest if there are too many.
    pub(crate) fn write(&self, id: Uuid, bytes: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        let unfinished = self.place(id, UNFINISHED);
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, self.place(id, WRITTEN))?;
            File::open(&self.path)?.sync_all()
        })();
        if written.is_err() {
            // What is left of it is removed here, or with the letters of its age.
            let _is_gone_or_stays = fs::remove_file(&unfinished);
            return written;
        }
        self.prune()
    }

    /// The beginnings of the newest letters, newest first.
    pub(crate) fn newest(&self, limit: usize) -> io::Result<Vec<Head>> {
        let mut heads = Vec::new();
        for id in self.ids(WRITTEN)?.into_iter().take(limit) {
            let Some(file) = self.open(id)? else { continue };
            let length = file.metadata()?.len();
            let mut bytes = Vec::new();
            file.take(LONGEST_HEAD).read_to_end(&mut bytes)?;
            heads.push(Head { id, length, bytes });
        }
        Ok(heads)
    }

    /// A letter, if it is there.
    pub(crate) fn read(&self, id: Uuid) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open(id)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(LONGEST_FILE).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn open(&self, id: Uuid) -> io::Result<Option<File>> {
        match File::open(self.place(id, WRITTEN)) {
            Ok(file) => Ok(Some(file)),
            // It may be removed as one of the oldest while it is looked at.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn place(&self, id: Uuid, ending: &str) -> PathBuf {
        self.path.join(format!("{}.{ending}", id.simple()))
    }

    /// The ids of all files of this ending, newest first: they begin with the time.
    fn ids(&self, ending: &str) -> io::Result<Vec<Uuid>> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let named = name.to_str().and_then(|name| name.split_once('.'));
            ids.extend(named.filter(|(_, found)| *found == ending).and_then(|(id, _)| read_id(id)));
        }
        ids.sort_unstable_by(|one, other| other.cmp(one));
        Ok(ids)
    }

    fn prune(&self) -> io::Result<()> {
        let written = self.ids(WRITTEN)?;
        let Some(oldest_kept) = written.get(self.keep.saturating_sub(1)) else { return Ok(()) };
        // An unfinished file that is older than all that are kept is nobody's any more.
        let unfinished = self.ids(UNFINISHED)?.into_iter().filter(|id| id < oldest_kept);
        let places = written.iter().skip(self.keep).map(|id| self.place(*id, WRITTEN));
        for place in places.chain(unfinished.map(|id| self.place(id, UNFINISHED))) {
            match fs::remove_file(place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Reads an id in the one form that files are named by.
pub(crate) fn read_id(text: &str) -> Option<Uuid> {
    let is_simple = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_simple.then(|| Uuid::try_parse(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use entrepot_runtime::Clock;

    use super::*;

    fn folder(keep: usize) -> (tempfile::TempDir, Folder) {
        let parent = tempfile::tempdir().expect("a folder");
        let path = parent.path().join("deep/letters");
        (parent, Folder { path, keep })
    }

    fn ids(count: usize) -> Vec<Uuid> {
        let (clock, hand) = Clock::manual("2026-01-01T00:00:00Z".parse().expect("a literal"));
        let next = |_| {
            hand.advance(std::time::Duration::from_millis(1));
            clock.new_id()
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn ids_are_uuids_in_one_form_and_nothing_else() {
        assert!(read_id("0190a1b2c3d47e5f8a9b0c1d2e3f4a5b").is_some());
        for hostile in [
            "",
            "..",
            "../secret",
            "/etc/passwd",
            "0190a1b2c3d47e5f8a9b0c1d2e3f4a5b/../../secret",
            "0190A1B2C3D47E5F8A9B0C1D2E3F4A5B",
            "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
            "{0190a1b2c3d47e5f8a9b0c1d2e3f4a5}",
            "0190a1b2c3d47e5f8a9b0c1d2e3f4a5\u{0}",
            "urn:uuid:0190a1b2-c3d4-7e5f-8a9b",
        ] {
            assert_eq!(read_id(hostile), None, "{hostile:?}");
        }
    }

    #[test]
    fn the_newest_are_kept_and_other_files_are_left_alone() {
        let (_parent, folder) = folder(3);
        assert_eq!(folder.newest(10).expect("an empty list").len(), 0);
        let ids = ids(6);
        folder.write(ids[0], b"0").expect("written");
        let abandoned = folder.path.join(format!("{}.part", ids[0].simple()));
        for foreign in [&abandoned, &folder.path.join("notes.eml"), &folder.path.join("list.txt")] {
            fs::write(foreign, "anything").expect("written");
        }
        for (number, id) in ids.iter().enumerate().skip(1) {
            folder.write(*id, number.to_string().as_bytes()).expect("written");
        }
        let newest: Vec<Uuid> = folder.newest(10).expect("a list").iter().map(|head| head.id).collect();
        assert_eq!(newest, [ids[5], ids[4], ids[3]]);
        assert_eq!(folder.newest(1).expect("a list")[0].bytes, b"5");
        assert_eq!(folder.read(ids[2]).expect("no error"), None);
        assert_eq!(folder.read(ids[3]).expect("no error").as_deref(), Some(&b"3"[..]));
        assert!(folder.path.join("notes.eml").exists() && folder.path.join("list.txt").exists());
        assert!(!abandoned.exists());
    }

    #[test]
    fn only_the_programs_own_user_may_read_them() {
        let (_parent, folder) = folder(3);
        let id = ids(1)[0];
        folder.write(id, b"a link").expect("written");
        let mode = |path: &std::path::Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder.path), 0o700);
        assert_eq!(mode(&folder.place(id, WRITTEN)), 0o600);
    }

    #[test]
    fn a_letter_that_cannot_be_finished_leaves_nothing_behind() {
        let (_parent, folder) = folder(3);
        let id = ids(1)[0];
        // Where the letter should go there is a folder, so that the rename fails.
        fs::create_dir_all(folder.place(id, WRITTEN).join("in the way")).expect("made");
        folder.write(id, b"a letter").expect_err("there is a folder in its place");
        assert!(!folder.place(id, UNFINISHED).exists());
    }
}
