//! `storewarden check`: what a configuration means, or everything that is wrong with it.

use crate::{cli::Exit, configuration, remote::print};
use kernel::config::explain;
use serde_json::json;
use std::path::Path;

pub(crate) fn run(file: &Path, as_json: bool) -> anyhow::Result<Exit> {
    match configuration::load(file)?.meaning {
        Ok(configuration) => {
            let environment = |name: &str| std::env::var(name).ok();
            let explanation = explain(&configuration, shops::known(&environment));
            if as_json {
                print(format!("{}\n", serde_json::to_string_pretty(&explanation)?).as_bytes())?;
            } else {
                print(explanation.to_string().as_bytes())?;
            }
            Ok(Exit::Fine)
        }
        Err(mistakes) => {
            if as_json {
                let error = json!({
                    "code": "configuration",
                    "message": mistakes.message,
                    "details": mistakes.details,
                });
                let text = serde_json::to_string_pretty(&json!({ "error": error }))?;
                print(format!("{text}\n").as_bytes())?;
            } else {
                for line in &mistakes.details {
                    eprintln!("{line}");
                }
                eprintln!("storewarden: {}", mistakes.message);
            }
            Ok(Exit::Configuration)
        }
    }
}
