//! TLS in the process: the certificate and its key, and their renewal while connections are served.
//!
//! TLS 1.2 and 1.3 with the ciphers that rustls thinks safe; HTTP/1.1 alone is offered (ALPN).
//!
//! **Invariants:**
//! - An error names the file and what is wrong with it. Nothing of a key is ever in one.
//! - Files that have changed are read again; new connections have the new certificate. Files that are
//!   broken, or changed by half, change nothing: the last good ones stay in force.
//! - The files are compared by what is in them: how they are replaced (renamed, linked, copied with an
//!   old time) does not matter.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};
use xxhash_rust::xxh3::Xxh3;

/// No chain of certificates is this long.
const LARGEST_FILE: u64 = 1024 * 1024;

/// A certificate and its key, in force. Cheap to clone; all clones have the same.
#[derive(Clone, Debug)]
pub struct Tls {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    files: Files,
    check_every: Duration,
    in_force: Mutex<InForce>,
    /// Held by whoever looks at the files: one at a time, however long a file system hangs.
    looking: Arc<Semaphore>,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Debug)]
struct InForce {
    config: Arc<ServerConfig>,
    checked: Instant,
    /// What the files held when they were last tried, good or bad.
    tried: u128,
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is larger than such files are.
    #[error("{} is larger than 1 MiB: that is no file of certificates or keys", .0.display())]
    TooLarge(PathBuf),
    /// A file is not in PEM form.
    #[error("{} is not a PEM file", file.display())]
    NotPem {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// There is no certificate in the file.
    #[error("{} has no certificate in it: no line says BEGIN CERTIFICATE", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key in the file.
    #[error("{} has no private key in it: no line says BEGIN PRIVATE KEY (an encrypted one will not do)", .0.display())]
    NoKey(PathBuf),
    /// The certificate cannot be used.
    #[error("the certificate in {} cannot be used", file.display())]
    BadCertificate {
        /// The file.
        file: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The key cannot be used.
    #[error("the private key in {} cannot be used", file.display())]
    BadKey {
        /// The file.
        file: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// Each is fine, and they do not belong together.
    #[error("the private key in {} is not that of the certificate in {}", key.display(), certificate.display())]
    NotAPair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

impl Tls {
    /// Reads a chain of certificates, the server's own first, and its key. When a connection comes
    /// `check_every` after the last look at the files, they are looked at again.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn load(certificate: &Path, key: &Path, check_every: Duration) -> Result<Self, TlsError> {
        let files = Files { certificate: certificate.to_owned(), key: key.to_owned() };
        let texts = files.read()?;
        let config = files.config(&texts)?;
        let in_force = Mutex::new(InForce { config, checked: Instant::now(), tried: texts.digest() });
        Ok(Self { shared: Arc::new(Shared { files, check_every, in_force, looking: Arc::new(Semaphore::new(1)) }) })
    }

    /// What a new connection is to be served with.
    pub(crate) async fn config(&self) -> Arc<ServerConfig> {
        let shared = &self.shared;
        let present = {
            let in_force = shared.in_force();
            if in_force.checked.elapsed() < shared.check_every {
                return in_force.config.clone();
            }
            in_force.config.clone()
        };
        let Ok(looking) = shared.looking.clone().try_acquire_owned() else { return present };
        // Only the connection that looks waits for the files.
        let renewed = tokio::task::spawn_blocking({
            let shared = shared.clone();
            move || {
                let renewed = shared.renew();
                shared.in_force().checked = Instant::now();
                drop(looking);
                renewed
            }
        });
        renewed.await.ok().flatten().unwrap_or(present)
    }
}

impl Shared {
    /// Nothing under this lock can panic halfway, so a poisoned one is as good.
    fn in_force(&self) -> MutexGuard<'_, InForce> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in force from now on, if the files say something new and sound.
    fn renew(&self) -> Option<Arc<ServerConfig>> {
        let files = &self.files;
        let refused = |error: &TlsError| {
            let error = crate::problem::chain(error);
            tracing::error!(error, "the certificate is not renewed: the one in force stays");
        };
        let texts = files.read().inspect_err(refused).ok()?;
        let digest = texts.digest();
        // What was refused before is refused in silence: once is enough for the log.
        if std::mem::replace(&mut self.in_force().tried, digest) == digest {
            return None;
        }
        let config = files.config(&texts).inspect_err(refused).ok()?;
        self.in_force().config = config.clone();
        tracing::info!(file = %files.certificate.display(), "the certificate is renewed");
        Some(config)
    }
}

/// What the files hold. Not shown to anybody: one of them is a key.
struct Texts {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Texts {
    fn digest(&self) -> u128 {
        let mut digest = Xxh3::new();
        digest.update(&self.certificate.len().to_le_bytes());
        digest.update(&self.certificate);
        digest.update(&self.key);
        digest.digest128()
    }
}

impl Files {
    fn read(&self) -> Result<Texts, TlsError> {
        Ok(Texts { certificate: read(&self.certificate)?, key: read(&self.key)? })
    }

    fn config(&self, texts: &Texts) -> Result<Arc<ServerConfig>, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&texts.certificate)
            .collect::<Result<_, _>>()
            .map_err(|source| TlsError::NotPem { file: self.certificate.clone(), source })?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(self.certificate.clone()));
        }
        let key = PrivateKeyDer::from_pem_slice(&texts.key).map_err(|source| match source {
            pem::Error::NoItemsFound => TlsError::NoKey(self.key.clone()),
            source => TlsError::NotPem { file: self.key.clone(), source },
        })?;
        // Named, and not the process's default: no other part of the program can change it.
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|source| TlsError::BadCertificate { file: self.certificate.clone(), source })?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|source| match source {
                rustls::Error::InconsistentKeys(_) => {
                    TlsError::NotAPair { certificate: self.certificate.clone(), key: self.key.clone() }
                }
                rustls::Error::InvalidCertificate(_) => {
                    TlsError::BadCertificate { file: self.certificate.clone(), source }
                }
                source => TlsError::BadKey { file: self.key.clone(), source },
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { file: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE { Err(TlsError::TooLarge(path.to_owned())) } else { Ok(bytes) }
}
