//! The words, in English and German. They say what is known and nothing more: whether an order went
//! through is the shop's to know.

use super::{
    Page, Trouble,
    negotiation::Language::{self, English, German},
    report::ReportError,
};
use kernel::RouteClass;

/// What stands on every page.
pub(super) struct Words {
    pub(super) retry: &'static str,
    /// Followed by a number of seconds and `seconds`.
    pub(super) waits: &'static str,
    pub(super) seconds: &'static str,
    pub(super) reference: &'static str,
    pub(super) keep: &'static str,
    pub(super) report: &'static str,
    pub(super) report_label: &'static str,
    pub(super) report_hint: &'static str,
    pub(super) send: &'static str,
    pub(super) contact: &'static str,
    pub(super) thanks_title: &'static str,
    pub(super) thanks: &'static str,
    pub(super) back: &'static str,
}

pub(super) fn page_words(language: Language) -> &'static Words {
    const ENGLISH: Words = Words {
        retry: "Try again",
        waits: "This page tries again by itself every",
        seconds: "seconds. You can leave it open.",
        reference: "Reference",
        keep: "Please name the reference when you write or call.",
        report: "Tell the shop what happened",
        report_label: "What were you doing, and what did you expect?",
        report_hint: "Please no card numbers or passwords.",
        send: "Send",
        contact: "You can reach the shop at",
        thanks_title: "Thank you",
        thanks: "Your report is noted for the people who run the shop.",
        back: "Back to the shop",
    };
    const GERMAN: Words = Words {
        retry: "Noch einmal versuchen",
        waits: "Diese Seite versucht es von selbst wieder, alle",
        seconds: "Sekunden. Sie können sie offen lassen.",
        reference: "Kennung",
        keep: "Bitte nennen Sie die Kennung, wenn Sie schreiben oder anrufen.",
        report: "Dem Shop sagen, was passiert ist",
        report_label: "Was haben Sie gerade gemacht, und was haben Sie erwartet?",
        report_hint: "Bitte keine Kartennummern oder Passwörter.",
        send: "Absenden",
        contact: "Sie erreichen den Shop unter",
        thanks_title: "Danke",
        thanks: "Ihr Hinweis ist für die Betreiber des Shops vermerkt.",
        back: "Zurück zum Shop",
    };
    match language {
        English => &ENGLISH,
        German => &GERMAN,
    }
}

/// The headline.
pub(super) fn title(trouble: Trouble, language: Language) -> &'static str {
    let (english, german) = match trouble {
        Trouble::Held => ("We’ll be right with you", "Wir sind gleich für Sie da"),
        Trouble::Full => ("It’s busy right now", "Gerade ist viel los"),
        Trouble::Unreachable => ("We can’t reach the shop", "Der Shop ist nicht erreichbar"),
        Trouble::BrokenOff => ("Something went wrong", "Da ist etwas schiefgegangen"),
        Trouble::TimedOut => ("This is taking too long", "Das dauert zu lange"),
        Trouble::UnknownHost => {
            ("There is no shop at this address", "Unter dieser Adresse gibt es keinen Shop")
        }
        Trouble::BodyTooLarge => ("That was too large", "Das war zu groß"),
        Trouble::NoRoom => ("We can’t take that right now", "Das geht gerade nicht"),
        Trouble::Slow => ("We lost you on the way", "Unterwegs ging etwas verloren"),
        Trouble::Malformed | Trouble::Method => {
            ("We didn’t understand that", "Das haben wir nicht verstanden")
        }
    };
    match language {
        English => english,
        German => german,
    }
}

/// What happened, in a sentence or two, with the shop's name where there is one.
pub(super) fn lead(trouble: Trouble, shop: Option<&str>, language: Language) -> String {
    let shop = shop.unwrap_or(match language {
        English => "The shop",
        German => "Der Shop",
    });
    let (english, german) = lead_pattern(trouble);
    let pattern = match language {
        English => english,
        German => german,
    };
    // Only the pattern's own mark is replaced: a shop's name may hold anything.
    match pattern.split_once("{shop}") {
        Some((before, after)) => format!("{before}{shop}{after}"),
        None => pattern.to_owned(),
    }
}

fn lead_pattern(trouble: Trouble) -> (&'static str, &'static str) {
    match trouble {
        Trouble::Held => {
            ("{shop} is not answering at this moment.", "{shop} antwortet in diesem Moment nicht.")
        }
        Trouble::Full => (
            "{shop} has more visitors at this moment than it can serve at once.",
            "{shop} hat in diesem Moment mehr Besuch, als auf einmal bedient werden kann.",
        ),
        Trouble::Unreachable => (
            "{shop} is not answering at this moment. It is not your connection.",
            "{shop} antwortet in diesem Moment nicht. An Ihrer Verbindung liegt es nicht.",
        ),
        Trouble::BrokenOff => (
            "{shop} broke off before its answer was complete.",
            "{shop} hat abgebrochen, bevor die Antwort vollständig war.",
        ),
        Trouble::TimedOut => {
            ("{shop} did not answer in time.", "{shop} hat nicht rechtzeitig geantwortet.")
        }
        Trouble::UnknownHost => (
            "Please check the address for typing mistakes.",
            "Bitte prüfen Sie die Adresse auf Tippfehler.",
        ),
        Trouble::BodyTooLarge => (
            "What you sent is larger than this shop accepts. A smaller file or picture may work.",
            "Was Sie gesendet haben, ist größer, als dieser Shop annimmt. Mit einer kleineren Datei \
             klappt es vielleicht.",
        ),
        Trouble::NoRoom => (
            "There is no room for what you sent at this moment. Please try again later.",
            "Für das, was Sie gesendet haben, ist im Moment kein Platz. Bitte versuchen Sie es \
             später noch einmal.",
        ),
        Trouble::Slow => (
            "Your request did not arrive completely. Perhaps the connection is weak.",
            "Ihre Anfrage kam nicht vollständig an. Vielleicht ist die Verbindung schwach.",
        ),
        Trouble::Malformed | Trouble::Method => (
            "Your browser sent something that this shop cannot read.",
            "Ihr Browser hat etwas gesendet, das dieser Shop nicht lesen kann.",
        ),
    }
}

/// What it means for an order, for someone who may be in checkout. `None` where there is nothing
/// that is both true and useful.
pub(super) fn meaning(page: &Page<'_>, language: Language) -> Option<&'static str> {
    let (english, german) = match page.trouble {
        Trouble::UnknownHost => return None,
        _ if page.unsure() => (
            "We don’t know whether the shop received what you sent. If this was an order or a \
             payment, please look for a confirmation before you try again.",
            "Wir wissen nicht, ob der Shop erhalten hat, was Sie gesendet haben. Falls es eine \
             Bestellung oder Zahlung war, sehen Sie bitte nach einer Bestätigung, bevor Sie es \
             noch einmal versuchen.",
        ),
        _ if is_about_money(page.class) && page.method.is_safe() => (
            "If you have just ordered or paid, please look for a confirmation before you do it \
             again.",
            "Falls Sie gerade bestellt oder bezahlt haben, sehen Sie bitte nach einer \
             Bestätigung, bevor Sie es noch einmal tun.",
        ),
        _ if !page.method.is_safe() => (
            "What you sent did not reach the shop: by it nothing was ordered, paid or changed in \
             your cart.",
            "Was Sie gesendet haben, hat den Shop nicht erreicht: Dadurch wurde nichts bestellt, \
             nichts bezahlt und nichts am Warenkorb geändert.",
        ),
        _ if page.trouble.passes() => {
            ("This changed nothing in your cart.", "An Ihrem Warenkorb hat das nichts geändert.")
        }
        _ => return None,
    };
    Some(match language {
        English => english,
        German => german,
    })
}

/// Where the visitor may have ordered or paid a moment ago.
fn is_about_money(class: RouteClass) -> bool {
    matches!(class, RouteClass::Checkout | RouteClass::Payment | RouteClass::Confirmation)
}

/// What is wrong with a report, for whoever wrote it.
pub(super) fn report_trouble(error: ReportError, language: Language) -> &'static str {
    let (english, german) = match error {
        ReportError::Empty => {
            ("Please write a few words first.", "Bitte schreiben Sie zuerst ein paar Worte.")
        }
        ReportError::TooLong | ReportError::TooLarge => (
            "That is too long. 2,000 characters fit.",
            "Das ist zu lang. 2.000 Zeichen haben Platz.",
        ),
        ReportError::Reference | ReportError::Form => (
            "This report cannot be read. Please use the form on the page.",
            "Dieser Hinweis ist nicht lesbar. Bitte nutzen Sie das Formular auf der Seite.",
        ),
    };
    match language {
        English => english,
        German => german,
    }
}
