//! The reasons of journeys alone, in sentences.

use super::Says;

pub(super) fn english(code: &str, says: &Says<'_>) -> Option<String> {
    let text = |name| says.text(name);
    Some(match code {
        "variable_missing" => format!("nobody gave {}", text("variable")),
        "capture_missing" => {
            format!("{} is not in the answer, and later steps need it", text("variable"))
        }
        "arrived_elsewhere" => {
            format!("it ended on {}, not on {}", text("found"), text("expected"))
        }
        "leads_elsewhere" => format!("it leads away to {}", text("place")),
        "graphql_errors" => format!("its answer holds errors: {}", text("said")),
        _ => return None,
    })
}

pub(super) fn german(code: &str, says: &Says<'_>) -> Option<String> {
    let text = |name| says.text(name);
    Some(match code {
        "variable_missing" => format!("niemand hat {} angegeben", text("variable")),
        "capture_missing" => format!(
            "{} steht nicht in der Antwort, und spätere Schritte brauchen es",
            text("variable")
        ),
        "arrived_elsewhere" => {
            format!("der Schritt endete auf {}, nicht auf {}", text("found"), text("expected"))
        }
        "leads_elsewhere" => format!("es führt weg zu {}", text("place")),
        "graphql_errors" => format!("die Antwort enthält Fehler: {}", text("said")),
        _ => return None,
    })
}
