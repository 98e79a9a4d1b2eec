//! The programs that take part: ours, the bare server, `wrk`, `pgbench`, `psql` and Redis. Each ends
//! with its value.
//!
//! **Invariant:** ours take no setting from the environment of whoever runs this: what is measured
//! are the defaults, but for limits (all load comes from one address), and what a scenario changes by
//! name.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// Who the admin of every server is.
pub(crate) const ADMIN: &str = "admin@localhost";
/// With which password.
pub(crate) const PASSWORD: &str = "four rainy days in Bergen";
/// What ours get of the environment.
const PASSED_ON: [&str; 7] = ["PATH", "HOME", "USER", "TMPDIR", "LANG", "LC_ALL", "RUST_BACKTRACE"];

/// Our program, of the same build as this one: it lies beside it.
pub(crate) fn our_program() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("entrepot"))
}

/// A program that runs until this value goes.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The processor time that it has taken so far, all threads together; exact to 10 ms or so.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        Ok(Times::of(self.pid())?.taken)
    }

    /// The same of it and of all that it has started and that runs still, its database among them.
    pub(crate) fn processor_time_of_all(&self) -> anyhow::Result<Duration> {
        let mut all: Vec<(u32, Times)> = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // One that has just gone is none of those that are measured.
            all.extend(Times::of(pid).ok().map(|times| (pid, times)));
        }
        let (mut family, mut taken) = (vec![self.pid()], Duration::ZERO);
        while let Some(pid) = family.pop() {
            taken += all.iter().filter(|(own, _)| *own == pid).map(|(_, times)| times.taken).sum::<Duration>();
            family.extend(all.iter().filter(|(_, times)| times.parent == pid).map(|(child, _)| *child));
        }
        Ok(taken)
    }
}

/// What the system knows of a process.
struct Times {
    parent: u32,
    taken: Duration,
}

impl Times {
    fn of(pid: u32) -> anyhow::Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in parentheses may have spaces; what follows it begins with the third field.
        let (_, rest) = stat.rsplit_once(')').context("stat names the program in parentheses")?;
        let field = |number: usize| -> anyhow::Result<u64> {
            Ok(rest.split_whitespace().nth(number - 3).context("stat has 52 fields")?.parse()?)
        };
        let ticks = field(14)? + field(15)?;
        let taken = Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64);
        Ok(Self { parent: u32::try_from(field(4)?)?, taken })
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
    let program = our_program()?;
    let mut command = Command::new(&program);
    take_no_settings(&mut command);
    let output = command.arg("--data").arg(data).args(arguments).output();
    let output = output.with_context(|| program.display().to_string())?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Starts the server on a free port, with these settings in its environment; on core 0 alone, with
/// one thread, when `pinned`.
pub(crate) fn server(data: &Path, settings: &[(&str, &str)], pinned: bool) -> anyhow::Result<Running> {
    let program = our_program()?;
    if pinned {
        server_by(on_core(0, program), data, &with_one_thread(settings))
    } else {
        server_by(Command::new(program), data, settings)
    }
}

/// These settings, and one thread.
pub(crate) fn with_one_thread<'a>(settings: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    settings.iter().copied().chain([("ENTREPOT_SERVER_WORKER_THREADS", "1")]).collect()
}

/// Starts the server by a command that ends with the program.
pub(crate) fn server_by(mut command: Command, data: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Running> {
    take_no_settings(&mut command);
    command.arg("--data").arg(data).args(["serve", "--port", "0"]).env("LOG_FORMAT", "json").env("LOG_LEVEL", "info");
    command.env("ENTREPOT_ADMIN_EMAIL", ADMIN).env("ENTREPOT_ADMIN_PASSWORD", PASSWORD);
    // All of the load comes from one address; the rows about limits switch them on.
    command.env("ENTREPOT_RATE_LIMITS_ENABLED", "false").env("ENTREPOT_GUARD_SUSPICION", "false");
    let mut child = command.envs(settings.iter().copied()).stderr(Stdio::piped()).spawn()?;
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

/// Starts the bare hyper server on core 0; with these header fields, or content-type alone.
pub(crate) fn bare(body: &Path, fields: Option<&Path>) -> anyhow::Result<Running> {
    bare_by(on_core(0, std::env::current_exe()?), body, fields)
}

/// Starts the bare hyper server by a command that ends with this program.
pub(crate) fn bare_by(mut command: Command, body: &Path, fields: Option<&Path>) -> anyhow::Result<Running> {
    command.arg("bare").arg(body);
    if let Some(fields) = fields {
        command.arg("--fields").arg(fields);
    }
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let told = BufReader::new(child.stdout.take().context("piped")?).lines().next();
    let address = told.context("the bare server ended")??.parse()?;
    Ok(Running { child, address })
}

/// Starts a Redis that keeps nothing on disk.
pub(crate) fn redis(folder: &Path) -> anyhow::Result<Running> {
    let address = free_address()?;
    let child = Command::new("redis-server")
        .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("redis-server; script/bootstrap installs it")?;
    let mut running = Running { child, address };
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        ensure!(running.child.try_wait()?.is_none(), "redis-server ended at once");
        ensure!(start.elapsed() < Duration::from_secs(5), "redis-server does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(running)
}

/// Starts the server with `ws`, on core 0.
pub(crate) fn ws_server() -> anyhow::Result<Running> {
    let mut command = on_core(0, "node");
    command.arg("bench/peers/ws-server.mjs").stdout(Stdio::piped());
    let mut child = command.spawn().context("node; script/bench installs it")?;
    let told = BufReader::new(child.stdout.take().context("piped")?).lines().next();
    let port: u16 = told.context("the ws server ended")??.parse()?;
    Ok(Running { child, address: SocketAddr::from(([127, 0, 0, 1], port)) })
}

/// Has a queue of Node put so many jobs in and do them; how many a second of each.
pub(crate) fn queue_peer(kind: &str, count: usize, environment: &[(&str, &str)]) -> anyhow::Result<(f64, f64)> {
    let mut command = Command::new("node");
    command.args(["bench/peers/queue.mjs", kind, &count.to_string()]).envs(environment.iter().copied());
    let output = command.output().context("node; script/bench installs it")?;
    ensure!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let figure = |name: &str| told[name].as_f64().with_context(|| format!("{kind} tells no {name}"));
    Ok((figure("added")?, figure("ended")?))
}

/// Bytes that a process has resident.
pub(crate) fn resident(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
}

/// Has `psql` copy a statement's rows as CSV to nowhere.
pub(crate) fn psql_copy(sockets: &str, sql: &str) -> anyhow::Result<()> {
    let output = Command::new(of_postgres("psql"))
        .args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-h", sockets, "-U", "entrepot", "entrepot", "-c"])
        .arg(format!("COPY ({sql}) TO STDOUT (FORMAT csv)"))
        .stdout(Stdio::null())
        .output()
        .context("psql")?;
    ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// An address on which nothing listens.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn on_core(core: u32, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

fn take_no_settings(command: &mut Command) {
    let passed_on = std::env::vars_os().filter(|(name, _)| PASSED_ON.iter().any(|passed| name == passed));
    command.env_clear().envs(passed_on);
}

/// What `wrk` counted.
pub(crate) struct Load {
    pub(crate) per_second: f64,
    pub(crate) requests: u64,
    /// Of one answer, its head included.
    pub(crate) bytes: f64,
}

/// What `wrk` asks.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ask<'a> {
    pub(crate) path: &'a str,
    /// Chooses the paths.
    pub(crate) script: Option<&'a Path>,
    /// `Accept-Encoding`; the field is left out without it.
    pub(crate) accept_encoding: Option<&'a str>,
    /// The access token of whoever asks.
    pub(crate) token: Option<&'a str>,
    /// On core 1 alone.
    pub(crate) pinned: bool,
}

/// What `wrk` gets over 32 connections in three seconds.
pub(crate) fn wrk(address: SocketAddr, ask: Ask<'_>) -> anyhow::Result<Load> {
    let mut command = if ask.pinned { on_core(1, "wrk") } else { Command::new("wrk") };
    command.args(["-t1", "-c32", "-d3s"]);
    if let Some(coding) = ask.accept_encoding {
        command.args(["-H", &format!("Accept-Encoding: {coding}")]);
    }
    if let Some(token) = ask.token {
        command.args(["-H", &format!("Authorization: Bearer {token}")]);
    }
    if let Some(script) = ask.script {
        command.arg("-s").arg(script);
    }
    let url = format!("http://{address}{}", ask.path);
    let output = command.arg(url).output().context("wrk; script/bench installs it")?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "wrk failed: {text}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "wrk met errors:\n{text}");
    // "  123456 requests in 3.00s, 20.52MB read"
    let counted = text.lines().find(|line| line.contains(" requests in ")).context("wrk counts requests")?;
    let requests: u64 = counted.split_whitespace().next().context("a number")?.parse()?;
    ensure!(requests > 0, "wrk got no answer:\n{text}");
    let read =
        counted.rsplit_once(", ").and_then(|(_, read)| read.strip_suffix(" read")).context("wrk counts bytes")?;
    Ok(Load {
        per_second: number_behind(&text, "Requests/sec:")?,
        requests,
        bytes: bytes_as_wrk_writes(read)? / requests as f64,
    })
}

/// `20.52MB`, by 1,024.
fn bytes_as_wrk_writes(text: &str) -> anyhow::Result<f64> {
    let text = text.strip_suffix('B').with_context(|| format!("{text:?} is no amount of bytes"))?;
    let (number, power) = match text.char_indices().next_back() {
        Some((at, 'K')) => (&text[..at], 1),
        Some((at, 'M')) => (&text[..at], 2),
        Some((at, 'G')) => (&text[..at], 3),
        _ => (text, 0),
    };
    Ok(number.parse::<f64>()? * 1024_f64.powi(power))
}

/// Transactions a second that `pgbench` gets over 32 connections in three seconds.
pub(crate) fn pgbench(sockets: &str, scripts: &[PathBuf]) -> anyhow::Result<f64> {
    let mut command = Command::new(of_postgres("pgbench"));
    command.args(["-n", "-M", "prepared", "-c", "32", "-j", "2", "-T", "3", "-h", sockets, "-U", "entrepot"]);
    for script in scripts {
        command.arg("-f").arg(script);
    }
    let output = command.arg("entrepot").output().context("pgbench")?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
    number_behind(&text, "tps = ")
}

/// A `psql` that stays open, so that a transaction can be held.
pub(crate) struct Psql {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Psql {
    pub(crate) fn open(sockets: &str) -> anyhow::Result<Self> {
        let mut child = Command::new(of_postgres("psql"))
            .args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-h", sockets, "-U", "entrepot", "entrepot"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("psql")?;
        let input = child.stdin.take().context("piped")?;
        let output = BufReader::new(child.stdout.take().context("piped")?).lines();
        Ok(Self { child, input, output })
    }

    /// Runs statements and waits until they are done.
    pub(crate) fn run(&mut self, sql: &str) -> anyhow::Result<()> {
        // psql runs what a semicolon ends, and nothing else.
        writeln!(self.input, "{sql};\n\\echo done")?;
        for line in self.output.by_ref() {
            if line? == "done" {
                return Ok(());
            }
        }
        bail!("psql ended at {sql}")
    }
}

impl Drop for Psql {
    fn drop(&mut self) {
        // What it had not committed is rolled back.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A program of the newest PostgreSQL that is installed.
fn of_postgres(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let programs = versions.map(|entry| entry.path().join("bin").join(name));
    programs.filter(|path| path.exists()).max().unwrap_or_else(|| name.into())
}

fn number_behind(text: &str, label: &str) -> anyhow::Result<f64> {
    let rest = text.split(label).nth(1).with_context(|| format!("{label:?} is not in {text}"))?;
    Ok(rest.split_whitespace().next().context("a number")?.parse()?)
}
