//! Files that come in a form (`multipart/form-data`, RFC 7578), as browsers and `FormData` send them.
//!
//! **Invariants:**
//! - The file is the part `file`, and there is one; every other part is a short text that the operation knows.
//! - A form is never larger than the body that it came in, and has at most ten parts.

use axum::body::Body;
use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use http::{HeaderMap, header};
use multer::Multipart;

use crate::{Fault, Problem};

const FILE: &str = "file";
/// Parts of a form at the most, and bytes of one that is no file.
const MOST_PARTS: usize = 10;
const LONGEST_TEXT: usize = 4 * 1024;

/// The boundary between the parts, where the body is a form.
#[must_use]
pub fn boundary(fields: &HeaderMap) -> Option<String> {
    multer::parse_boundary(fields.get(header::CONTENT_TYPE)?.to_str().ok()?).ok()
}

/// A form that was read whole.
#[derive(Debug, Default)]
pub struct Form {
    /// The file's media type, as the client says.
    pub media: String,
    /// The file.
    pub bytes: Bytes,
    /// The other parts, by name.
    pub texts: Vec<(String, String)>,
}

/// Reads a form whole. `known`: the names of its texts.
///
/// # Errors
/// 422 for what is no form, has no file, or has a part that nobody asked for.
pub async fn form(body: Bytes, boundary: &str, known: &[&str]) -> Result<Form, Problem> {
    let whole = stream::iter([Ok::<_, std::io::Error>(body)]);
    let mut parts = Multipart::new(whole, boundary);
    let (mut form, mut has_file, mut count, mut faults) = (Form::default(), false, 0, Vec::new());
    while let Some(part) = parts.next_field().await.map_err(|error| malformed(&error))? {
        count += 1;
        if count > MOST_PARTS {
            return Err(fault("too_many", &format!("has more than {MOST_PARTS} parts")));
        }
        let name = part.name().unwrap_or_default().to_owned();
        let media = part.content_type().map(ToString::to_string).unwrap_or_default();
        let bytes = part.bytes().await.map_err(|error| malformed(&error))?;
        if name == FILE {
            if has_file {
                return Err(fault("repeated", "has more than one part \"file\""));
            }
            (form.media, form.bytes, has_file) = (media, bytes, true);
        } else if !known.contains(&name.as_str()) {
            let shown: String = name.chars().take(60).collect();
            let detail = format!("has a part {shown:?}, which is not known; there are file, {}", known.join(", "));
            faults.push(Fault::at("", "unknown_member", detail));
        } else {
            match String::from_utf8(bytes.to_vec()) {
                Ok(text) if text.len() <= LONGEST_TEXT => form.texts.push((name, text)),
                _ => faults.push(Fault::at("", "wrong_type", format!("has a part {name} that is no short text"))),
            }
        }
    }
    if !has_file {
        faults.push(Fault::at("", "required", "has no part \"file\""));
    }
    if faults.is_empty() { Ok(form) } else { Err(Problem::invalid_body(faults)) }
}

/// The file of a form, piece by piece, and its media type: for files of any length. It must be the first part; what
/// comes behind it is not read.
///
/// # Errors
/// 422 for what is no form, or does not begin with a file.
pub async fn first_file(body: Body, boundary: &str) -> Result<(String, Body), Problem> {
    let mut parts = Multipart::new(body.into_data_stream(), boundary);
    let part = parts.next_field().await.map_err(|error| malformed(&error))?;
    let Some(part) = part.filter(|part| part.name() == Some(FILE)) else {
        return Err(fault("required", "must begin with the part \"file\""));
    };
    let media = part.content_type().map(ToString::to_string).unwrap_or_default();
    // The form is kept as long as its part is read.
    let pieces = stream::try_unfold((parts, part), |(parts, mut part)| async move {
        Ok::<_, multer::Error>(part.chunk().await?.map(|piece| (piece, (parts, part))))
    });
    Ok((media, Body::from_stream(pieces.into_stream())))
}

fn fault(code: &'static str, detail: &str) -> Problem {
    Problem::invalid_body(vec![Fault::at("", code, detail)])
}

fn malformed(error: &multer::Error) -> Problem {
    fault("malformed_form", &format!("is no form: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    const BODY: &str = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\nabc\r\n\
                        --x\r\nContent-Disposition: form-data; name=\"alt\"\r\n\r\nA jar\r\n--x--\r\n";

    #[tokio::test]
    async fn a_form_has_one_file_and_the_texts_that_are_known() {
        let read = form(BODY.into(), "x", &["alt"]).await.expect("a form");
        assert_eq!((read.media.as_str(), &read.bytes[..]), ("image/png", &b"abc"[..]));
        assert_eq!(read.texts, [("alt".to_owned(), "A jar".to_owned())]);
        for (body, code) in [
            (BODY.to_owned(), "unknown_member"),
            (BODY.replace("name=\"file\"", "name=\"alt\""), "required"),
            (BODY.replace("name=\"alt\"", "name=\"file\""), "repeated"),
            (BODY[..60].to_owned(), "malformed_form"),
            ("nothing".to_owned(), "malformed_form"),
        ] {
            let known: &[&str] = if code == "unknown_member" { &[] } else { &["alt"] };
            let problem = form(body.clone().into(), "x", known).await.expect_err(code);
            assert_eq!(problem.faults()[0].code, code, "{body}");
        }
    }

    #[tokio::test]
    async fn a_file_of_a_form_comes_piece_by_piece() {
        let (media, body) = first_file(Body::from(BODY), "x").await.expect("a form");
        assert_eq!((media.as_str(), &body.collect().await.expect("whole").to_bytes()[..]), ("image/png", &b"abc"[..]));
        let (_, cut) = first_file(Body::from(&BODY[..BODY.find("abc").expect("it is there") + 2]), "x")
            .await
            .expect("it begins like one");
        assert!(cut.collect().await.is_err(), "a form that breaks off is not a file that ends");
        assert!(first_file(Body::from(BODY.replace("file", "alt")), "x").await.is_err());
    }
}
