//! Suspicion: what in a request's target and header fields looks like an attack, in points.
//!
//! Nothing is refused here. The caller adds the points up per address and decides. Bodies are not looked
//! at: a product may be named `DROP TABLE`, and every value is bound, never pasted, into SQL.
//!
//! **Invariants.**
//! - What people type scores 0: a pattern is a combination that attacks need and people do not type. The
//!   lists in `tests/it` hold this.
//! - What [`is_plain`] lets through scores 0 in the full look too; the table saves time and changes nothing.
//! - Only a target or a field of more than [`ON_STACK`] bytes that is not plain is copied to the heap.
//! - Time is linear in the length, whatever is sent: every look ahead has a bound.
//! - One target, or the header fields of one request, score [`MOST_POINTS`] at most.
//!
//! | reason | points | what was found |
//! | --- | --- | --- |
//! | `scanner_path` | 60 | `/.env`, `/wp-login.php`, `/cgi-bin/`, `/actuator` |
//! | `scanner_agent` | 60 | a scanner that says so in its user agent |
//! | `jndi` | 60 | `${jndi:` and the lookups it hides behind |
//! | `shellshock` | 60 | a function definition `() {` |
//! | `foreign_page` | 40 | some other `*.php`, `*.asp`, `*.jsp`, `*.cgi` |
//! | `traversal` | 40 | two or more levels up, or one in disguise |
//! | `sql_probe` | 40 | `' OR '1'='1`, `UNION ALL SELECT`, `; DROP TABLE`, `SLEEP(5)` |
//! | `script` | 40 | `<script>`, `onerror=`, `javascript:alert(` |
//! | `command` | 40 | `;cat /etc`, `$(id)`, `/bin/sh`, code of other languages |
//! | `file_inclusion` | 40 | `/etc/passwd`, `php://`, addresses of cloud metadata |
//! | `crlf` | 40 | a line break and a header field |
//! | `template` | 30 | `{{7*7}}`, `${T(…)}`, `<%= 7*7 %>` |
//! | `query_operator` | 30 | `[$ne]=`, `__proto__`, `*)(uid=*` |
//! | `nul_byte` | 30 | a NUL |
//! | `forwarded_chain` | 30 | more than 20 hops in X-Forwarded-For |
//! | `httpoxy` | 30 | a `Proxy` field |
//! | `sql_sign` | 20 | a quote and then a comment up to the end |
//! | `dot_segment` | 20 | one `..` in a path, which clients resolve before they ask |
//! | `double_encoding` | 10 | `%252e`: encoded twice, and not by mistake |

/// The most that one target, or the header fields of one request, score. Below the sum of two reasons: one odd
/// request shall not shut anybody out.
pub const MOST_POINTS: u32 = 60;
/// More hops than this in X-Forwarded-For are absurd.
pub const MOST_HOPS: usize = 20;
/// Up to this many bytes are looked at without the heap.
pub const ON_STACK: usize = 1024;

/// How far a pattern of two parts may stretch; what keeps the look linear.
const REACH: usize = 200;
/// How many spaces are skipped between two parts of a pattern.
const MOST_SPACES: usize = 16;
/// Stands for the `&` between two parameters, which a decoded `&` does not.
const PAIR: u8 = 0x1E;
/// Stands for the `=` between a parameter and its value: the parameter `or` is no SQL.
const ASSIGN: u8 = 0x1F;

/// Paths below which names are given by people: a SKU may well be `INDEX.PHP`.
const OURS: [&str; 4] = ["/api/v2/products", "/api/v2/categories", "/health", "/api-docs"];

/// What was found suspicious in one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suspicion {
    pub points: u32,
    pub reasons: Reasons,
}

impl From<Reasons> for Suspicion {
    fn from(reasons: Reasons) -> Self {
        let points: u32 = reasons.given().map(|(_, points)| points).sum();
        Self { points: points.min(MOST_POINTS), reasons }
    }
}

/// A set of reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasons(u32);

/// One reason: its place in [`REASONS`].
type Reason = u32;

const SCANNER_PATH: Reason = 0;
const SCANNER_AGENT: Reason = 1;
const JNDI: Reason = 2;
const SHELLSHOCK: Reason = 3;
const FOREIGN_PAGE: Reason = 4;
const TRAVERSAL: Reason = 5;
const SQL_PROBE: Reason = 6;
const SCRIPT: Reason = 7;
const COMMAND: Reason = 8;
const FILE_INCLUSION: Reason = 9;
const CRLF: Reason = 10;
const TEMPLATE: Reason = 11;
const QUERY_OPERATOR: Reason = 12;
const NUL_BYTE: Reason = 13;
const FORWARDED_CHAIN: Reason = 14;
const HTTPOXY: Reason = 15;
const SQL_SIGN: Reason = 16;
const DOT_SEGMENT: Reason = 17;
const DOUBLE_ENCODING: Reason = 18;

const REASONS: [(&str, u32); 19] = [
    ("scanner_path", 60),
    ("scanner_agent", 60),
    ("jndi", 60),
    ("shellshock", 60),
    ("foreign_page", 40),
    ("traversal", 40),
    ("sql_probe", 40),
    ("script", 40),
    ("command", 40),
    ("file_inclusion", 40),
    ("crlf", 40),
    ("template", 30),
    ("query_operator", 30),
    ("nul_byte", 30),
    ("forwarded_chain", 30),
    ("httpoxy", 30),
    ("sql_sign", 20),
    ("dot_segment", 20),
    ("double_encoding", 10),
];

impl Reasons {
    /// These and those.
    #[must_use]
    pub fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether nothing was found.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of what was found, for logs and counters.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.given().map(|(name, _)| name)
    }

    fn given(self) -> impl Iterator<Item = (&'static str, u32)> {
        REASONS.iter().enumerate().filter(move |(at, _)| self.0 & (1 << at) != 0).map(|(_, reason)| *reason)
    }

    fn has(self, reason: Reason) -> bool {
        self.0 & (1 << reason) != 0
    }

    fn add(&mut self, reason: Reason) {
        self.0 |= 1 << reason;
    }

    fn add_if(&mut self, reason: Reason, found: impl FnOnce() -> bool) {
        // What is known already is not looked for again.
        if !self.has(reason) && found() {
            self.add(reason);
        }
    }
}

/// Looks at a request's target. Almost every honest one is let through by [`is_plain`].
pub fn of_target(path: &str, query: Option<&str>) -> Suspicion {
    if is_plain(path, query) {
        return Suspicion::default();
    }
    look_at_target(path, query)
}

#[cold]
fn look_at_target(path: &str, query: Option<&str>) -> Suspicion {
    let mut found = Reasons::default();
    decoded(path.as_bytes(), Part::Path, &mut found, look_at_path);
    if let Some(query) = query {
        decoded(query.as_bytes(), Part::Query, &mut found, |text, disguised, found| {
            look_at_text(text, disguised, found);
        });
    }
    found.into()
}

/// Looks at header fields.
pub fn of_headers<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Suspicion {
    let mut found = Reasons::default();
    let mut hops = 0;
    for (name, value) in fields {
        let marks = value.iter().fold(0, |marks, byte| marks | TABLE[usize::from(*byte)]);
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        if marks & CONTROL != 0 {
            found.add(if value.contains(&0) { NUL_BYTE } else { CRLF });
        }
        if is("user-agent") {
            found.add_if(SCANNER_AGENT, || is_scanner(value));
        } else if is("x-forwarded-for") {
            // Several fields are one list.
            hops += value.split(|byte| *byte == b',').count();
        } else if is("proxy") {
            found.add(HTTPOXY);
        }
        if marks & HEADER == 0 {
            continue;
        }
        found.add_if(SHELLSHOCK, || defines_function(value));
        if TEXT_FIELDS.iter().any(|text| is(text)) {
            decoded(value, Part::Header, &mut found, |text, disguised, found| {
                look_at_text(text, disguised, found);
            });
        } else if has_remnant(value) {
            // Cookies and tokens may hold anything else: only what hurts in every field counts.
            let mut all = Reasons::default();
            decoded(value, Part::Header, &mut all, |text, disguised, all| {
                look_at_text(text, disguised, all);
            });
            found.0 |= all.0 & ((1 << JNDI) | (1 << SHELLSHOCK) | (1 << CRLF));
        }
    }
    if hops > MOST_HOPS {
        found.add(FORWARDED_CHAIN);
    }
    found.into()
}

/// Fields that servers write to logs or paste into pages, and that are therefore probed like a query.
const TEXT_FIELDS: [&str; 13] = [
    "user-agent",
    "referer",
    "origin",
    "from",
    "content-type",
    "accept-language",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-real-ip",
    "x-client-ip",
    "client-ip",
    "true-client-ip",
    "x-requested-with",
];

/// Shellshock's `() {`: the definition of a function without a name. Scripts say `function() {`.
fn defines_function(value: &[u8]) -> bool {
    value.iter().enumerate().any(|(at, byte)| {
        *byte == b'(' && starts_word(value, at) && ["() {", "(){"].iter().any(|begin| starts(value, at, begin))
    })
}

/// Whether one of the things is there that hurt in every field, seen from afar.
fn has_remnant(value: &[u8]) -> bool {
    value.iter().enumerate().any(|(at, byte)| match byte {
        b'$' => value.get(at + 1) == Some(&b'{'),
        b'%' => value
            .get(at + 1..at + 3)
            .is_some_and(|hex| hex.eq_ignore_ascii_case(b"0a") || hex.eq_ignore_ascii_case(b"0d") || hex == b"24"),
        _ => false,
    })
}

// --- The table ---

/// Not plain in a path.
const IN_PATH: u8 = 1;
/// Not plain in a query.
const IN_QUERY: u8 = 1 << 1;
/// Not plain when it is percent-encoded: honest clients have no reason to, or it means more than its look.
const ENCODED: u8 = 1 << 2;
/// Telling when it is encoded twice. Spaces and letters with accents are encoded twice by mistake.
const TWICE: u8 = 1 << 3;
/// A field that has it is looked at.
const HEADER: u8 = 1 << 4;
/// May not be in a field at all.
const CONTROL: u8 = 1 << 5;

static TABLE: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let marks = match byte as u8 {
            b'\t' => IN_PATH | IN_QUERY,
            0..b' ' | 0x7F => IN_PATH | IN_QUERY | TWICE | CONTROL,
            b'\'' | b'"' | b'<' | b'`' | b'$' | b'{' | b'|' | b'\\' => IN_PATH | IN_QUERY | TWICE | HEADER,
            b'>' | b'(' | b')' | b';' => IN_PATH | IN_QUERY | TWICE,
            b'%' => IN_PATH | IN_QUERY | ENCODED | HEADER,
            b'}' | b'*' | b'#' | b'@' | b'[' => IN_PATH | IN_QUERY,
            b'=' | b'&' => IN_PATH | IN_QUERY | ENCODED,
            b'.' => IN_PATH | IN_QUERY | ENCODED | TWICE,
            b'/' => IN_PATH | IN_QUERY | ENCODED | TWICE,
            b':' => IN_PATH | IN_QUERY | ENCODED,
            b'-' | b'_' => IN_PATH | IN_QUERY | ENCODED,
            b'u' | b'U' => IN_PATH | IN_QUERY | ENCODED,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'~' => ENCODED,
            // Begins nothing in UTF-8 but an overlong form.
            0xC0 | 0xC1 => ENCODED,
            _ => 0,
        };
        table[byte] = marks;
        byte += 1;
    }
    table
};

/// Whether the table alone shows that there is nothing to find. Most honest targets are plain.
#[doc(hidden)]
pub fn is_plain(path: &str, query: Option<&str>) -> bool {
    is_ours(path.as_bytes())
        && has_no_sign(path.as_bytes(), IN_PATH)
        && query.is_none_or(|query| has_no_sign(query.as_bytes(), IN_QUERY))
}

fn is_ours(path: &[u8]) -> bool {
    OURS.iter().any(|ours| path.strip_prefix(ours.as_bytes()).is_some_and(|rest| matches!(rest, [] | [b'/', ..])))
}

fn has_no_sign(bytes: &[u8], part: u8) -> bool {
    // Whether the parameter has its `=` already.
    let mut assigned = part == IN_PATH;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if TABLE[usize::from(*byte)] & part == 0 {
            continue;
        }
        match byte {
            b'%' => match hex(bytes, at) {
                Some(decoded) if TABLE[usize::from(decoded)] & (part | ENCODED) == 0 => at += 2,
                _ => return false,
            },
            b'=' if !assigned => assigned = true,
            b'&' if part == IN_QUERY => assigned = false,
            b'.' if !bytes[..at].ends_with(b"/.") && !AFTER_DOT.go_on(bytes, at) => {}
            b'_' if !AFTER_UNDERSCORE.go_on(bytes, at) => {}
            b'/' if part == IN_PATH && !AFTER_SLASH.go_on(bytes, at) => {}
            b'-' if bytes.get(at) != Some(&b'-') => {}
            b'u' | b'U' if !AFTER_U.go_on(bytes, at) => {}
            _ => return false,
        }
    }
    true
}

/// What makes a dot, an underscore or a slash telling: patterns that have no other byte that is not plain.
static AFTER_DOT: Ways = Ways::new(&[".", "cookie", "domain", "exe", "google.", "lang.", "module.", "php"]);
static AFTER_UNDERSCORE: Ways = Ways::new(&["_", "cmdshell", "master", "pipe.", "prepend", "schema.", "url_"]);
static AFTER_SLASH: Ways = Ways::new(&["bin/", "boot.", "etc/", "proc/", "win.", "windows/"]);
static AFTER_U: Ways = Ways::new(&["nion"]);

/// How a text may go on, in small letters.
struct Ways {
    ways: &'static [&'static str],
    /// The bytes that one of them begins with, by their lowest five bits, in which large letters and small are the
    /// same: every `/` of every request is looked at, and hardly any is followed by one of these.
    initials: u32,
}

impl Ways {
    const fn new(ways: &'static [&'static str]) -> Self {
        let (mut initials, mut at) = (0, 0);
        while at < ways.len() {
            initials |= 1 << (ways[at].as_bytes()[0] & 31);
            at += 1;
        }
        Self { ways, initials }
    }

    fn go_on(&self, bytes: &[u8], at: usize) -> bool {
        let Some(next) = bytes.get(at) else { return false };
        if self.initials >> (next & 31) & 1 == 0 {
            return false;
        }
        let rest = &bytes[at..];
        self.ways.iter().any(|way| rest.get(..way.len()).is_some_and(|rest| rest.eq_ignore_ascii_case(way.as_bytes())))
    }
}

fn hex(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*bytes.get(at)?)? << 4 | digit(*bytes.get(at + 1)?)?)
}

// --- Decoding ---

/// Where a text stood.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Query,
    Header,
}

/// Gives `look` the text decoded, in small letters, and whether its dots or slashes were disguised.
fn decoded(raw: &[u8], part: Part, found: &mut Reasons, look: impl FnOnce(&mut [u8], bool, &mut Reasons)) {
    let mut stack = [0; ON_STACK];
    let mut heap = Vec::new();
    let text = if raw.len() <= ON_STACK {
        &mut stack[..raw.len()]
    } else {
        heap.resize(raw.len(), 0);
        &mut heap[..]
    };
    text.copy_from_slice(raw);
    let mut assigned = false;
    let mut disguised = false;
    for byte in &mut *text {
        match (*byte, part) {
            // A referer has a query as well.
            (b'+', Part::Query | Part::Header) => *byte = b' ',
            (b'&', Part::Query | Part::Header) => (*byte, assigned) = (PAIR, false),
            (b'=', Part::Query) if !assigned => (*byte, assigned) = (ASSIGN, true),
            _ => {}
        }
    }
    let (mut length, twice) = decode_in_place(text, &mut disguised);
    if twice {
        found.add(DOUBLE_ENCODING);
        disguised = true;
        (length, _) = decode_in_place(&mut text[..length], &mut disguised);
    }
    let text = &mut text[..length];
    text.make_ascii_lowercase();
    if text.contains(&0) {
        found.add(NUL_BYTE);
    }
    look(text, disguised, found);
}

/// Decodes once; gives the new length, and whether something telling is still encoded.
fn decode_in_place(text: &mut [u8], disguised: &mut bool) -> (usize, bool) {
    let (mut from, mut to, mut twice) = (0, 0, false);
    while from < text.len() {
        let mut byte = text[from];
        from += 1;
        if byte == b'%'
            && let Some(decoded) = hex(text, from)
        {
            from += 2;
            byte = decoded;
            *disguised |= byte == b'.';
            twice |= byte == b'%' && hex(text, from).is_some_and(|next| TABLE[usize::from(next)] & TWICE != 0);
            // Overlong UTF-8, which some servers took for `.`, `/` and `\`.
            if matches!(byte, 0xC0 | 0xC1) && text.get(from) == Some(&b'%') {
                let plain = match (byte, hex(text, from + 1)) {
                    (0xC0, Some(0xAE)) => Some(b'.'),
                    (0xC0, Some(0xAF)) => Some(b'/'),
                    (0xC1, Some(0x9C)) => Some(b'\\'),
                    _ => None,
                };
                if let Some(plain) = plain {
                    *disguised = true;
                    byte = plain;
                    from += 3;
                }
            }
        }
        text[to] = byte;
        to += 1;
    }
    (to, twice)
}

// --- Paths ---

/// What only other software serves, and scanners ask everybody for: a whole segment, or with `*` how it begins.
const SCANNED: [&str; 58] = [
    "_ignition",
    "_profiler",
    "_vti_bin*",
    "_vti_pvt",
    "actuator",
    "adminer*",
    "apache-status",
    "boaform",
    "boot.ini",
    "cgi-bin",
    "cgi-mod",
    "composer.json",
    "composer.lock",
    "credentials.json",
    "database.yml",
    "docker-compose.yml",
    "druid",
    "elmah.axd",
    "eval-stdin.php",
    "evox",
    "formlogin",
    "geoserver",
    "goform",
    "gponform",
    "hnap1",
    "hudson",
    "id_rsa",
    "info.php",
    "invoker",
    "jenkins",
    "jmx-console",
    "jolokia",
    "laravel.log",
    "localstart.asp",
    "mysqladmin",
    "myadmin",
    "nmaplowercheck*",
    "owa",
    "phpinfo*",
    "phpmyadmin*",
    "phpmy-admin",
    "phppgadmin",
    "phpunit",
    "pma",
    "secrets.yml",
    "server-info",
    "server-status",
    "shell.php",
    "solr",
    "trace.axd",
    "web-inf",
    "web.config",
    "web-console",
    "wlwmanifest.xml",
    "wordpress",
    "wp-*",
    "wp",
    "xmlrpc.php",
];

/// Pages of other servers' languages. Links of a former shop may end so, hence fewer points.
const FOREIGN: [&str; 17] = [
    "php", "php3", "php4", "php5", "php7", "phtml", "phar", "asp", "aspx", "ashx", "asmx", "jsp", "jspx", "jspa",
    "cgi", "cfm", "action",
];

/// What nobody links to: copies, keys, databases.
const LEFT_BEHIND: [&str; 17] = [
    "env", "sql", "bak", "old", "swp", "save", "orig", "ini", "pem", "key", "p12", "pfx", "ovpn", "mdb", "sqlite",
    "sqlite3", "htpasswd",
];

/// Archives that are asked for by guessing.
const ARCHIVES: [&str; 7] = ["zip", "tar", "gz", "tgz", "rar", "7z", "bz2"];
const GUESSED: [&str; 10] =
    ["backup", "backups", "www", "wwwroot", "site", "dump", "db", "database", "public_html", "htdocs"];

/// Files and folders whose names begin with a dot and that have been asked for below our own paths too.
const HIDDEN: [&str; 17] = [
    ".env*",
    ".git*",
    ".svn",
    ".hg",
    ".bzr",
    ".aws",
    ".ssh",
    ".kube",
    ".docker*",
    ".htaccess*",
    ".htpasswd*",
    ".ds_store",
    ".vscode",
    ".idea",
    ".npmrc",
    ".bash_history",
    ".mysql_history",
];

fn look_at_path(text: &mut [u8], disguised: bool, found: &mut Reasons) {
    let ours = is_ours(text);
    if !ours && find(text, 0, b"/manager/html").is_some() {
        found.add(SCANNER_PATH);
    }
    for segment in text.split(|byte| matches!(byte, b'/' | b'\\')) {
        // What follows a `;` or a NUL is there to mislead.
        let segment = segment.split(|byte| matches!(byte, b';' | 0)).next().unwrap_or(segment);
        if segment == b".." {
            found.add(DOT_SEGMENT);
        }
        let is_in = |names: &[&str]| {
            names.iter().any(|name| match name.strip_suffix('*') {
                Some(beginning) => segment.starts_with(beginning.as_bytes()),
                None => segment == name.as_bytes(),
            })
        };
        if segment.len() > 2 && segment[0] == b'.' && segment != b".well-known" {
            // `.5OZ-TEA` is no SKU, but somebody may take it for one.
            let known = !ours || is_in(&HIDDEN);
            if known && segment[1] != b'.' {
                found.add(SCANNER_PATH);
            }
        }
        if ours || segment.is_empty() {
            continue;
        }
        // Pictures of a former shop are still linked to.
        let former = segment == b"wp-content" && starts(text, 0, "/wp-content/uploads/");
        if is_in(&SCANNED) && !former {
            found.add(SCANNER_PATH);
        }
        let mut parts = segment.rsplitn(2, |byte| *byte == b'.');
        if let (Some(end), Some(stem)) = (parts.next(), parts.next()) {
            let ends_in = |ends: &[&str]| ends.iter().any(|known| end == known.as_bytes());
            let guessed = |stem: &[u8]| {
                let stem = stem.split(|byte| *byte == b'.').next().unwrap_or(stem);
                GUESSED.iter().any(|known| stem == known.as_bytes())
            };
            if ends_in(&LEFT_BEHIND) || (ends_in(&ARCHIVES) && guessed(stem)) {
                found.add(SCANNER_PATH);
            } else if ends_in(&FOREIGN) {
                found.add(FOREIGN_PAGE);
            }
        }
    }
    look_at_text(text, disguised, found);
}

// --- Texts ---

/// Literal patterns, by their first byte. In them a space stands for one or more spaces, a tab for any number
/// of them, and `\x01` for a number.
const NEEDLES: [(Reason, &str); 99] = [
    (TEMPLATE, "#set($"),
    (COMMAND, "$ifs"),
    (COMMAND, "${ifs"),
    (COMMAND, "%{(#"),
    (COMMAND, "%{#"),
    (SHELLSHOCK, "()\t{\t:"),
    (SHELLSHOCK, "()\t{\t_"),
    (SHELLSHOCK, "()\t{\t;"),
    (SHELLSHOCK, "()\t{\t}\t;"),
    (SQL_PROBE, "(select \x01"),
    (SQL_PROBE, "(select\t("),
    (SQL_PROBE, "(select\t*"),
    (SQL_PROBE, "(select @@"),
    (SQL_PROBE, "(select case when "),
    (SQL_PROBE, "(select char("),
    (SQL_PROBE, "(select chr("),
    (SQL_PROBE, "(select concat"),
    (SQL_PROBE, "(select count("),
    (SQL_PROBE, "(select null"),
    (SQL_PROBE, "(select pg_"),
    (SQL_PROBE, "(select table_name"),
    (SQL_PROBE, "(select user"),
    (SQL_PROBE, "(select version"),
    (QUERY_OPERATOR, ")(cn="),
    (QUERY_OPERATOR, ")(objectclass="),
    (QUERY_OPERATOR, ")(uid="),
    (QUERY_OPERATOR, "*)(&"),
    (QUERY_OPERATOR, "*)(|"),
    (FILE_INCLUSION, "/boot.ini"),
    (COMMAND, "/bin/bash"),
    (COMMAND, "/bin/cat"),
    (COMMAND, "/bin/id"),
    (COMMAND, "/bin/ls"),
    (COMMAND, "/bin/nc"),
    (COMMAND, "/bin/ping"),
    (COMMAND, "/bin/sh"),
    (COMMAND, "/bin/wget"),
    (FILE_INCLUSION, "/etc/hosts"),
    (FILE_INCLUSION, "/etc/passwd"),
    (FILE_INCLUSION, "/etc/shadow"),
    (FILE_INCLUSION, "/proc/self/"),
    (FILE_INCLUSION, "/win.ini"),
    (FILE_INCLUSION, "/windows/system32"),
    (SCRIPT, "<!--#exec"),
    (SCRIPT, "<!--#include"),
    (FILE_INCLUSION, "<!entity "),
    (COMMAND, "<?php"),
    (SCRIPT, "<iframe src"),
    (SQL_PROBE, "@@version"),
    (FILE_INCLUSION, "\\boot.ini"),
    (FILE_INCLUSION, "\\win.ini"),
    (FILE_INCLUSION, "\\windows\\system32"),
    (QUERY_OPERATOR, "__proto__"),
    (TEMPLATE, "__class__"),
    (TEMPLATE, "__globals__"),
    (COMMAND, "__import__("),
    (COMMAND, "allow_url_include"),
    (COMMAND, "auto_prepend_file"),
    (SQL_PROBE, "benchmark(\x01"),
    (COMMAND, "class.module.classloader"),
    (COMMAND, "cmd.exe"),
    (SQL_PROBE, "concat(0x"),
    (SCRIPT, "data:text/html"),
    (SQL_PROBE, "dbms_pipe.receive_message"),
    (SCRIPT, "document.cookie"),
    (SCRIPT, "document.domain"),
    (SCRIPT, "eval(atob("),
    (FILE_INCLUSION, "expect://"),
    (SQL_PROBE, "extractvalue("),
    (FILE_INCLUSION, "file:///"),
    (FILE_INCLUSION, "gopher://"),
    (SQL_PROBE, "group_concat("),
    (FILE_INCLUSION, "http://169.254.169.254"),
    (SQL_PROBE, "information_schema."),
    (SQL_PROBE, "into dumpfile\t'"),
    (SQL_PROBE, "into outfile\t'"),
    (COMMAND, "java.lang.processbuilder"),
    (COMMAND, "java.lang.runtime"),
    (SQL_PROBE, "load_file(\t'"),
    (SQL_PROBE, "load_file(0x"),
    (FILE_INCLUSION, "metadata.google.internal"),
    (SQL_SIGN, "order by \x01\t--"),
    (SQL_SIGN, "order by \x01\t#"),
    (COMMAND, "os.popen("),
    (COMMAND, "os.system("),
    (SQL_PROBE, "pg_sleep("),
    (FILE_INCLUSION, "php://"),
    (COMMAND, "phpinfo()"),
    (SQL_PROBE, "randomblob("),
    (COMMAND, "shell_exec("),
    (SQL_PROBE, "sleep(\t\x01\t)"),
    (SQL_PROBE, "sqlite_master"),
    (SCRIPT, "string.fromcharcode("),
    (COMMAND, "system('"),
    (COMMAND, "system(\""),
    (SQL_PROBE, "updatexml("),
    (SQL_PROBE, "waitfor delay '"),
    (FILE_INCLUSION, "wp-config.php"),
    (SQL_PROBE, "xp_cmdshell"),
];

/// For each byte the patterns that begin with it.
static BY_FIRST: [(u8, u8); 256] = by_first(&NEEDLES);

const fn by_first(needles: &[(Reason, &str)]) -> [(u8, u8); 256] {
    assert!(needles.len() < 256);
    let mut ranges = [(0, 0); 256];
    let mut at = 0;
    while at < needles.len() {
        let first = needles[at].1.as_bytes()[0] as usize;
        if ranges[first].1 == 0 {
            ranges[first].0 = at as u8;
        }
        assert!(ranges[first].1 == 0 || ranges[first].1 as usize == at, "patterns with one first byte stand together");
        ranges[first].1 = at as u8 + 1;
        at += 1;
    }
    ranges
}

/// Names of header fields that are worth smuggling in.
const SMUGGLED: [&str; 9] = [
    "content-length:",
    "content-type:",
    "host:",
    "http/1.",
    "location:",
    "refresh:",
    "set-cookie:",
    "transfer-encoding:",
    "x-forwarded-",
];

/// Log4j's lookups: no client of ours sends them, and they are how `jndi` is hidden.
const LOOKUPS: [&str; 10] = ["jndi:", "lower:", "upper:", "env:", "sys:", "::-", "${", "ctx:", "java:", "date:"];

/// What a browser calls by itself.
const HANDLERS: [&str; 24] = [
    "onabort",
    "onanimationstart",
    "onbegin",
    "onblur",
    "onchange",
    "onclick",
    "ondblclick",
    "onerror",
    "onfocus",
    "onfocusin",
    "onhashchange",
    "oninput",
    "onkeydown",
    "onkeyup",
    "onload",
    "onmouseenter",
    "onmousemove",
    "onmouseover",
    "onpageshow",
    "onpointerover",
    "onresize",
    "onstart",
    "ontoggle",
    "onwheel",
];

/// Looks for what must not be in any text, in small letters and decoded once.
fn look_at_text(text: &mut [u8], disguised: bool, found: &mut Reasons) {
    let text = &*blank_comments(text, found);
    // Levels up, one after the other.
    let mut levels = 0;
    for (at, byte) in text.iter().enumerate() {
        let (from, to) = BY_FIRST[usize::from(*byte)];
        for (reason, needle) in &NEEDLES[usize::from(from)..usize::from(to)] {
            found.add_if(*reason, || after(text, at, needle).is_some());
        }
        match byte {
            b'.' if goes_up(text, at) => levels += 1,
            b'\'' | b'"' => {
                found.add_if(SQL_PROBE, || is_tautology(text, at + 1));
                found.add_if(SQL_SIGN, || is_cut_off(text, at + 1));
            }
            b'u' if starts_word(text, at) => found.add_if(SQL_PROBE, || is_union(text, at)),
            b'a' | b'o' if starts_word(text, at) => {
                found.add_if(SQL_PROBE, || is_equation(text, at));
                found.add_if(SCRIPT, || is_handler(text, at) || is_alert(text, at));
            }
            b'c' | b'p' if starts_word(text, at) => found.add_if(SCRIPT, || is_alert(text, at)),
            b'j' | b'v' => found.add_if(SCRIPT, || is_script_address(text, at)),
            b'<' => {
                found.add_if(SCRIPT, || is_script_tag(text, at + 1));
                found.add_if(TEMPLATE, || text[at..].starts_with(b"<%=") && computes(text, at + 3, b'%'));
            }
            b'{' => {
                let before = at.checked_sub(1).map(|before| text[before]);
                found.add_if(JNDI, || {
                    before == Some(b'$') && LOOKUPS.iter().any(|lookup| text[at + 1..].starts_with(lookup.as_bytes()))
                });
                found.add_if(TEMPLATE, || {
                    matches!(before, Some(b'$' | b'#' | b'*' | b'@' | b'%' | b'{')) && computes(text, at + 1, b'}')
                });
            }
            b'[' => found.add_if(QUERY_OPERATOR, || is_operator(text, at + 1)),
            b'$' => found
                .add_if(COMMAND, || text.get(at + 1) == Some(&b'(') && is_command(text, at + 2, Within::Substitution)),
            b'`' => found.add_if(COMMAND, || is_command(text, at + 1, Within::Substitution)),
            b';' | b'|' | b'&' | b'\n' => {
                found.add_if(COMMAND, || is_command(text, at + 1, Within::Line));
                if *byte == b';' {
                    found.add_if(SQL_PROBE, || is_statement(text, at + 1));
                }
                if *byte == b'\n' {
                    found.add_if(CRLF, || SMUGGLED.iter().any(|field| text[at + 1..].starts_with(field.as_bytes())));
                }
            }
            _ => {}
        }
    }
    // In a text people may write `../`; nobody disguises it.
    if levels > 1 || (levels > 0 && disguised) {
        found.add(TRAVERSAL);
    }
}

/// SQL takes a comment for a space. MySQL's `/*!` runs what is in it.
fn blank_comments<'a>(text: &'a mut [u8], found: &mut Reasons) -> &'a mut [u8] {
    let mut at = 0;
    while let Some(begin) = find(text, at, b"/*") {
        if matches!(text.get(begin + 2), Some(b'!')) {
            found.add_if(SQL_PROBE, || text.get(begin + 3).is_some_and(u8::is_ascii_alphanumeric));
            text[begin..begin + 3].fill(b' ');
            at = begin + 3;
            continue;
        }
        let Some(end) = find(text, begin + 2, b"*/") else { break };
        text[begin..end + 2].fill(b' ');
        at = end + 2;
    }
    text
}

fn find(text: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    text.get(from..)?.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn starts_word(text: &[u8], at: usize) -> bool {
    at.checked_sub(1).is_none_or(|before| !is_word(text[before]))
}

/// The first place from `at` on whose byte is not skipped.
fn skip(text: &[u8], at: usize, most: usize, skips: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take(most).take_while(|byte| skips(**byte)).count()
}

fn skip_spaces(text: &[u8], at: usize) -> usize {
    skip(text, at, MOST_SPACES, is_space)
}

fn word_at(text: &[u8], at: usize) -> &[u8] {
    text.get(at..skip(text, at, 32, is_word)).unwrap_or_default()
}

fn number_at(text: &[u8], at: usize) -> &[u8] {
    text.get(at..skip(text, at, 16, |byte| byte.is_ascii_digit())).unwrap_or_default()
}

fn starts(text: &[u8], at: usize, wanted: &str) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(wanted.as_bytes()))
}

/// Whether a value ends at `at`.
fn ends(text: &[u8], at: usize) -> bool {
    matches!(text.get(at), None | Some(&PAIR | &0))
}

/// Where a pattern ends that begins at `at`.
fn after(text: &[u8], at: usize, needle: &str) -> Option<usize> {
    let mut at = at;
    for wanted in needle.bytes() {
        match wanted {
            b'\t' => at = skip_spaces(text, at),
            b' ' => at = Some(skip_spaces(text, at)).filter(|next| *next > at)?,
            1 => at = Some(at + number_at(text, at).len()).filter(|next| *next > at)?,
            wanted => at = Some(at + 1).filter(|_| text.get(at) == Some(&wanted))?,
        }
    }
    Some(at)
}

/// A `..` that is a segment of its own, or `....//`, which is one to those who remove `../` once, or `..;/`.
fn goes_up(text: &[u8], at: usize) -> bool {
    let begins = at.checked_sub(1).is_none_or(|before| !is_word(text[before]) && text[before] != b'.');
    let rest = &text[at..];
    begins
        && (rest.starts_with(b"../")
            || rest.starts_with(b"..\\")
            || rest.starts_with(b"..;/")
            || rest.starts_with(b"....//")
            || rest.starts_with(b"....\\/"))
}

/// `UNION ALL SELECT`, or `UNION SELECT` with what a text would not go on with.
fn is_union(text: &[u8], at: usize) -> bool {
    let skip_open = |at| skip(text, at, MOST_SPACES, |byte| is_space(byte) || byte == b'(');
    let Some(begun) = after(text, at, "union") else { return false };
    let mut next = skip_open(begun);
    if next == begun {
        return false;
    }
    let quantified = ["all", "distinct"].iter().find_map(|word| after(text, next, word));
    if let Some(quantified) = quantified {
        next = skip_open(quantified);
    }
    let Some(selected) = after(text, next, "select") else { return false };
    if text.get(selected).is_some_and(|byte| is_word(*byte)) {
        return false;
    }
    let list = skip_spaces(text, selected);
    let number = list + number_at(text, list).len();
    quantified.is_some()
        || ["*", "@@", "null", "char(", "chr(", "concat", "version(", "user("]
            .iter()
            .any(|what| starts(text, list, what))
        || (number > list && (starts(text, number, ",") || starts(text, number, "--") || starts(text, number, "#")))
        || has_from(text, selected)
}

fn has_from(text: &[u8], at: usize) -> bool {
    let near = text.get(at..text.len().min(at + REACH)).unwrap_or_default();
    let value = near.split(|byte| *byte == PAIR).next().unwrap_or(near);
    value.windows(6).any(|window| {
        &window[1..5] == b"from" && !is_word(window[0]) && (is_space(window[5]) || matches!(window[5], b'(' | b'`'))
    })
}

/// What joins two conditions at `at`: where the second one begins.
fn connective(text: &[u8], at: usize) -> Option<usize> {
    if starts(text, at, "||") || starts(text, at, "&&") {
        return Some(at + 2);
    }
    let word = word_at(text, at);
    matches!(word, b"or" | b"and" | b"xor").then_some(at + word.len())
}

/// After a quote: `OR '1'='1`, `) AND 1=1`, `OR TRUE--`.
fn is_tautology(text: &[u8], at: usize) -> bool {
    let at = skip(text, at, MOST_SPACES, |byte| is_space(byte) || byte == b')');
    let Some(at) = connective(text, at) else { return false };
    let at = skip(text, at, MOST_SPACES, |byte| is_space(byte) || byte == b'(');
    let quote = text.get(at).copied().filter(|byte| matches!(byte, b'\'' | b'"'));
    let left_at = at + usize::from(quote.is_some());
    let left = word_at(text, left_at);
    let mut next = left_at + left.len();
    if quote.is_some() {
        // Where the quote stays open it is a phrase to search for.
        if text.get(next).copied() != quote {
            return false;
        }
        next += 1;
    }
    next = skip_spaces(text, next);
    if matches!(left, b"true" | b"false") && (starts(text, next, "--") || starts(text, next, "#")) {
        return true;
    }
    let operator = ["<>", "!=", ">=", "<=", "=", "<", ">", "like "].iter().find_map(|name| after(text, next, name));
    let Some(right_at) = operator.map(|next| skip_spaces(text, next)) else { return false };
    let right_quote = text.get(right_at).is_some_and(|byte| matches!(byte, b'\'' | b'"'));
    let right = word_at(text, right_at + usize::from(right_quote));
    let number = !left.is_empty() && left.iter().all(u8::is_ascii_digit) && right.iter().all(u8::is_ascii_digit);
    (quote.is_some() && (right_quote || !right.is_empty()))
        || (right_quote && !left.is_empty())
        || (!right.is_empty() && (number || left == right))
}

/// After a quote: nothing but the end of it and a comment.
fn is_cut_off(text: &[u8], at: usize) -> bool {
    let at = skip(text, at, MOST_SPACES, |byte| is_space(byte) || matches!(byte, b')' | b';'));
    let comment = ["--", "#", "/*"].iter().find_map(|comment| after(text, at, comment));
    comment
        .is_some_and(|at| ends(text, skip(text, at, MOST_SPACES, |byte| is_space(byte) || matches!(byte, b'-' | b'+'))))
}

/// `OR 1=1` and `AND 1=1` without a quote: the same number twice.
fn is_equation(text: &[u8], at: usize) -> bool {
    let Some(next) = connective(text, at) else { return false };
    let left_at = skip_spaces(text, next);
    let left = number_at(text, left_at);
    let sign = skip_spaces(text, left_at + left.len());
    let right_at = skip_spaces(text, sign + 1);
    let right = number_at(text, right_at);
    let ended = !text.get(right_at + right.len()).is_some_and(|byte| is_word(*byte));
    left_at > next && !left.is_empty() && text.get(sign) == Some(&b'=') && left == right && ended
}

/// After a `;`: a statement.
fn is_statement(text: &[u8], at: usize) -> bool {
    let at = skip_spaces(text, at);
    [
        "drop table",
        "drop database",
        "drop schema",
        "drop view",
        "delete from ",
        "truncate table",
        "alter table ",
        "create table ",
        "declare @",
        "exec xp_",
        "exec(",
        "exec master",
        "shutdown--",
        "shutdown;",
        "waitfor delay",
        "select pg_",
        "select sleep(",
        "select *",
        "select @@",
        "copy (",
    ]
    .iter()
    .any(|statement| after(text, at, statement).is_some())
        || after(text, at, "update ").is_some_and(|table| {
            let set = table + word_at(text, table).len();
            after(text, set, " set ").is_some()
        })
        || after(text, at, "insert into ").is_some_and(|table| {
            let rest = table + word_at(text, table).len();
            ["\t(", " values", " select "].iter().any(|way| after(text, rest, way).is_some())
        })
}

/// `onerror=`, with spaces before the sign.
fn is_handler(text: &[u8], at: usize) -> bool {
    let name = word_at(text, at);
    HANDLERS.iter().any(|handler| name == handler.as_bytes())
        && text.get(skip_spaces(text, at + name.len())) == Some(&b'=')
}

/// `alert(1)`, `confirm('x')`, ``prompt`1` ``.
fn is_alert(text: &[u8], at: usize) -> bool {
    let name = word_at(text, at);
    matches!(name, b"alert" | b"confirm" | b"prompt")
        && match text.get(at + name.len()) {
            Some(b'`') => true,
            Some(b'(') => {
                let inner = at + name.len() + 1;
                let number = number_at(text, inner);
                (!number.is_empty() && text.get(inner + number.len()) == Some(&b')'))
                    || ["'", "\"", "`", "document", "window", "origin", "/"]
                        .iter()
                        .any(|what| starts(text, inner, what))
            }
            _ => false,
        }
}

/// `javascript:` with a program behind it; a book may be called "JavaScript: The Good Parts".
fn is_script_address(text: &[u8], at: usize) -> bool {
    let Some(begin) = ["javascript:", "vbscript:"].iter().find_map(|scheme| after(text, at, scheme)) else {
        return false;
    };
    let calls = |byte: u8| is_word(byte) || matches!(byte, b'.' | b'$' | b'[' | b']' | b'\'' | b'"');
    let called = skip(text, begin, REACH, calls);
    starts(text, begin, "//") || (called > begin && matches!(text.get(called), Some(b'(' | b'`' | b'=')))
}

/// `<script>`, `<script src`, `</script>`.
fn is_script_tag(text: &[u8], at: usize) -> bool {
    let at = at + usize::from(text.get(at) == Some(&b'/'));
    let name = word_at(text, at);
    name == b"script"
        && (ends(text, at + 6) || text.get(at + 6).is_some_and(|byte| is_space(*byte) || matches!(byte, b'>' | b'/')))
}

/// What templates are made to call.
const DANGEROUS: [&str; 10] =
    ["__", "config", "exec", "java", "lipsum", "popen", "process", "request", "self.", "system"];

/// Whether what stands up to `end` is a computation. Names alone are a template that was not filled in, which
/// happens to honest clients.
fn computes(text: &[u8], at: usize, end: u8) -> bool {
    let near = text.get(at..text.len().min(at + 80)).unwrap_or_default();
    let Some(length) = near.iter().position(|byte| *byte == end) else { return false };
    let inner = &near[..length];
    inner.windows(3).any(|window| {
        window[0].is_ascii_digit() && window[1] == b'*' && (window[2].is_ascii_digit() || window[2] == b'\'')
    }) || (inner.contains(&b'(') && DANGEROUS.iter().any(|name| find(inner, 0, name.as_bytes()).is_some()))
}

/// After a `[`: `$ne]`, `$regex]`, and `$gt]` with nothing to be greater than. Other APIs have `[$gte]=10` in
/// their filters, so comparisons alone are somebody's mistake.
fn is_operator(text: &[u8], at: usize) -> bool {
    ["$ne]", "$regex]", "$where]", "$exists]"].iter().any(|operator| starts(text, at, operator))
        || after(text, at, "$gt]").is_some_and(|at| text.get(at) == Some(&ASSIGN) && ends(text, at + 1))
}

/// What a command would stand in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// After `;`, `|`, `&` or a new line, where people write words too.
    Line,
    /// In `$(…)` or backticks.
    Substitution,
}

/// A shell's command with what it needs to be one; `; cat toys` is none.
fn is_command(text: &[u8], at: usize, within: Within) -> bool {
    let begin = skip(text, at, MOST_SPACES, |byte| is_space(byte) || matches!(byte, b';' | b'|' | b'&'));
    let joined = begin == at || !is_space(text[begin - 1]);
    let name = word_at(text, begin);
    let next = begin + name.len();
    let argument = skip_spaces(text, next);
    let has_argument = argument > next;
    let ended = ends(text, next) || matches!(text.get(next), Some(b';' | b'|' | b'&' | b'\n' | b')' | b'`' | b'#'));
    let starts_any = |wanted: &[&str]| has_argument && wanted.iter().any(|wanted| starts(text, argument, wanted));
    let has_option = has_argument
        && text.get(argument) == Some(&b'-')
        && text.get(argument + 1).is_some_and(u8::is_ascii_alphabetic);
    match name {
        b"cat" | b"tac" | b"head" | b"tail" | b"more" | b"less" | b"nl" | b"type" | b"strings" => {
            starts_any(&["/", "../", "~/", "c:\\"])
        }
        b"dir" => has_option || starts_any(&["/", "c:\\"]),
        b"ls" => (ended && joined) || has_option || starts_any(&["/"]),
        b"uname" | b"hostname" => (ended && joined) || has_option,
        // After a `;` these are names of fields, makes and languages as well.
        b"id" | b"env" | b"ps" | b"pwd" => ended && within == Within::Substitution,
        b"whoami" | b"ifconfig" | b"ipconfig" | b"netstat" | b"printenv" => ended,
        b"curl" | b"wget" => starts_any(&["http", "ftp:", "//"]) || has_option,
        b"bash" | b"sh" | b"zsh" | b"nc" | b"ncat" | b"python" | b"python3" | b"perl" | b"ruby" | b"php"
        | b"powershell" | b"socat" => has_option || starts_any(&["/"]),
        b"ping" => starts_any(&["-c", "-n"]),
        b"rm" => starts_any(&["-r", "-f"]),
        b"chmod" => starts_any(&["7", "+x"]),
        b"sleep" => {
            let number = number_at(text, argument);
            let last = argument + number.len();
            let closed =
                ends(text, last) || matches!(text.get(last), Some(b';' | b'|' | b'&' | b'\n' | b')' | b'`' | b'#'));
            has_argument && !number.is_empty() && closed && (joined || within == Within::Substitution)
        }
        b"nslookup" | b"dig" => {
            let host = skip(text, argument, 64, |byte| is_word(byte) || byte == b'-');
            has_argument && host > argument && text.get(host) == Some(&b'.')
        }
        _ => false,
    }
}

// --- Agents ---

/// Whether a word of the user agent is what a scanner calls itself.
fn is_scanner(agent: &[u8]) -> bool {
    let mut small = [0; 20];
    agent.split(|byte| !byte.is_ascii_alphanumeric()).any(|word| {
        let Some(small) = small.get_mut(..word.len()).filter(|_| word.len() > 3) else { return false };
        small.copy_from_slice(word);
        small.make_ascii_lowercase();
        matches!(
            &*small,
            b"acunetix"
                | b"arachni"
                | b"burp"
                | b"burpcollaborator"
                | b"commix"
                | b"dalfox"
                | b"dirb"
                | b"dirbuster"
                | b"dirsearch"
                | b"feroxbuster"
                | b"ffuf"
                | b"fimap"
                | b"fuzz"
                | b"gobuster"
                | b"havij"
                | b"jaeles"
                | b"joomscan"
                | b"jorgee"
                | b"l9explore"
                | b"l9tcpid"
                | b"masscan"
                | b"morfeus"
                | b"nessus"
                | b"netsparker"
                | b"nikto"
                | b"nmap"
                | b"nuclei"
                | b"openvas"
                | b"projectdiscovery"
                | b"skipfish"
                | b"sqlmap"
                | b"sqlninja"
                | b"w3af"
                | b"wfuzz"
                | b"whatweb"
                | b"wpscan"
                | b"xsstrike"
                | b"zaproxy"
                | b"zgrab"
                | b"zmeu"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_targets_need_the_table_alone() {
        for (path, query) in [
            ("/health", None),
            ("/api-docs/swagger-ui.css", None),
            ("/api/v2/products", Some("category=grocery&sort=-price,title&limit=20&fields=sku,title,price.amount")),
            ("/api/v2/products/TEA-001.b_2/reviews", Some("limit=3")),
            ("/api/v2/products/search", Some("q=caf%C3%A9+cr%C3%A8me%20%F0%9F%8D%B5")),
            ("/api/v2/products/search", Some("q=drop+table&limit=2")),
            ("/api/v2/products", Some("cursor=AZz3_k-Q0_unIT7")),
        ] {
            assert!(is_plain(path, query), "{path} {query:?}");
            assert_eq!(look_at_target(path, query), Suspicion::default(), "{path} {query:?}");
        }
    }

    /// The table must stop at every pattern there is, or the patterns that it lets through would never be seen.
    #[test]
    fn no_pattern_is_plain() {
        for (_, needle) in NEEDLES {
            let text = needle.replace('\t', "").replace('\u{1}', "7");
            for query in [text.replace(' ', "+"), text.replace(' ', "%20"), text.to_uppercase().replace(' ', "+")] {
                assert!(!is_plain("/api/v2/products", Some(&format!("q=x{query}x"))), "{query}");
            }
            for text in [text.replace(' ', "%20"), text.to_uppercase().replace(' ', "%20")] {
                assert!(!is_plain(&format!("/api/v2/products/x{text}"), None), "{text}");
            }
        }
        for query in
            ["q=1+or+1=1", "q=1%20OR%201%3D1", "q=%75nion+select+a+from+b", "q=1+uNioN+all+select+2", "q=onload="]
        {
            assert!(!is_plain("/api/v2/products", Some(query)), "{query}");
        }
        for path in
            ["/wp-admin", "/api/v2/.env", "/api/v2/productsx", "/api/v2/products/.git", "/health/..", "/health/%2e"]
        {
            assert!(!is_plain(path, None), "{path}");
        }
    }

    #[test]
    fn one_request_scores_the_most_at_most() {
        let found = of_target("/cgi-bin/../../etc/passwd", Some("q=%27+or+1=1--+<script>"));
        assert_eq!(found.points, MOST_POINTS);
        assert!(found.reasons.names().count() > 3);
        assert!(REASONS.iter().all(|(_, points)| *points <= MOST_POINTS));
    }

    #[test]
    fn names_below_our_own_paths_are_what_people_chose() {
        for path in ["/api/v2/products/INDEX.PHP", "/api/v2/products/actuator", "/api/v2/products/.5OZ-TEA"] {
            assert_eq!(of_target(path, None).points, 0, "{path}");
        }
        assert_eq!(of_target("/INDEX.PHP", None).points, 40);
        assert_eq!(of_target("/api/v2/products/.env", None).points, 60);
    }

    #[test]
    fn nothing_breaks_and_long_texts_end() {
        // Every pair and every cut of hostile pieces: nothing may index past an end.
        let pieces = [
            "'",
            "\"",
            " or ",
            "1",
            "=",
            "union",
            " ",
            "select",
            ";",
            "|",
            "$(",
            "`",
            "{{",
            "${",
            "<",
            "%",
            "%2",
            "%25",
            "%00",
            "%c0",
            "%c0%ae",
            "..",
            "/",
            "[",
            "$",
            "order by ",
            "--",
            "sleep(",
            "/*",
            "*/",
            "/*!",
            "&",
            "\u{e9}",
            "j",
            "javascript:",
            "\n",
            "and",
            "cat",
            "<%=",
            "+or+",
            "1+or+1",
            "onload",
            "drop+table",
            "__",
            "xp_",
            "wp-",
            ".env",
            "%}",
            "}",
        ];
        for first in pieces {
            for second in pieces {
                for third in ["", "'", " ", "=", "1"] {
                    let text = format!("{first}{second}{third}");
                    let found = look_at_target(&format!("/{text}"), Some(&text));
                    assert!(found.points <= MOST_POINTS);
                    for (path, query) in [
                        (format!("/api/v2/products/{text}"), None),
                        ("/health".to_owned(), Some(text.clone())),
                        ("/health".to_owned(), Some(format!("q={text}&x={text}"))),
                    ] {
                        if is_plain(&path, query.as_deref()) {
                            assert_eq!(look_at_target(&path, query.as_deref()).points, 0, "{path} {query:?}");
                        }
                    }
                    let long = text.repeat(600);
                    if third.is_empty() {
                        let _ = look_at_target("/", Some(&long[..]));
                    }
                }
            }
        }
    }

    #[test]
    fn hops_are_counted_over_all_fields() {
        let of = |hops: usize| {
            let half = vec!["10.0.0.1"; hops / 2].join(", ");
            let rest = vec!["10.0.0.2"; hops - hops / 2].join(", ");
            let fields = [("X-Forwarded-For", half), ("x-forwarded-for", rest)];
            of_headers(fields.iter().map(|(name, value)| (*name, value.as_bytes()))).points
        };
        assert_eq!((of(MOST_HOPS), of(MOST_HOPS + 1)), (0, 30));
    }
}
