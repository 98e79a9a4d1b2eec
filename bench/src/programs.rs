//! The programs that take part: ours, the bare server, `wrk` and `pgbench`. Each ends with its value.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// The release build.
pub(crate) const ENTREPOT: &str = "target/release/entrepot";

/// A program that runs until this value goes.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM, so that the private PostgreSQL is stopped cleanly.
        let _gone = Command::new("kill").arg(self.child.id().to_string()).status();
        let _reaped = self.child.wait();
    }
}

/// Runs a command of ours to its end and returns what it printed.
pub(crate) fn entrepot(data: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(ENTREPOT).arg("--data").arg(data).args(arguments).output().context(ENTREPOT)?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Starts the server on a free port; on core 0 alone, with one thread, when `pinned`.
pub(crate) fn server(data: &Path, database_url: Option<&str>, pinned: bool) -> anyhow::Result<Running> {
    let mut command = if pinned { on_core(0, ENTREPOT) } else { Command::new(ENTREPOT) };
    command.arg("--data").arg(data).args(["serve", "--port", "0"]).env("LOG_FORMAT", "json").env("LOG_LEVEL", "info");
    if let Some(url) = database_url {
        command.env("DATABASE_URL", url);
    }
    if pinned {
        command.env("ENTREPOT_SERVER_WORKER_THREADS", "1");
    }
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stderr.take().context("piped")?).lines();
    let mut said = Vec::new();
    for line in lines.by_ref() {
        let line = line?;
        if let Ok(entry) = serde_json::from_str::<serde_json::Value>(&line)
            && entry["message"] == "ready"
        {
            let address = entry["address"].as_str().context("an address")?.parse()?;
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(Running { child, address });
        }
        said.push(line);
    }
    bail!("the server ended: {}", said.join("\n"))
}

/// Starts the bare hyper server on core 0.
pub(crate) fn bare(body: &Path, port: u16) -> anyhow::Result<Running> {
    let this = std::env::current_exe()?;
    let child = on_core(0, &this).args(["bare", &port.to_string()]).arg(body).spawn()?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let start = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        ensure!(start.elapsed() < Duration::from_secs(5), "the bare server does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(Running { child, address })
}

fn on_core(core: u32, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// Requests a second that `wrk` gets over 32 connections in three seconds; on core 1 alone when
/// `pinned`. A script chooses the paths.
pub(crate) fn wrk(address: SocketAddr, path: &str, script: Option<&Path>, pinned: bool) -> anyhow::Result<f64> {
    let mut command = if pinned { on_core(1, "wrk") } else { Command::new("wrk") };
    command.args(["-t1", "-c32", "-d3s"]);
    if let Some(script) = script {
        command.arg("-s").arg(script);
    }
    let output = command.arg(format!("http://{address}{path}")).output().context("wrk; script/bench installs it")?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "wrk met errors:\n{text}");
    number_behind(&text, "Requests/sec:")
}

/// Transactions a second that `pgbench` gets over 32 connections in three seconds.
pub(crate) fn pgbench(sockets: &str, scripts: &[PathBuf]) -> anyhow::Result<f64> {
    let newest = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin/pgbench"));
    let program = newest.filter(|path| path.exists()).max().unwrap_or_else(|| "pgbench".into());
    let mut command = Command::new(program);
    command.args(["-n", "-M", "prepared", "-c", "32", "-j", "2", "-T", "3", "-h", sockets, "-U", "entrepot"]);
    for script in scripts {
        command.arg("-f").arg(script);
    }
    let output = command.arg("entrepot").output().context("pgbench")?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
    number_behind(&text, "tps = ")
}

fn number_behind(text: &str, label: &str) -> anyhow::Result<f64> {
    let rest = text.split(label).nth(1).with_context(|| format!("{label:?} is not in {text}"))?;
    Ok(rest.split_whitespace().next().context("a number")?.parse()?)
}
