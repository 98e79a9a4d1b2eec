//! Getting an account, signing in, getting new tokens, signing out, proving an address, forgotten
//! passwords.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use entrepot_guard::Verdict;
use entrepot_web::body::JsonBody;
use entrepot_web::{COOKIES, CacheClass, Permit, Problem, Query, Reply, Via, is_elsewhere, kinds};
use http::{StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::problems::{INVALID_MAIL_TOKEN, INVALID_REFRESH_TOKEN, TOO_MANY_ATTEMPTS, UNVERIFIED, WRONG_CREDENTIALS};
use super::{database_problem, password_problem};
use crate::Accounts;
use crate::attempts::Wait;
use crate::model::{PasswordChange, Person, Registration, SignIn, read_one};
use crate::ops::{self, RefreshError, RegisterError, ResetError, SignInError, SignedInWith, Tokens};
use crate::secret::page_token;

/// That something was taken in hand, and nothing more.
#[derive(Serialize, ToSchema)]
pub(super) struct Accepted {
    /// What happens next.
    #[schema(example = "If the address can be registered, a message is on its way to it.")]
    pub(super) detail: &'static str,
}

/// What a sign-in gives: tokens for programs and apps, for browsers a cookie and the token of the page.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(discriminator(property_name = "kind", mapping(("token" = "#/components/schemas/TokensOut"), ("cookie" = "#/components/schemas/CookieOut"))))]
pub(super) enum SignedInOut {
    Tokens(TokensOut),
    Cookie(CookieOut),
}

entrepot_web::choices! {
    OfTokens = "token";
    OfCookie = "cookie";
}

/// The tokens of a session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokensOut {
    /// How the session signs in.
    #[schema(value_type = OfTokens, inline)]
    kind: &'static str,
    /// Goes into `Authorization: Bearer …`.
    #[schema(example = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIwMTlhMmIzYyJ9.Xk2n")]
    access_token: String,
    /// Good once, for new tokens.
    #[schema(example = "er_6Jm0")]
    refresh_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 900)]
    expires_in: i64,
    user: Person,
}

/// A session by cookie, which the answer sets.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CookieOut {
    /// How the session signs in.
    #[schema(value_type = OfCookie, inline)]
    kind: &'static str,
    /// Goes into `X-Csrf-Token` of every change.
    #[schema(example = "8Qx0v3mJr1c")]
    csrf_token: String,
    user: Person,
}

/// What a refresh token is sent in.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
pub(super) struct RefreshIn {
    #[schema(example = "er_6Jm0…")]
    refresh_token: String,
}

/// What a mailed token is sent in.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
pub(super) struct TokenIn {
    #[schema(example = "et_6Jm0…")]
    token: String,
}

/// Whose password was forgotten.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
pub(super) struct EmailIn {
    #[schema(example = "mira@shop.example")]
    email: String,
}

/// A new password, and the mailed token that gives the right to set it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
pub(super) struct ResetIn {
    #[schema(example = "et_6Jm0…")]
    token: String,
    #[schema(example = "four sunny days in Bergen", max_length = 256)]
    password: String,
}

fn accepted(detail: &'static str) -> Result<Reply, Problem> {
    Ok(Reply::json(&Accepted { detail }, CacheClass::Never)?.status(StatusCode::ACCEPTED))
}

/// Opens an account for a customer. The answer is the same whether the address has one already.
#[utoipa::path(
    post, path = "/api/v2/auth/register", tag = "accounts",
    request_body(content = Registration),
    responses((status = 202, description = "It is taken in hand; the rest comes by mail.", body = Accepted)),
)]
pub(super) async fn register_customer(
    State(accounts): State<Arc<Accounts>>,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let input = Registration::read(&body).map_err(Problem::invalid_body)?;
    if let Some(fault) = ops::password_fault(&accounts, &input.password, &[&input.email, &input.name]) {
        return Err(Problem::invalid_body(vec![fault]));
    }
    ops::register(&accounts, &input).await.map_err(|error| match error {
        RegisterError::Password(error) => password_problem(error),
        RegisterError::Database(error) => database_problem(error),
    })?;
    accepted(
        "If the address can be registered, a message is on its way to it, and the password is good for signing in.",
    )
}

/// Signs in: tokens for programs and apps, or with `"cookie": true` a cookie for a browser.
#[utoipa::path(
    post, path = "/api/v2/auth/login", tag = "accounts",
    request_body(content = SignIn),
    responses((
        status = 200, description = "You are signed in.", body = SignedInOut,
        headers(("Set-Cookie" = String, description = "With `\"cookie\": true` the cookie of the session: no script sees it, and no page elsewhere sends it.")),
    )),
)]
pub(super) async fn sign_in(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    headers: HeaderMap,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let input = SignIn::read(&body).map_err(Problem::invalid_body)?;
    if input.cookie && is_elsewhere(&headers, permit.is_over_tls()) {
        let detail = "a page of another origin cannot use a cookie: sign in without \"cookie\", for tokens";
        return Err(Problem::new(&kinds::FOREIGN_PAGE, detail));
    }
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let signed_in = ops::sign_in(&accounts, &input, permit.address(), agent).await.map_err(|error| match error {
        SignInError::Wrong => Problem::new(&WRONG_CREDENTIALS, "the e-mail address or the password is wrong"),
        SignInError::Unverified => Problem::new(&UNVERIFIED, "the address has to be verified before you can sign in; choosing a new password by a mailed link does that, too"),
        SignInError::TooMany(Wait(verdict)) => too_many(&verdict),
        SignInError::Password(error) => password_problem(error),
        SignInError::Database(error) => database_problem(error),
    })?;
    let user = signed_in.person;
    let cookie = match signed_in.with {
        SignedInWith::Tokens(tokens) => return tokens_reply(&accounts, user, tokens),
        SignedInWith::Cookie(cookie) => cookie,
    };
    let out = SignedInOut::Cookie(CookieOut { kind: "cookie", csrf_token: page_token(cookie.reveal()), user });
    let reply = Reply::json(&out, CacheClass::Never)?;
    Ok(reply.header(header::SET_COOKIE, &set_cookie(cookie.reveal(), &permit)))
}

fn too_many(verdict: &Verdict) -> Problem {
    let seconds = verdict.retry_after.as_secs() + 1;
    Problem::new(&TOO_MANY_ATTEMPTS, format!("too many attempts to sign in; wait {seconds} s"))
        .retry_after(u32::try_from(seconds).unwrap_or(u32::MAX))
}

fn tokens_reply(accounts: &Accounts, user: Person, tokens: Tokens) -> Result<Reply, Problem> {
    let out = SignedInOut::Tokens(TokensOut {
        kind: "token",
        access_token: tokens.access,
        refresh_token: tokens.refresh.reveal().to_owned(),
        token_type: "Bearer",
        expires_in: accounts.signer.lifetime_s(),
        user,
    });
    Reply::json(&out, CacheClass::Never)
}

/// The cookie of a session: seen by no script, sent to us alone and by our own pages alone. Over TLS it
/// has the prefix that browsers hold to that (RFC 6265bis); without TLS there is only one's own machine.
fn set_cookie(value: &str, permit: &Permit) -> String {
    let [secure, local] = COOKIES;
    // It ends with the browser, or when the server says so.
    if permit.is_over_tls() {
        format!("{secure}={value}; Path=/; HttpOnly; Secure; SameSite=Strict")
    } else {
        format!("{local}={value}; Path=/; HttpOnly; SameSite=Strict")
    }
}

/// New tokens for a refresh token, which is used up by that. One that comes twice ends its session.
#[utoipa::path(
    post, path = "/api/v2/auth/refresh", tag = "accounts",
    request_body(content = RefreshIn),
    responses((status = 200, description = "New tokens; the old refresh token is good no more.", body = TokensOut)),
)]
pub(super) async fn refresh_tokens(
    State(accounts): State<Arc<Accounts>>,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let token = read_one(&body, "refreshToken").map_err(Problem::invalid_body)?;
    let (user, tokens) = ops::refresh(&accounts, &token).await.map_err(|error| match error {
        // To whoever replays one, both are the same.
        RefreshError::Invalid | RefreshError::Reused => {
            Problem::new(&INVALID_REFRESH_TOKEN, "the refresh token is not valid; sign in again")
        }
        RefreshError::Database(error) => database_problem(error),
    })?;
    tokens_reply(&accounts, user, tokens)
}

/// Signs out: ends the session that asks.
#[utoipa::path(
    post, path = "/api/v2/auth/logout", tag = "accounts",
    responses((
        status = 204, description = "The session has ended, on every instance.",
        headers(("Set-Cookie" = String, description = "Where a cookie signed in: it is taken back.")),
    )),
)]
pub(super) async fn sign_out(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let caller = permit.signed_in()?;
    let session = permit.session()?;
    ops::end_session(&accounts, caller.id, session).await.map_err(database_problem)?;
    let reply = Reply::no_content();
    if !matches!(caller.via, Via::Cookie(_)) {
        return Ok(reply);
    }
    let name = COOKIES[usize::from(!permit.is_over_tls())];
    let secure = if permit.is_over_tls() { "; Secure" } else { "" };
    Ok(reply.header(header::SET_COOKIE, &format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{secure}")))
}

/// Proves an e-mail address, by the token that was mailed to it.
#[utoipa::path(
    post, path = "/api/v2/auth/verify", tag = "accounts",
    request_body(content = TokenIn),
    responses((status = 204, description = "The address is proven.")),
)]
pub(super) async fn verify_email(
    State(accounts): State<Arc<Accounts>>,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let token = read_one(&body, "token").map_err(Problem::invalid_body)?;
    if ops::verify_email(&accounts, &token).await.map_err(database_problem)? {
        Ok(Reply::no_content())
    } else {
        Err(invalid_token())
    }
}

fn invalid_token() -> Problem {
    Problem::new(&INVALID_MAIL_TOKEN, "the token is unknown, too old, or was used before")
}

/// Has the message by which an address is proven sent again.
#[utoipa::path(
    post, path = "/api/v2/auth/verification", tag = "accounts",
    responses((status = 202, description = "If the address is not proven yet, a message is on its way.", body = Accepted)),
)]
pub(super) async fn ask_for_verification(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let id = permit.signed_in()?.id;
    ops::ask_for_verification(&accounts, id).await.map_err(database_problem)?;
    accepted("If the address is not proven yet, a message is on its way to it.")
}

/// Has a message sent by which a new password can be set. The answer does not tell whether the address
/// has an account.
#[utoipa::path(
    post, path = "/api/v2/auth/forgot", tag = "accounts",
    request_body(content = EmailIn),
    responses((status = 202, description = "If the address has an account, a message is on its way.", body = Accepted)),
)]
pub(super) async fn ask_for_password_reset(
    State(accounts): State<Arc<Accounts>>,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let email = read_one(&body, "email").map_err(Problem::invalid_body)?;
    // Whether anything can be written is told to everybody alike.
    if accounts.database.ping().await.map_err(database_problem)?.is_read_only {
        return Err(Problem::failure(entrepot_pg::Error::ReadOnly, true));
    }
    // Not waited for: the time that it takes would tell whether there is an account.
    let accounts = accounts.clone();
    let _goes_on = entrepot_runtime::continue_in_background(async move {
        if let Err(error) = ops::ask_for_reset(&accounts, &email).await {
            tracing::error!(%error, "a message for a forgotten password was not sent");
        }
    });
    accepted("If the address has an account, a message is on its way to it.")
}

/// Sets a new password by a token that was mailed. All sessions end.
#[utoipa::path(
    post, path = "/api/v2/auth/reset", tag = "accounts",
    request_body(content = ResetIn),
    responses((status = 204, description = "The password is set. Sign in with it.")),
)]
pub(super) async fn reset_password(
    State(accounts): State<Arc<Accounts>>,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let input = PasswordChange::read(&body, "token").map_err(Problem::invalid_body)?;
    if let Some(fault) = ops::password_fault(&accounts, &input.password, &[]) {
        return Err(Problem::invalid_body(vec![fault]));
    }
    ops::reset_password(&accounts, &input.proof, &input.password).await.map_err(reset_problem)?;
    Ok(Reply::no_content())
}

pub(super) fn reset_problem(error: ResetError) -> Problem {
    match error {
        ResetError::InvalidToken => invalid_token(),
        ResetError::WrongPassword => Problem::new(&super::problems::WRONG_PASSWORD, "the current password is wrong"),
        ResetError::Weak(fault) => Problem::invalid_body(vec![fault]),
        ResetError::Password(error) => password_problem(error),
        ResetError::Database(error) => database_problem(error),
    }
}
