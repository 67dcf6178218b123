// Ein Shop hinter einem anderen Webserver, und was war, auf Deutsch.

import type { shop as english } from './shop.en'

export const shop: typeof english = {
  beside: {
    lede: 'Vor diesem Shop steht ein anderer Webserver. Was er in seine Zugriffsprotokolle schreibt, ist alles, was hier von Besuchern bekannt ist.',
    lines: 'Gelesene Zeilen',
    counted: (lines, broken) => `${lines}, davon passen ${broken} nicht zum Format`,
    readAt: (time) => `gelesen bis ${time}`,
    behind: (bytes) => `${bytes} sind noch zu lesen`,
    unread: (error) => `nicht lesbar: ${error}`,
    timing: 'Zeiten zählen',
    timings: {
      first_byte: 'bis die Anwendung zu antworten begann',
      application: 'bis die Anwendung geantwortet hatte',
      whole: 'bis der Besucher die ganze Antwort hatte',
    },
    unsaid: 'Was von hier aus unbekannt bleibt',
    noTiming: 'Wie lange Seiten brauchen: Die Zeilen sagen es nicht. Ein log_format mit $request_time (nginx) oder %D (Apache) täte es.',
    noVisitors: 'Wie viele Besucher da sind: Die Zeilen sagen nicht, wer kam.',
    noCheckouts: 'Welche Anfragen zur Kasse gehören: Dieser Shop sagt es im Rumpf der Anfrage, und den hat kein Protokoll.',
    nothingHeld: 'Wer wartet, was aus einem Cache kommt, was bei einer Instanz läuft: Von der Seite aus wird niemand angehalten, um einen Neustart herumgeleitet oder aus dem Speicher bedient.',
    front: 'Storewarden davorsetzen',
    frontHint: 'Dann ist das alles bekannt. Was sich ändert, wird vorher gezeigt, und es lässt sich zurücknehmen.',
  },

  history: {
    weekBefore: 'Eine Woche davor',
    brought: (orders, revenue) => `${orders} Bestellungen und ${revenue}`,
    alone: (brought) => `${brought} in dieser Zeit.`,
    compared: (brought, orders, revenue) => `${brought} in dieser Zeit; eine Woche davor waren es ${orders} und ${revenue}.`,
    partly: (brought, unseen) => `${brought} in dieser Zeit, soweit bekannt: ${unseen} davon sind es nicht.`,
    unknown: 'Was diese Zeit brachte, ist nicht bekannt: Bestellungen wurden damals nicht gelesen.',
    nothing: 'In dieser Zeit wurde nichts gemessen.',
    never: 'In dieser Zeit wurde nichts gemessen. Was von jetzt an gemessen wird, bleibt 13 Monate.',
    disk: (path) => `Frei auf Datenträger ${path}`,
    quiet: 'Kein Vorfall und keine Änderung in dieser Zeit.',
    marksUnknown: 'Was geschah, ließ sich nicht lesen.',
    newest: (count) => `Die neuesten ${count} Vorfälle und Änderungen sind eingezeichnet; ältere stehen auf ihren eigenen Seiten.`,
  },
}
