//! Ends the PostgreSQL that test runs share; `script/test` runs it when it is done.

fn main() {
    entrepot_testkit::end_shared_server();
}
