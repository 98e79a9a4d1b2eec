//! Letters, for admins: what they look like, and those that became files since there is no mail server.

use axum::extract::{Path, State};
use bytes::Bytes;
use entrepot_mail::{LetterSummary, MailError, ReadLetter};
use entrepot_pg::ScopedFutureExt as _;
use entrepot_web::body::{JsonBody, Reader, Text};
use entrepot_web::{CacheClass, Problem, Query, Reply};
use http::{StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::{LETTER_NOT_FOUND, Shared, TEMPLATE_NOT_FOUND, failed};
use crate::letters::{Alert, Severity, Template};

entrepot_web::choices! {
    PreviewFormat = "html" | "text";
    LetterFormat = "json" | "html" | "text";
}

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
/// Letters that are listed.
const MOST_LETTERS: usize = 200;
/// A letter shows itself, and loads nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";

/// The templates.
#[derive(Serialize, ToSchema)]
pub(super) struct TemplateList {
    data: Vec<TemplateSummary>,
}

/// A template.
#[derive(Serialize, ToSchema)]
pub(super) struct TemplateSummary {
    #[schema(example = "order_confirmation")]
    name: &'static str,
    /// Of the sample.
    #[schema(example = "Your order 1042")]
    subject: String,
    /// Where the sample is shown.
    #[schema(example = "/api/admin/mail/templates/order_confirmation")]
    preview: String,
}

/// Letters that became files.
#[derive(Serialize, ToSchema)]
pub(super) struct LetterList {
    /// The newest first.
    data: Vec<LetterSummary>,
}

/// Where a letter goes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
pub(super) struct TestMail {
    /// The address.
    #[schema(example = "you@shop.example", min_length = 3, max_length = 254)]
    to: String,
}

/// A letter that is on its way.
#[derive(Serialize, ToSchema)]
pub(super) struct Enqueued {
    /// The job that sends it: `GET /api/admin/jobs/{job}` tells how that went.
    job: i64,
}

/// The letters that the shop writes.
#[utoipa::path(
    get, path = "/api/admin/mail/templates", tag = "admin",
    responses((status = 200, description = "The templates.", body = TemplateList)),
)]
pub(super) async fn list_mail_templates(State(shared): State<Shared>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let mut data = Vec::new();
    for sample in Template::samples() {
        let name = sample.name();
        let rendered = sample.render(shared.post.shop()).map_err(|error| Problem::failure(error, false))?;
        let preview = format!("/api/admin/mail/templates/{name}");
        data.push(TemplateSummary { name, subject: rendered.subject, preview });
    }
    Reply::json(&TemplateList { data }, CacheClass::Never)
}

/// A letter with made-up data, as it is sent.
#[utoipa::path(
    get, path = "/api/admin/mail/templates/{template}", tag = "admin",
    params(
        ("template" = String, Path, description = "The template's name.", example = "order_confirmation"),
        ("format" = inline(Option<PreviewFormat>), Query, description = "`html` if left out."),
    ),
    responses((status = 200, description = "The letter.", content((String = "text/html"), (String = "text/plain")))),
)]
pub(super) async fn preview_mail_template(
    State(shared): State<Shared>,
    Path(template): Path<String>,
    mut query: Query,
) -> Result<Reply, Problem> {
    let is_html = query.one_of("format", &[("html", true), ("text", false)]).unwrap_or(true);
    query.finish()?;
    let sample = Template::samples().into_iter().find(|sample| sample.name() == template);
    let sample = sample.ok_or_else(|| Problem::new(&TEMPLATE_NOT_FOUND, "there is no template of this name"))?;
    let rendered = sample.render(shared.post.shop()).map_err(|error| Problem::failure(error, false))?;
    Ok(if is_html { page(rendered.html, HTML) } else { page(rendered.text, TEXT) })
}

/// Letters that became files, the newest first: where no mail server is set, that is where all go.
#[utoipa::path(
    get, path = "/api/admin/mail/letters", tag = "admin",
    params(("limit" = Option<u32>, Query, description = "So many at the most; 50 unless told.", minimum = 1, maximum = 200)),
    responses((status = 200, description = "The letters.", body = LetterList)),
)]
pub(super) async fn list_mail_letters(State(shared): State<Shared>, mut query: Query) -> Result<Reply, Problem> {
    let limit: Option<usize> = query.value("limit", "a number from 1 to 200");
    if limit.is_some_and(|limit| !(1..=MOST_LETTERS).contains(&limit)) {
        query.fault("limit", "out_of_range", "must be from 1 to 200");
    }
    query.finish()?;
    let data = shared.mailer.letters(limit.unwrap_or(50)).await.map_err(mail_problem)?;
    Reply::json(&LetterList { data }, CacheClass::Never)
}

/// A letter that became a file.
#[utoipa::path(
    get, path = "/api/admin/mail/letters/{letter}", tag = "admin",
    params(
        ("letter" = String, Path, description = "The letter's id."),
        ("format" = inline(Option<LetterFormat>), Query, description = "`json` if left out: its fields, its text and its HTML; `html` or `text`: that alone, as a page."),
    ),
    responses((status = 200, description = "The letter.", content((ReadLetter = "application/json"), (String = "text/html"), (String = "text/plain")))),
)]
pub(super) async fn get_mail_letter(
    State(shared): State<Shared>,
    Path(letter): Path<String>,
    mut query: Query,
) -> Result<Reply, Problem> {
    let forms = [("json", Form::Json), ("html", Form::Html), ("text", Form::Text)];
    let form = query.one_of("format", &forms).unwrap_or(Form::Json);
    query.finish()?;
    let letter: ReadLetter = shared.mailer.letter(&letter).await.map_err(mail_problem)?;
    match (form, letter.html) {
        (Form::Json, html) => Reply::json(&ReadLetter { html, ..letter }, CacheClass::Never),
        (Form::Html, Some(html)) => Ok(page(html, HTML)),
        (Form::Html | Form::Text, _) => Ok(page(letter.text, TEXT)),
    }
}

/// What a letter is shown as.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Html,
    Text,
}

/// A letter as a page of its own.
fn page(body: String, content_type: &'static str) -> Reply {
    Reply::bytes(Bytes::from(body), content_type, CacheClass::Never).header(header::CONTENT_SECURITY_POLICY, POLICY)
}

fn mail_problem(error: MailError) -> Problem {
    match error {
        MailError::NoSuchLetter => Problem::new(&LETTER_NOT_FOUND, "no letter in the folder has this id"),
        other => Problem::failure(other, true),
    }
}

/// Sends a letter that says that mail works.
#[utoipa::path(
    post, path = "/api/admin/mail/test", tag = "admin",
    request_body = TestMail,
    responses((status = 202, description = "It is in the queue; the job tells what became of it.", body = Enqueued)),
)]
pub(super) async fn send_test_mail(
    State(shared): State<Shared>,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let mut reader = Reader::new(&body, "");
    let to = reader.required("to", |member| member.parsed(Text::line(3, 254), "invalid_email", entrepot_mail::address));
    let faults = reader.finish();
    let Some(to) = to.filter(|_| faults.is_empty()) else { return Err(Problem::invalid_body(faults)) };
    let template = Template::Alert(Alert {
        severity: Severity::Info,
        title: "Mail works".into(),
        detail: "An admin had this letter sent to see whether letters arrive. Nothing needs to be done.".to_owned(),
        at: shared.clock.now(),
        link: None,
    });
    let (shared, to, template) = (&shared, &to, &template);
    let job = shared
        .database
        .transaction(|transaction| {
            async move { shared.post.send(transaction, to, template.clone()).await }.scope_boxed()
        })
        .await
        .map_err(failed)?;
    let location = format!("/api/admin/jobs/{job}");
    Ok(Reply::json(&Enqueued { job }, CacheClass::Never)?
        .status(StatusCode::ACCEPTED)
        .header(header::LOCATION, &location))
}
