//! What a start says and does without a terminal: the first admin, and the log.

use rustix::process::Signal;
use serde_json::json;

use crate::house::ADMIN;
use crate::running::{Running, complaint, entrepot, folder, run};

const MADE: &str = "five snowy nights in Tromsø";

/// A server whose first admin's password is in a file.
fn by_file(data: &std::path::Path, file: &std::path::Path) -> std::process::Command {
    let mut command = entrepot(data, &[]);
    command.env_remove("ENTREPOT_ADMIN_PASSWORD").env("ENTREPOT_ADMIN_PASSWORD_FILE", file);
    command
}

async fn sign_in(server: &Running, password: &str) -> u16 {
    let body = json!({"email": ADMIN, "password": password});
    server.client.post("/api/v2/auth/login").json(&body).await.status.as_u16()
}

#[tokio::test]
async fn the_first_admins_password_comes_out_of_a_file_once() {
    let folder = folder();
    let (data, file) = (folder.path().join("data"), folder.path().join("password"));
    let told = complaint(&by_file(&data, &file).args(["serve", "--port", "0"]).output().expect("it runs"));
    assert!(told.contains("cannot read admin.password_file") && told.contains("password"), "{told}");

    std::fs::write(&file, format!("{MADE}\n")).expect("written");
    let server = Running::start(by_file(&data, &file));
    assert_eq!(sign_in(&server, MADE).await, 200);
    assert!(!server.log().iter().any(|line| line.contains(MADE)), "no log has a password");
    // Logs are for people, too.
    server.client.post("/api/v2/auth/forgot").json(&json!({"email": ADMIN})).await.status(202);
    let sent = server.logged(|entry| entry["message"] == "a letter was sent").expect("it is sent");
    assert!(sent["sent"].as_str().is_some_and(|sent| sent.starts_with("to the file ")), "{sent}");
    assert!(server.end(Signal::TERM).1);

    // An admin who is there is never changed, and the file is not even read.
    std::fs::write(&file, "another one entirely, and long\n").expect("written");
    let server = Running::start(by_file(&data, &file));
    assert_eq!(sign_in(&server, MADE).await, 200);
    assert!(server.end(Signal::TERM).1);
    std::fs::remove_file(&file).expect("removed");
    let server = Running::start(by_file(&data, &file));
    assert_eq!(sign_in(&server, MADE).await, 200);
}

#[tokio::test]
async fn a_start_without_an_admin_names_the_ways_to_make_one() {
    let folder = folder();
    let data = folder.path().join("data");
    let mut command = entrepot(&data, &[]);
    command.env_remove("ENTREPOT_ADMIN_PASSWORD");
    let server = Running::start(command);
    let warned =
        server.logged(|entry| entry["message"].as_str().is_some_and(|text| text.contains("there is no admin")));
    let warned = warned.expect("a warning");
    let text = warned["message"].as_str().expect("a text");
    for way in ["entrepot admin you@shop.example", "ENTREPOT_ADMIN_EMAIL", "ENTREPOT_ADMIN_PASSWORD_FILE"] {
        assert!(text.contains(way), "{way}: {text}");
    }
    // Nobody can be asked whether to change somebody's account, so the address has to be named.
    let told = complaint(&run(&data, &["admin"]));
    assert!(told.contains("entrepot admin you@shop.example"), "{told}");
    assert!(run(&data, &["admin", ADMIN]).status.success());
}

#[test]
fn a_password_and_a_file_of_it_are_not_both_taken() {
    let folder = folder();
    let mut command = entrepot(folder.path(), &["config"]);
    let told = complaint(&command.env("ENTREPOT_ADMIN_PASSWORD_FILE", "/run/secrets/admin").output().expect("it runs"));
    assert!(told.contains("admin.password_file must not be set beside admin.password"), "{told}");
}

/// What a person sees, so on a terminal, which `script` makes.
#[test]
fn an_import_shows_how_far_it_is() {
    let folder = folder();
    let (data, file) = (folder.path().join("data"), folder.path().join("products.csv"));
    let head = "product_id,manufacturer_id,department,brand,product_category,product_type,package_size,list_price\n"
        .to_owned();
    let row = |at: usize| format!("{at},1,GROCERY,National,TEA,LEAVES,{at} OZ,1.00\n");
    std::fs::write(&file, (0..20_000).map(row).fold(head, |all, row| all + &row)).expect("written");
    let command = entrepot(&data, &["import", "products"]);
    let words = command.get_args().map(|word| word.to_str().expect("UTF-8"));
    let line = format!("{} {} {}", env!("CARGO_BIN_EXE_entrepot"), words.collect::<Vec<_>>().join(" "), file.display());
    let mut terminal = std::process::Command::new("script");
    terminal.args(["-qefc", &line, "/dev/null"]).env("TERM", "xterm").stdin(std::process::Stdio::null());
    let output = terminal.output().expect("script, of util-linux");
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && seen.contains("20,000 products new"), "{seen}");
    // How much of the file is read, then that the database is at work.
    assert!(seen.contains("reading █") && seen.contains("writing"), "{seen}");
}
