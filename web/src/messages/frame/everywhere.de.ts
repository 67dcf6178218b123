// Was jede weitere Seite sagt, auf Deutsch.

import type { everywhere as english } from './everywhere.en'

export const everywhere: typeof english = {
  actor: {
    storewarden: 'Storewarden selbst',
    commandLine: 'die Befehlszeile',
    token: (name) => `Token ${name}`,
    you: 'Sie',
    removed: 'jemand, der entfernt wurde',
  },
  fetched: {
    failed: 'Das ließ sich nicht lesen.',
    detail: (message) => `Was zurückkam: ${message}`,
    missing: 'Das gibt es hier nicht.',
    missingLede: 'Es ist weg oder war nie da, oder die Seite ist neuer als das Programm.',
    forbidden: 'Das dürfen Sie nicht sehen.',
    forbiddenLede: 'Ihre Rolle umfasst es nicht. Wem dieses Storewarden gehört, kann das unter Leute ändern.',
    asOf: (age, message) => `Stand vor ${age}; es ließ sich nicht neu lesen: ${message}`,
    again: 'Noch einmal',
    older: 'Ältere zeigen',
  },
  form: {
    cancel: 'Abbrechen',
    close: 'Schließen',
    save: 'Speichern',
    copy: 'Kopieren',
    copied: 'Kopiert.',
    reason: 'Grund',
    optional: 'freiwillig',
    everyShop: 'Alle Shops',
    all: 'Alle',
    shop: 'Shop',
  },
}
