//! Schedules of reports whose owners may no longer have them: each is switched off at its next slot.

use serde_json::{Value, json};

use crate::house::{PASSWORD, text};
use crate::telling::{chain, eventually, number};

#[tokio::test]
async fn a_schedule_of_somebody_who_may_have_no_such_report_any_more_is_switched_off_and_makes_none() {
    let (house, admin) = chain().await;
    let server = house.server.bearing(&admin);
    let weekly = json!({"kind": "sales", "parameters": {"period": "last-week"}, "pattern": "0 6 * * 1"});
    let mut schedules = Vec::new();
    for name in ["deleted", "blocked", "demoted", "kept"] {
        let email = format!("{name}@shop.example");
        let body = json!({"email": email, "name": name, "role": "manager", "password": PASSWORD});
        let person = text(&server.post("/api/v2/users").json(&body).await.created(), "id");
        let token = house.token(&email).await;
        let schedule = house.server.bearing(&token).post("/api/v2/reports/schedules").json(&weekly).await.created();
        schedules.push((name, format!("/api/v2/users/{person}"), text(&schedule, "id")));
    }
    let person = |name: &str| &schedules.iter().find(|(of, ..)| *of == name).expect("there is one").1;
    server.delete(person("deleted")).await.status(204);
    server.patch(person("blocked")).merge_patch(&json!({"status": "blocked"})).await.ok();
    server.patch(person("demoted")).merge_patch(&json!({"role": "customer"})).await.ok();
    let is_enabled = async |id: &str| {
        let list = server.get("/api/v2/reports/schedules").await.ok();
        let of_id = |one: &&Value| one["id"] == id;
        list["data"].as_array().expect("a list").iter().find(of_id).expect("it is there")["isEnabled"] == true
    };

    // Twice: what was switched off stays so, and the other goes on.
    for slots in 1..=2 {
        let client = house.database.client().await;
        client
            .batch_execute(
                "UPDATE reports.schedule SET next_at = now() - interval '1 hour' WHERE is_enabled;
                 INSERT INTO jobs.job (queue, kind, priority, tenant, payload, status, run_at, max_attempts, created_at)
                 VALUES ('reports', 'due-reports', 1, '', '{}', 'available', now(), 4, now());",
            )
            .await
            .expect("their slots have come");
        eventually("they were looked at", async || {
            (number(&house, "SELECT count(*) FROM jobs.job WHERE kind = 'due-reports'").await == 0).then_some(())
        })
        .await;
        for (name, _, id) in &schedules {
            assert_eq!(is_enabled(id).await, *name == "kept", "{name}");
            let made = format!("SELECT count(*) FROM reports.report WHERE schedule_id = '{id}'");
            assert_eq!(number(&house, &made).await, if *name == "kept" { slots } else { 0 }, "{name}");
        }
    }
    let failed = "SELECT count(*) FROM jobs.ended WHERE queue = 'reports' AND outcome = 'discarded'";
    assert_eq!(number(&house, failed).await, 0, "nothing was tried in vain");
}

/// Monday morning in Auckland is Sunday in Greenwich: the week that has just ended there is the last one, however late
/// the report is made.
#[tokio::test]
async fn a_period_is_reckoned_from_the_schedules_own_day() {
    let (house, admin) = chain().await;
    let server = house.server.bearing(&admin);
    let schedule = json!({
        "kind": "sales", "parameters": {"period": "last-week"}, "pattern": "0 6 * * 1", "zone": "Pacific/Auckland",
        "format": "xlsx",
    });
    for wrong in ["boss@shop..example", "a b@c d", "b@ss@shop.example", "boss"] {
        let mut body = schedule.clone();
        body["mailTo"] = json!(wrong);
        let refused = server.post("/api/v2/reports/schedules").json(&body).await;
        assert_eq!(refused.problem(422, "web.invalid_body")["errors"][0]["pointer"], "/mailTo", "{wrong}");
    }
    let id = text(&server.post("/api/v2/reports/schedules").json(&schedule).await.created(), "id");
    let client = house.database.client().await;
    client
        .batch_execute(
            "UPDATE reports.schedule SET next_at = '2024-01-14T17:00:00Z';
             INSERT INTO jobs.job (queue, kind, priority, tenant, payload, status, run_at, max_attempts, created_at)
             VALUES ('reports', 'due-reports', 1, '', '{}', 'available', now(), 4, now());",
        )
        .await
        .expect("its slot has come");
    let made = format!("/api/v2/reports?scheduleId={id}");
    let report = eventually("the report", async || {
        let list = server.get(&made).await.ok();
        list["data"].as_array().and_then(|list| list.iter().find(|one| one["status"] == "done").cloned())
    })
    .await;
    assert_eq!(report["period"], "8 to 14 January 2024", "{report}");
}
