//! Request targets: how long one may be.
//!
//! **Invariant:** what is longer than [`LONGEST_TARGET`] is refused before anything looks into it. (hyper
//! takes what fits into a head, which is more.)

use http::Uri;

use crate::{Problem, kinds};

/// The longest target of a request, in bytes.
const LONGEST_TARGET: usize = 8 * 1024;

/// The problem with a target that is too long.
pub(crate) fn refuse_target(target: &Uri) -> Option<Problem> {
    let authority = target.authority().map_or(0, |authority| authority.as_str().len());
    let path = target.path_and_query().map_or(0, |path| path.as_str().len());
    (authority + path > LONGEST_TARGET)
        .then(|| Problem::new(&kinds::URI_TOO_LONG, format!("path and query may have {LONGEST_TARGET} bytes together")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_last_that_is_taken() {
        let refused = |target: String| refuse_target(&target.parse().expect("a target")).is_some();
        assert!(!refused(format!("/{}", "x".repeat(LONGEST_TARGET - 1))));
        assert!(refused(format!("/{}", "x".repeat(LONGEST_TARGET))));
        assert!(refused(format!("/?q={}", "x".repeat(LONGEST_TARGET))));
        assert!(refused(format!("http://{}/", "x".repeat(LONGEST_TARGET))));
        assert!(!refused("*".to_owned()));
    }
}
