//! What a visitor writes on an error page reaches whoever looks at the interface.

use crate::trade::{GRACE, LONG, program, storewarden};
use anyhow::{Context, Result, ensure};
use demo::{
    customers::Client,
    stage::{SHOP, Stage, StageOptions},
};
use testkit::wait_until;

#[tokio::test(flavor = "multi_thread")]
async fn a_visitors_report_is_shown() -> Result<()> {
    let storewarden_program = Some(program("storewarden")?);
    let options = StageOptions {
        storewarden: storewarden_program,
        per_minute: 0,
        ..StageOptions::new(program("demo")?)
    };
    let stage = Stage::start(options).await?;
    let mut visitor = Client::new(stage.entrance(), "127.0.0.1");
    let page = visitor.request("GET", "/", None).await?;
    let reference = page.header("x-request-id").context("every answer has a name")?.to_owned();
    for what in ["the+cart+is+empty", "I+paid+%3Cb%3Etwice%3C/b%3E"] {
        let form = format!("reference={reference}&what={what}");
        let path = "/.well-known/storewarden/report";
        let answer = visitor.request("POST", path, Some(&form)).await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    }
    let expected = ["\"visitor_reports\"", "\"count\":2", &reference, "I paid <b>twice</b>"];
    wait_until("both reports, the newest in full", LONG, async || {
        let state = storewarden(&stage)?.api("GET", &format!("/shops/{SHOP}")).await?;
        let missing = expected.iter().find(|part| !state.text().contains(**part));
        missing.map_or(Ok(()), |part| Err(anyhow::anyhow!("{part} is missing in {}", state.text())))
    })
    .await;
    stage.shutdown(GRACE).await
}
