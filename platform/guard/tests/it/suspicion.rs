//! Suspicion, held against lists: what honest clients send, and what scanners and attackers send.
//!
//! A line is `METHOD target`, then tab-separated `Name: value` fields, then `body:<json>` where there is one; an
//! attack begins with the points it must reach. Bodies are there to show that they are not looked at.

use std::collections::BTreeSet;

use entrepot_guard::suspicion::{self, Suspicion, of_headers, of_target};

const HONEST: &str = include_str!("honest.txt");
const ATTACKS: &str = include_str!("attacks.txt");

/// One request of a list.
struct Request<'a> {
    path: &'a str,
    query: Option<&'a str>,
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Request<'a> {
    fn read(line: &'a str) -> Self {
        let mut parts = line.split('\t');
        let (_, target) = parts.next().and_then(|start| start.split_once(' ')).expect("a method and a target");
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let fields = parts.filter(|part| !part.starts_with("body:"));
        let fields = fields.map(|field| field.split_once(": ").expect("a name and a value")).collect();
        Self { path, query, fields }
    }

    fn looks(&self) -> [Suspicion; 2] {
        let fields = self.fields.iter().map(|(name, value)| (*name, value.as_bytes()));
        [of_target(self.path, self.query), of_headers(fields)]
    }

    fn reasons(&self) -> Vec<&'static str> {
        self.looks().into_iter().flat_map(|found| found.reasons.names()).collect()
    }
}

#[test]
fn honest_requests_score_nothing() {
    let wrong: Vec<_> = HONEST
        .lines()
        .map(|line| (line, Request::read(line).reasons()))
        .filter(|(_, reasons)| !reasons.is_empty())
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_honest_list_has_200_distinct_requests() {
    assert_eq!(HONEST.lines().count(), 200);
    assert_eq!(HONEST.lines().collect::<BTreeSet<_>>().len(), 200);
    for line in HONEST.lines() {
        let target = line.split(['\t', ' ']).nth(1).expect("a target");
        // What RFC 3986 lets stand in a target, and what browsers leave as it is.
        assert!(
            target.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte)),
            "not a target: {target}"
        );
    }
}

#[test]
fn attacks_reach_their_points() {
    assert!(ATTACKS.lines().count() >= 80);
    let wrong: Vec<_> = ATTACKS
        .lines()
        .filter_map(|line| {
            let (wanted, line) = line.split_once('\t').expect("points and a request");
            let wanted: u32 = wanted.parse().expect("points");
            let request = Request::read(line);
            let points: u32 = request.looks().iter().map(|found| found.points).sum();
            (points < wanted).then(|| (wanted, points, line, request.reasons()))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn one_look_never_reaches_a_threshold_of_100() {
    for line in ATTACKS.lines() {
        let (_, line) = line.split_once('\t').expect("points and a request");
        for found in Request::read(line).looks() {
            assert!(found.points <= suspicion::MOST_POINTS, "{line}");
            assert_eq!(found.points == 0, found.reasons.is_empty(), "{line}");
        }
    }
}

#[test]
fn plain_targets_are_decided_by_the_table_alone() {
    let plain = |line: &str| {
        let request = Request::read(line);
        suspicion::is_plain(request.path, request.query)
    };
    assert!(plain("GET /api/v2/products/search?q=green+tea&limit=20&sort=-price,title"));
    assert!(plain("GET /api/v2/products/TEA-001"));
    assert!(plain("GET /health"));
    // Odd as the honest list is, the table decides much of it, and nothing of the attacks.
    assert!(HONEST.lines().filter(|line| plain(line)).count() >= 80);
    for line in ATTACKS.lines() {
        let (_, line) = line.split_once('\t').expect("points and a request");
        let request = Request::read(line);
        assert!(
            !plain(line) || !of_headers(request.fields.iter().map(|(n, v)| (*n, v.as_bytes()))).reasons.is_empty(),
            "{line}"
        );
    }
}
