//! Finding the machine's PostgreSQL server programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::ClusterError;

/// The oldest major version that the program works with.
pub(crate) const MINIMUM_MAJOR: u32 = 15;

/// The programs of one installed PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The folder that holds `initdb`, `postgres` and `psql`.
    pub folder: PathBuf,
    /// The major version, such as 15.
    pub major: u32,
}

impl Binaries {
    /// All installed servers new enough, the newest first.
    ///
    /// # Errors
    /// [`ClusterError::NoBinaries`] when there is none.
    pub fn find_all() -> Result<Vec<Self>, ClusterError> {
        let folders = candidate_folders();
        let mut found: Vec<Self> = folders.iter().filter_map(|folder| Self::in_folder(folder)).collect();
        found.retain(|binaries| binaries.major >= MINIMUM_MAJOR);
        found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
        found.dedup_by_key(|binaries| binaries.major);
        if found.is_empty() {
            let looked_in = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
            return Err(ClusterError::NoBinaries { minimum: MINIMUM_MAJOR, looked_in });
        }
        Ok(found)
    }

    fn in_folder(folder: &Path) -> Option<Self> {
        if !folder.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        let major = parse_major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { folder: folder.to_owned(), major })
    }

    /// The path of one of the programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Where distributions put the server, then every folder of the search path.
fn candidate_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for root in ["/usr/lib/postgresql", "/usr/local/lib/postgresql"] {
        for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
            folders.push(entry.path().join("bin"));
        }
    }
    for major in MINIMUM_MAJOR..MINIMUM_MAJOR + 10 {
        folders.push(PathBuf::from(format!("/usr/pgsql-{major}/bin")));
        folders.push(PathBuf::from(format!("/opt/homebrew/opt/postgresql@{major}/bin")));
    }
    #[expect(clippy::disallowed_methods, reason = "the search path says where programs are; it is no setting of ours")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    folders.retain(|folder| folder.is_dir());
    folders.dedup();
    folders
}

/// Reads `15` out of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split("(PostgreSQL) ").nth(1)?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_major;

    #[test]
    fn majors_are_read_from_what_distributions_print() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_major("something else 15"), None);
    }
}
