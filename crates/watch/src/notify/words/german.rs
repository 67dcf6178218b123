//! German.

use super::Says;

pub(super) fn finding(code: &str, says: &Says<'_>) -> Option<String> {
    let text = |name| says.text(name);
    Some(match code {
        "access_log_lossy" => {
            format!("Das Zugriffsprotokoll verlor in der letzten Minute {} Zeilen", text("dropped"))
        }
        "all_down" => "Keine Instanz antwortet; Besucher werden eine Weile gehalten".to_owned(),
        "certificate_ending" => {
            format!("Das Zertifikat von {} endet in {}", text("host"), says.until("ends_ms"))
        }
        "certificate_failed" => format!("Kein Zertifikat für {}: {}", text("host"), text("error")),
        "checkout_errors" => {
            format!("{} von {} Bestellvorgängen scheiterten", text("failed"), text("total"))
        }
        "queue_stuck" => format!(
            "Die Warteschlange {} hängt: {} Aufträge warten, der älteste seit {}",
            text("queue"),
            text("waiting"),
            says.span("waits_ms")
        ),
        "check_failing" => format!("{} schlägt fehl: {}", text("check"), says.check_reason()),
        "check_unknown" => {
            format!("Ob {} geht, ist nicht bekannt: {}", text("check"), says.check_reason())
        }
        "check_certificate_ending" => format!(
            "Das Zertifikat an {} endet in {}",
            text("place"),
            says.until("ends_ms")
        ),
        "clock_off" => format!("Die Uhr des Rechners sprang um {}", says.span("jump_ms")),
        "configuration_rejected" => {
            format!("Die Konfiguration wurde nicht übernommen: {}", text("error"))
        }
        "checkpoint_undelivered" => format!(
            "Prüfpunkte des Ledgers können nicht abgelegt werden, Ziel {}: {}",
            text("to"),
            text("error")
        ),
        "disk_nearly_full" => format!(
            "Der Datenträger von {} ist fast voll: {} frei",
            text("path"),
            says.bytes("free_bytes")
        ),
        "edge_away" => "Der Edge meldet sich nicht; was Besucher sehen, ist unbekannt".to_owned(),
        "errors_up" => format!("{} der Anfragen enden mit einem Fehler", says.share("share")),
        "holding" => {
            format!("Besucher warten: {} gehalten, {} angestellt", text("held"), text("queued"))
        }
        "instance_down" => {
            format!("Instanz {} ist ausgefallen: {}", text("instance"), text("error"))
        }
        "instance_draining" => format!("Instanz {} läuft leer", text("instance")),
        "instance_hung" => {
            format!("Instanz {} läuft und antwortet nicht: {}", text("instance"), text("error"))
        }
        "latency_up" => format!(
            "Seiten sind langsam geworden: Jede zwanzigste braucht länger als {}, sonst {}",
            says.seconds("p95_ms"),
            says.seconds("usual_ms")
        ),
        "ledger_broken" => format!(
            "Das Ledger stimmt nicht mehr: Eintrag {} wurde nicht von Storewarden geändert",
            text("sequence")
        ),
        "memory_leaking" => {
            format!("Der Speicher wächst stetig; in etwa {} ist er voll", says.span("full_in_ms"))
        }
        "notify_failing" => {
            format!("{} kann nicht benachrichtigt werden: {}", text("route"), text("error"))
        }
        "upgrade_taken_back" => format!(
            "Storewarden {} ist nicht angelaufen, und {} läuft wieder: {}",
            text("version"),
            text("runs"),
            text("error")
        ),
        "orders_stopped" => format!(
            "Seit {} keine Bestellung, üblich wären {}",
            says.until("since_ms"),
            text("expected")
        ),
        "logs_unreadable" => format!("Die Zugriffsprotokolle sagen nichts: {}", text("error")),
        "log_lines_broken" => format!(
            "{} Zeilen der Zugriffsprotokolle passen nicht zu ihrem Format, {} von allen",
            text("lines"),
            says.share("share")
        ),
        "orders_unreadable" => {
            format!("Bestellungen können nicht aus der Datenbank gelesen werden: {}", text("error"))
        }
        "nothing_reachable" => format!(
            "Seit {} ist von hier aus nichts zu erreichen, weder andere Storewarden noch sonst wer",
            says.until("since_ms")
        ),
        "page_unreachable" => {
            format!("{} ist von hier aus nicht zu erreichen: {}", text("url"), text("error"))
        }
        "backup_damaged" => format!(
            "Die Backups bei {} sind beschädigt: {} Dinge sind nicht, wie sie geschrieben wurden",
            text("place"),
            text("count")
        ),
        "drill_failed" => {
            format!("Ein Backup kam bei der Probe nicht zurück: {}", drilled(&text("check")))
        }
        "drill_short" => format!(
            "Ein Backup kam nach {} zurück, mit {} Verlust: nicht wie vereinbart",
            says.span("took_ms"),
            says.span("lost_ms")
        ),
        "drill_unknown" => format!(
            "Ein Backup wurde geprobt, und nicht alles konnte angesehen werden: {}",
            drilled(&text("check"))
        ),
        "drill_late" => format!(
            "Seit {} wurde kein Backup geprobt, länger als vereinbart: {}",
            says.until("tried_ms"),
            text("error")
        ),
        "sheet_untried" => {
            "Länger als vereinbart hat niemand das Notfallblatt geprobt: storewarden backup drill --sheet"
                .to_owned()
        }
        "drill_missing" => format!("Noch nie wurde ein Backup geprobt: {}", text("error")),
        "backup_failed" => format!("Das letzte Backup ist gescheitert: {}", text("error")),
        "backup_late" if text("what") == "database" => format!(
            "Die Datenbank käme auf dem Stand von vor {} zurück, und mehr als {} darf nicht verloren gehen",
            says.until("newest_ms"),
            says.span("lose_at_most_ms")
        ),
        "backup_late" => format!(
            "Das neueste Backup ist {} alt und darf nicht älter sein als {}",
            says.until("newest_ms"),
            says.span("lose_at_most_ms")
        ),
        "backup_missing" => "Es gibt noch kein Backup".to_owned(),
        "backup_unknown" => format!(
            "Welche Backups es bei {} gibt, ist nicht bekannt: {}",
            text("place"),
            text("error")
        ),
        "stream_behind" => format!(
            "Das Journal der Änderungen der Datenbank ist {} zurück",
            says.until("current_ms")
        ),
        "stream_stopped" => {
            format!("Den Änderungen der Datenbank wird nicht mehr gefolgt: {}", text("error"))
        }
        "stream_refused" => {
            format!("Den Änderungen der Datenbank kann nicht gefolgt werden: {}", text("error"))
        }
        "stream_unknown" => {
            "Ob den Änderungen der Datenbank gefolgt wird, ist nicht bekannt".to_owned()
        }
        "confirmations_without_order" => format!(
            "Bestellungen, die Besuchern bestätigt wurden und nicht in der Datenbank des Shops stehen: {}, \
             die erste vor {}",
            text("count"),
            says.until("first_ms")
        ),
        "orders_vanished" => format!(
            "Bestellungen, die aus der Datenbank des Shops verschwanden: {}, die erste vor {}, und keine \
             Änderung von Storewarden hat das getan",
            text("count"),
            says.until("first_ms")
        ),
        "stream_gap" => format!(
            "Im Journal fehlen Änderungen der Datenbank, ein Backup ist fällig: {}",
            text("error")
        ),
        "stream_copy_behind" => format!(
            "Die Kopie des Journals bei {} ist {} zurück",
            text("place"),
            says.until("current_ms")
        ),
        "stream_copy_failing" => {
            format!("Das Journal wird nicht nach {} kopiert: {}", text("place"), text("error"))
        }
        "database_waits" => format!(
            "{} Sitzungen der Datenbank warten auf andere, {} tun in einer offenen Transaktion nichts, die \
             längste seit {}",
            text("waiting"),
            text("idle"),
            says.span("longest_ms")
        ),
        "database_connections" => format!(
            "{} von {} Verbindungen der Datenbank sind vergeben",
            text("used"),
            text("most")
        ),
        "database_replica" => format!("Replikat {} der Datenbank hängt zurück", text("replica")),
        "replica_stopped" => {
            format!("Replikat {} der Datenbank folgt nicht: {}", text("replica"), text("error"))
        }
        "database_numbers" => {
            "Der Datenbank gehen die Nummern aus: Bald kommt keine Zeile mehr hinzu".to_owned()
        }
        "database_unknown" => {
            format!("Die Datenbank lässt sich nicht ansehen: {}", text("error"))
        }
        "peer_clock_off" => format!(
            "Die Uhren dieses Rechners und von {} gehen um {} auseinander",
            text("peer"),
            says.span("offset_ms")
        ),
        "peer_refuses" => {
            format!("{} lässt uns nicht fragen, wie es ihm geht: {}", text("peer"), text("error"))
        }
        "peer_silent" => format!(
            "Storewarden {} schweigt seit {}: {}",
            text("peer"),
            says.until("since_ms"),
            text("error")
        ),
        "peer_token_ending" => format!(
            "Der Token, mit dem wir {} fragen, endet in {}",
            text("peer"),
            says.until("ends_ms")
        ),
        "slow" => format!(
            "Seiten sind langsam: Jede zwanzigste braucht länger als {}",
            says.seconds("p95_ms")
        ),
        "store_read_only" => {
            format!("Storewarden kann seine Aufzeichnungen nicht schreiben: {}", text("error"))
        }
        "storm" => format!("{} Störungen auf einmal, in {} Shops", text("count"), text("shops")),
        "visitor_reports" => format!(
            "Besucher meldeten {} Probleme; das neueste, {}: „{}“",
            text("count"),
            text("reference"),
            text("what")
        ),
        _ => return None,
    })
}

pub(super) fn frame(name: &str) -> &'static str {
    match name {
        "machine" => "Dieser Rechner",
        "worsened" => "Schlimmer",
        "repeated" => "Noch offen",
        "resolved" => "Behoben",
        "lasts" => "Seit",
        "lasted" => "Es dauerte",
        "lost" => "Bisher etwa {} verloren.",
        "incident" => "Störung",
        "test" => "Storewarden: ein Versuch",
        "test_text" => "Dies ist ein Versuch des Wegs „{}“. Es ist alles in Ordnung.",
        _ => "unbekannt",
    }
}

/// What a drill looked at.
fn drilled(check: &str) -> &'static str {
    match check {
        "files" => "Dateien",
        "database" => "Datenbank",
        "changes" => "was nach dem Dump kam",
        "orders" => "Bestellungen",
        "round_trip" => "die Zeilen der Bestellungen",
        "boot" => "der Shop, daraus gestartet",
        _ => "die Zeit",
    }
}
