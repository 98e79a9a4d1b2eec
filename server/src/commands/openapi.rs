//! `entrepot openapi`.

use std::process::ExitCode;

use crate::terminal::say;

pub(crate) async fn openapi() -> anyhow::Result<ExitCode> {
    say(crate::app::openapi_document()?);
    Ok(ExitCode::SUCCESS)
}
