//! Letters that become files.

use std::time::Duration;

use entrepot_mail::{Attachment, Letter, MailError, Sent};

use crate::{Desk, desk, letter, settings};

fn writing() -> (tempfile::TempDir, Desk) {
    let folder = tempfile::tempdir().expect("a folder");
    let desk = desk(&settings(None, &folder.path().join("letters")));
    (folder, desk)
}

async fn write(desk: &Desk, letter: &Letter) -> String {
    desk.hand.advance(Duration::from_secs(1));
    match desk.mailer.send(letter).await.expect("it is written") {
        Sent::ToFile { id } => id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_letter_is_found_again_with_all_that_it_says() {
    let (_folder, desk) = writing();
    let attachments = vec![Attachment {
        name: "Übersicht.csv".to_owned(),
        content_type: "text/csv".to_owned(),
        bytes: b"sku,left\n1,2\n".to_vec(),
    }];
    let id = write(&desk, &Letter { attachments, ..letter("anna@bücher.example", "order 7") }).await;
    let listed = desk.mailer.letters(10).await.expect("a list");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, id);
    assert_eq!(listed[0].to, "anna@xn--bcher-kva.example");
    assert_eq!(listed[0].subject, "Grüße – お茶 ☕ for you");
    assert_eq!(listed[0].kind, "order_shipped");
    assert_eq!(listed[0].at.to_string(), "2026-01-02T03:04:06Z");
    let read = desk.mailer.letter(&id).await.expect("it is there");
    assert_eq!(read.summary, listed[0]);
    assert_eq!(read.text.replace('\r', "").trim_end(), "Dear Anna,\n.\nyour tea (größer) is on its way.");
    assert!(read.html.as_ref().is_some_and(|html| html.contains("(größer)")), "{:?}", read.html);
    assert!(read.headers.contains(&("Auto-Submitted".to_owned(), "auto-generated".to_owned())), "{:?}", read.headers);
    let [attachment] = read.attachments.as_slice() else { panic!("{:?}", read.attachments) };
    assert_eq!((attachment.name.as_str(), attachment.content_type.as_str()), ("Übersicht.csv", "text/csv"));
}

#[tokio::test]
async fn the_newest_come_first_and_the_oldest_are_removed() {
    let (_folder, desk) = writing();
    assert_eq!(desk.mailer.letters(10).await.expect("an empty list"), []);
    let mut ids = Vec::new();
    for number in 1..=5 {
        ids.push(write(&desk, &letter("anna@example.org", &number.to_string())).await);
    }
    let listed: Vec<String> =
        desk.mailer.letters(10).await.expect("a list").into_iter().map(|letter| letter.id).collect();
    assert_eq!(listed, [ids[4].clone(), ids[3].clone(), ids[2].clone()]);
    assert_eq!(desk.mailer.letters(1).await.expect("a list").len(), 1);
    assert!(matches!(desk.mailer.letter(&ids[0]).await, Err(MailError::NoSuchLetter)));
}

#[tokio::test]
async fn an_id_does_not_lead_out_of_the_folder() {
    let (folder, desk) = writing();
    let id = write(&desk, &letter("anna@example.org", "1")).await;
    std::fs::write(folder.path().join("secret.eml"), "Subject: secret\r\n\r\nsecret").expect("written");
    std::fs::write(folder.path().join("letters/secret.eml"), "Subject: secret\r\n\r\nsecret").expect("written");
    let absolute = folder.path().join("secret").display().to_string();
    let around = format!("../letters/{id}");
    for hostile in ["../secret", "secret", "..%2fsecret", "", ".", "..", "../secret\0", &absolute, &around] {
        let found = desk.mailer.letter(hostile).await;
        assert!(matches!(found, Err(MailError::NoSuchLetter)), "{hostile:?}: {found:?}");
    }
    desk.mailer.letter(&id).await.expect("its own id leads to it");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_an_error_that_may_pass() {
    let (folder, desk) = writing();
    std::fs::write(folder.path().join("letters"), "a file in its place").expect("written");
    let error = desk.mailer.send(&letter("anna@example.org", "1")).await.expect_err("there is no folder");
    assert!(matches!(error, MailError::Folder(_)) && !error.is_permanent(), "{error:?}");
}
