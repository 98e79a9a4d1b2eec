//! Servers that refuse, hang, go away or are not there, and what the breaker makes of it.

use std::net::TcpListener;
use std::time::Duration;

use entrepot_mail::{Letter, MailError, MailSettings, Mailer, Security, Sent, SmtpSettings};
use entrepot_runtime::{BreakerState, Breakers, Clock};

use crate::server::{Options, SmtpServer};
use crate::{Desk, desk, letter, sending_to, settings};

/// Long enough for a server that answers, short enough to wait for one that does not.
const SHORT: Duration = Duration::from_secs(3);

fn breaker_is_open(desk: &Desk) -> bool {
    desk.breakers.figures()[0].state == BreakerState::Open
}

/// Three failures in a row open it: the fourth letter is answered at once.
async fn assert_opens(desk: &Desk, letter: &Letter) -> Vec<MailError> {
    let mut errors = Vec::new();
    for attempt in 1..=3 {
        assert!(!breaker_is_open(desk), "attempt {attempt}");
        errors.push(desk.mailer.send(letter).await.expect_err("it fails"));
    }
    assert!(breaker_is_open(desk), "{errors:?}");
    let refused = desk.mailer.send(letter).await.expect_err("it is open");
    assert!(matches!(refused, MailError::BreakerOpen { .. }), "{refused:?}");
    assert!(!refused.is_permanent());
    let again_after = refused.again_after().expect("it says when");
    assert!(!again_after.is_zero() && again_after <= Duration::from_secs(10), "{again_after:?}");
    errors
}

#[tokio::test]
async fn a_recipient_that_is_refused_is_refused_for_good_and_opens_nothing() {
    let server = SmtpServer::plain();
    let desk = sending_to(server.settings());
    for attempt in 0..20 {
        let error = desk.mailer.send(&letter("refuse-550@example.org", "1")).await.expect_err("it is refused");
        assert!(error.is_permanent(), "{attempt}: {error:?}");
        let MailError::Refused { code: 550, said } = &error else { panic!("{attempt}: {error:?}") };
        assert_eq!(said, "550 refused as the address asks");
    }
    let too_large = desk.mailer.send(&letter("large-552@example.org", "1")).await.expect_err("it is refused");
    assert!(matches!(too_large, MailError::Refused { code: 552, .. }), "{too_large:?}");
    // Each on the connection of the last, and the connection is good for a letter that is taken.
    let sent = desk.mailer.send(&letter("anna@example.org", "2")).await.expect("it is taken");
    assert_eq!(sent, Sent::ByServer { said: "taken as 1".to_owned() });
    assert_eq!(server.taken()[0].told["to"], serde_json::json!(["anna@example.org"]));
    assert_eq!(server.events("connected"), 1);
    assert_eq!(desk.breakers.figures()[0].failures, 0);
}

#[tokio::test]
async fn letters_that_are_not_sent_do_not_count_and_a_letter_that_is_sent_again_does() {
    let server = SmtpServer::plain();
    let desk = desk(&MailSettings {
        per_recipient: (2, Duration::from_secs(60)),
        ..settings(Some(server.settings()), std::path::Path::new("none"))
    });
    for key in ["1", "2", "3", "4"] {
        let error = desk.mailer.send(&letter("refuse-550@example.org", key)).await.expect_err("it is refused");
        assert!(matches!(error, MailError::Refused { .. }), "{key}: {error:?}");
    }
    for _ in 0..2 {
        desk.mailer.send(&letter("anna@example.org", "1")).await.expect("it is taken");
    }
    let error = desk.mailer.send(&letter("anna@example.org", "1")).await.expect_err("these are enough");
    assert!(matches!(error, MailError::TooManyForRecipient { .. }), "{error:?}");
}

#[tokio::test]
async fn a_letter_that_is_not_taken_now_is_tried_again_later() {
    let server = SmtpServer::plain();
    let desk = sending_to(server.settings());
    for _ in 0..20 {
        let error = desk.mailer.send(&letter("busy-451@example.org", "1")).await.expect_err("it is not taken");
        assert!(matches!(error, MailError::Busy { code: 451, .. }) && !error.is_permanent(), "{error:?}");
    }
    assert_eq!(desk.breakers.figures()[0].failures, 0);
}

#[tokio::test]
async fn a_server_that_says_that_it_goes_away_is_left_alone() {
    let server = SmtpServer::plain();
    let errors = assert_opens(&sending_to(server.settings()), &letter("closing-421@example.org", "1")).await;
    assert!(errors.iter().all(|error| matches!(error, MailError::Busy { code: 421, .. })), "{errors:?}");
    assert_eq!(server.events("connected"), 3, "such a connection is not used again");
}

#[tokio::test]
async fn letters_that_wait_for_their_turn_are_not_begun_once_the_breaker_is_open() {
    let server = SmtpServer::plain();
    let desk = sending_to(SmtpSettings { connections: 1, ..server.settings() });
    let letters: Vec<_> = (0..6).map(|number| letter("closing-421@example.org", &number.to_string())).collect();
    let (a, b, c, d, e, f) = tokio::join!(
        desk.mailer.send(&letters[0]),
        desk.mailer.send(&letters[1]),
        desk.mailer.send(&letters[2]),
        desk.mailer.send(&letters[3]),
        desk.mailer.send(&letters[4]),
        desk.mailer.send(&letters[5]),
    );
    let errors = [a, b, c, d, e, f].map(|ended| ended.expect_err("the server goes away"));
    let refused = errors.iter().filter(|error| matches!(error, MailError::BreakerOpen { .. })).count();
    assert_eq!((refused, server.events("connected")), (3, 3), "{errors:?}");
}

#[tokio::test]
async fn a_greeting_that_refuses_everybody_is_about_the_server() {
    for (greeting, code) in [("554 no service", None), ("421 too busy", Some(421)), ("451 not now", Some(451))] {
        let server = SmtpServer::start(Options { greeting: Some(greeting), ..Options::default() });
        let desk = sending_to(server.settings());
        let error = desk.mailer.send(&letter("anna@example.org", "1")).await.expect_err("it is not greeted");
        assert!(!error.is_permanent(), "{error:?}");
        match &error {
            MailError::Busy { code: said, .. } => assert_eq!(Some(*said), code, "{greeting}"),
            MailError::Unreachable(_) => assert_eq!(code, None, "{greeting}"),
            other => panic!("{greeting}: {other:?}"),
        }
        let is_failure = code != Some(451);
        assert_eq!(desk.breakers.figures()[0].failures, u64::from(is_failure), "{greeting}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_opens_the_breaker() {
    let mut server = SmtpServer::plain();
    server.stop();
    let errors = assert_opens(&sending_to(server.settings()), &letter("anna@example.org", "1")).await;
    for error in errors {
        assert!(matches!(error, MailError::Unreachable(_)) && !error.is_permanent(), "{error:?}");
        assert!(std::error::Error::source(&error).is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_takes_the_connection_and_says_nothing_is_given_up() {
    for security in [Security::None, Security::Tls] {
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        let smtp = SmtpSettings {
            host: "127.0.0.1".to_owned(),
            port: silent.local_addr().expect("it has one").port(),
            security,
            user: String::new(),
            password: String::new(),
            timeout: Duration::from_millis(200),
            connections: 1,
            extra_roots_pem: None,
        };
        let errors = assert_opens(&sending_to(smtp), &letter("anna@example.org", "1")).await;
        for error in errors {
            assert!(matches!(error, MailError::TimedOut(_)) && !error.is_permanent(), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_hangs_half_way_is_given_up_and_its_connection_with_it() {
    let server = SmtpServer::plain();
    let desk = sending_to(SmtpSettings { timeout: SHORT, connections: 1, ..server.settings() });
    let late = desk.mailer.send(&letter("late@example.org", "1")).await.expect_err("there is no answer");
    assert!(matches!(late, MailError::TimedOut(_)), "{late:?}");
    let hung = desk.mailer.send(&letter("hang@example.org", "2")).await.expect_err("there is no answer");
    assert!(matches!(hung, MailError::TimedOut(_)), "{hung:?}");
    // What the server says to this letter is about this letter.
    let sent = desk.mailer.send(&letter("anna@example.org", "3")).await.expect("it is taken");
    assert_eq!(sent, Sent::ByServer { said: "taken as 2".to_owned() });
    assert_eq!(server.events("connected"), 3);
}

#[tokio::test]
async fn a_letter_whose_answer_never_came_keeps_its_place_and_is_tried_again_in_it() {
    let server = SmtpServer::plain();
    let smtp = SmtpSettings { timeout: SHORT, ..server.settings() };
    let desk = desk(&MailSettings {
        per_recipient: (1, Duration::from_secs(60)),
        ..settings(Some(smtp), std::path::Path::new("none"))
    });
    for _ in 0..2 {
        let error = desk.mailer.send(&letter("late@example.org", "1")).await.expect_err("there is no answer");
        assert!(matches!(error, MailError::TimedOut(_)), "{error:?}");
    }
    let other = desk.mailer.send(&letter("late@example.org", "2")).await.expect_err("its place is taken");
    assert!(matches!(other, MailError::TooManyForRecipient { .. }), "{other:?}");
}

#[tokio::test]
async fn a_letter_does_not_wait_for_a_connection_for_ever() {
    let server = SmtpServer::plain();
    let desk = sending_to(SmtpSettings { timeout: SHORT, connections: 1, ..server.settings() });
    let letters = [letter("hang@example.org", "1"), letter("hang@example.org", "2"), letter("hang@example.org", "3")];
    let (one, two, three) =
        tokio::join!(desk.mailer.send(&letters[0]), desk.mailer.send(&letters[1]), desk.mailer.send(&letters[2]));
    let errors = [one, two, three].map(|ended| ended.expect_err("nothing is answered"));
    let crowded = errors.iter().filter(|error| matches!(error, MailError::Crowded(_))).count();
    assert!(crowded >= 1, "{errors:?}");
    assert!(errors.iter().all(|error| matches!(error, MailError::Crowded(_) | MailError::TimedOut(_))), "{errors:?}");
    assert!(desk.breakers.figures()[0].failures < 3, "waiting for one's turn is not the server's fault");
}

#[tokio::test]
async fn a_call_that_is_dropped_takes_its_connection_with_it() {
    let server = SmtpServer::plain();
    let desk = sending_to(SmtpSettings { connections: 1, ..server.settings() });
    let late = letter("late@example.org", "1");
    let arrives = async {
        while server.taken().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        ended = desk.mailer.send(&late) => panic!("it is never answered: {ended:?}"),
        () = arrives => {}
    }
    let sent = desk.mailer.send(&letter("anna@example.org", "2")).await.expect("it is taken");
    assert_eq!(sent, Sent::ByServer { said: "taken as 2".to_owned() });
    assert_eq!(server.events("connected"), 2);
}

#[tokio::test]
async fn what_cannot_be_sent_never_reaches_the_server() {
    let server = SmtpServer::plain();
    let desk = sending_to(server.settings());
    for to in ["", "anna", "anna@example.org\r\nRCPT TO:<eve@example.org>", "anna@example.org>\r\nDATA", "ä@b.example"]
    {
        let error = desk.mailer.send(&letter(to, "1")).await.expect_err("it is no address");
        assert!(matches!(error, MailError::BadAddress(_)) && error.is_permanent(), "{to:?}: {error:?}");
    }
    let subject = "Tea\r\nBcc: eve@example.org".to_owned();
    let error = desk.mailer.send(&Letter { subject, ..letter("anna@example.org", "1") }).await;
    assert!(matches!(&error, Err(error @ MailError::BadLetter(_)) if error.is_permanent()), "{error:?}");
    assert_eq!(desk.breakers.figures()[0].calls, 0);
}

#[tokio::test]
async fn settings_that_cannot_work_are_told_at_the_start() {
    let server = SmtpServer::plain();
    let good = settings(Some(server.settings()), std::path::Path::new("none"));
    let told = |changed: MailSettings| match Mailer::new(&changed, Clock::system(), &Breakers::default()) {
        Err(MailError::Settings(problem)) => problem,
        other => panic!("{other:?}"),
    };
    let from = "Tea\r\nBcc: eve@example.org <shop@example.org>".to_owned();
    assert!(told(MailSettings { from, ..good.clone() }).contains("from"));
    assert!(told(MailSettings { reply_to: Some("help".to_owned()), ..good.clone() }).contains("answers"));
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    let smtp = SmtpSettings { security: Security::Tls, extra_roots_pem: Some(pem), ..server.settings() };
    assert!(!told(MailSettings { smtp: Some(smtp), ..good }).is_empty());
}
