// Alle Texte der Oberfläche auf Deutsch. Fehlt hier einer, schlägt `npm run check` fehl.

import type { Messages } from './en'

const plural = (count: number | null | undefined, one: string, many: string) => (count === 1 ? one : many)
const num = (value: string | number | undefined) => (value === undefined ? undefined : Number(value))
const text = (value: string | number | undefined) => String(value ?? '?')

export const de: Messages = {
  locale: 'de-DE',
  name: 'Deutsch',
  unknown: 'unbekannt',
  notYet: '–',

  levels: { good: 'Gut', attention: 'Achtung', broken: 'Gestört', unknown: 'Unbekannt' },

  nav: {
    overview: 'Übersicht',
    shop: 'Shop',
    pages: 'Seiten',
    chooseShop: 'Gezeigter Shop',
    skip: 'Zum Inhalt',
    find: 'Suchen',
  },

  line: {
    live: 'Live',
    connecting: 'Verbinde',
    cut: (age) => `Live-Verbindung seit ${age} unterbrochen, verbinde neu.`,
    thenIt: (time, level) => `Um ${time}: ${level}`,
    asOf: (time) => `Stand der Zahlen: ${time}.`,
  },

  verdict: {
    selling: (p, f) => {
      const orders = num(p['orders_last_hour'])
      return `Ihr Shop verkauft: ${f.count(orders)} ${plural(orders, 'Bestellung', 'Bestellungen')} in der letzten Stunde.`
    },
    selling_quiet: (p, f) => {
      const minutes = num(p['minutes_since_order'])
      return `Ihr Shop ist offen, aber es ist ruhig: Die letzte Bestellung kam vor ${f.count(minutes)} ${plural(minutes, 'Minute', 'Minuten')}.`
    },
    checkout_failing: (p, f, now) => {
      const since = `Die Kasse ist seit ${f.moment(num(p['since_ms']), now)} gestört.`
      if (p['lost_minor'] === undefined) return `${since} Bisher schlugen ${f.count(num(p['failed']))} Bezahlvorgänge fehl.`
      return `${since} Bisher gingen etwa ${f.money(num(p['lost_minor']), text(p['currency']))} verloren.`
    },
    errors_up: (p, f) => `Ihr Shop verkauft, aber ${f.share(num(p['share']))} der Anfragen enden mit einem Fehler.`,
    held: (p, f) => {
      const held = num(p['held'])
      return `Besucher warten: ${f.count(held)} ${plural(held, 'Anfrage wird', 'Anfragen werden')} gehalten, bis der Shop wieder antwortet.`
    },
    down: (p, f, now) => `Ihr Shop ist seit ${f.moment(num(p['since_ms']), now)} nicht erreichbar.`,
    instance_down: (p, f) => `Ihr Shop verkauft, aber ${f.count(num(p['down']))} von ${f.count(num(p['total']))} Instanzen ${plural(num(p['down']), 'ist', 'sind')} ausgefallen.`,
    edge_away: (p, f, now) => `Ob Ihr Shop verkauft, ist seit ${f.moment(num(p['since_ms']), now)} unbekannt.`,
    no_traffic_yet: () => 'Noch war kein Besucher da.',
    orders_unknown: (p) => {
      switch (p['reason']) {
        case 'no_order_yet': return 'Ihr Shop antwortet. Noch kam keine Bestellung.'
        case 'not_read_yet': return 'Ihr Shop antwortet. Seine Bestellungen wurden noch nicht gelesen.'
        case 'no_database': return 'Ihr Shop antwortet. Ob er verkauft, ist unbekannt: In der Konfiguration fehlt die Datenbank.'
        case 'no_query': return 'Ihr Shop antwortet. Ob er verkauft, ist unbekannt: Bestellungen dieser Plattform sind noch nicht lesbar.'
        default: return 'Ihr Shop antwortet, aber seine Bestellungen sind nicht lesbar.'
      }
    },
  },
  verdictOther: (code) => `Zustand des Shops: ${code}.`,
  lede: {
    lastOrder: (age) => `Letzte Bestellung vor ${age}.`,
    orderNow: 'Letzte Bestellung eben.',
    noOrderYet: 'Noch keine Bestellung gesehen.',
    today: (orders, revenue) => `Heute ${orders} Bestellungen und ${revenue}.`,
    nothingNeedsYou: 'Sie müssen nichts tun.',
    failedCheckouts: (count) => `${count} Bezahlvorgänge schlugen fehl.`,
    edgeAway: 'Der Edge meldet sich nicht mehr. Er bedient Besucher auch ohne uns, der Shop verkauft also vielleicht weiter.',
    noTraffic: 'Storewarden lauscht unter den Adressen unten. Öffnen Sie eine davon, und diese Seite wird lebendig.',
    ordersUnknown: (reason) => `Die Datenbank sagt: ${reason}`,
  },

  needs: {
    title: 'Was Sie braucht',
    since: (time) => `seit ${time}`,
    nothing: 'Sie müssen nichts tun.',
  },
  finding: {
    instance_down: (p) => ({ title: `Instanz ${text(p['instance'])} ist ausgefallen`, detail: `${text(p['error'])}. Besucher gehen zu den anderen; sie kommt zurück, sobald sie ihre Prüfungen besteht.` }),
    instance_draining: (p) => ({ title: `Instanz ${text(p['instance'])} läuft leer`, detail: 'Sie bekommt keine neuen Anfragen, bis Sie sie zurückholen.' }),
    all_down: () => ({ title: 'Keine Instanz antwortet', detail: 'Besucher werden eine Weile gehalten, die an der Kasse zuerst. Starten Sie den Shop, dann kommen sie nach und nach hinein.' }),
    checkout_errors: (p, f) => ({ title: `${f.count(num(p['failed']))} von ${f.count(num(p['total']))} Bezahlvorgängen schlugen fehl`, detail: 'Sehen Sie zuerst beim Zahlungsdienst und im Protokoll des Shops nach.' }),
    errors_up: (p, f) => ({ title: `${f.share(num(p['share']))} der Anfragen enden mit einem Fehler` }),
    slow: (p, f) => ({ title: `Seiten sind langsam: Jede zwanzigste braucht länger als ${f.milliseconds(num(p['p95_ms']))}` }),
    holding: (p, f) => ({ title: `${f.count(num(p['held']))} Anfragen gehalten, ${f.count(num(p['queued']))} in der Schlange`, detail: 'Ihre Besucher warten bei offener Seite und kommen hinein, sobald der Shop sie aufnehmen kann.' }),
    orders_unreadable: (p) => ({ title: 'Bestellungen sind in der Datenbank nicht lesbar', detail: text(p['error']) }),
    edge_away: () => ({ title: 'Der Edge meldet sich nicht', detail: 'Er arbeitet mit seiner letzten Konfiguration weiter; Zahlen zum Verkehr stehen still, bis er sich meldet.' }),
    disk_nearly_full: (p, f) => ({ title: `Die Platte von ${text(p['path'])} ist fast voll`, detail: `Noch ${f.bytes(num(p['free_bytes']))} frei. Der Verkehr läuft weiter; Bestellungen brauchen die Platte der Datenbank.` }),
    store_read_only: (p) => ({ title: 'Storewarden kann seine Aufzeichnungen nicht schreiben', detail: `${text(p['error'])}. Der Verkehr des Shops ist nicht betroffen.` }),
    access_log_lossy: (p, f) => ({ title: `Im Zugriffsprotokoll fehlen ${f.count(num(p['dropped']))} Zeilen der letzten Minute`, detail: 'Seine Platte ist voll oder zu langsam. Der Verkehr des Shops ist nicht betroffen.' }),
    certificate_ending: (p, f, now) => ({ title: `Das Zertifikat von ${text(p['host'])} endet ${f.moment(num(p['ends_ms']), now)}` }),
    certificate_failed: (p) => ({ title: `Kein Zertifikat für ${text(p['host'])}`, detail: text(p['error']) }),
    configuration_rejected: (p) => ({ title: 'Die Konfiguration wurde nicht übernommen', detail: text(p['error']) }),
    visitor_reports: (p, f) => ({ title: `${f.count(num(p['count']))} ${plural(num(p['count']), 'Besucher meldet', 'Besucher melden')} ein Problem`, detail: `Zuletzt (${text(p['reference'])}): „${text(p['what'])}“` }),
  },
  findingOther: (code) => ({ title: code }),
  act: {
    undrain: (name) => `${name} zurückholen`,
    reload: 'Konfiguration neu lesen',
    lookInstances: 'Instanzen ansehen',
    lookWaiting: 'Wartende ansehen',
    lookClasses: 'Seitenarten ansehen',
  },

  figure: {
    ordersHour: 'Bestellungen, letzte Stunde',
    revenueHour: 'Umsatz, letzte Stunde',
    visitors: 'Besucher',
    errors: 'Fehler',
    p95: 'Erstes Byte, p95',
    cache: 'Aus dem Cache',
    lastMinute: (count) => `${count} in der letzten Minute`,
    revenueToday: (money) => `${money} heute`,
    visitorsNow: 'in fünf Minuten',
    errorsOf: (count) => `von ${count} Anfragen/min`,
    percentiles: (p50, p99) => `p50 ${p50}, p99 ${p99}`,
    cacheOf: 'der Anfragen in 10 s',
    age: (age) => `${age} alt`,
  },

  chart: {
    orders: 'Bestellungen je Minute',
    revenue: (currency) => `Umsatz je Minute, ${currency}`,
    visitors: 'Besucher',
    requests: 'Anfragen je Sekunde',
    requestsMinute: 'Anfragen je Minute',
    errors: 'Fehler je Sekunde',
    latency: 'Zeit bis zum ersten Byte, ms',
    cache: 'Anteil aus dem Cache',
    inFlight: 'Anfragen in Arbeit',
    waiting: 'Gehaltene und wartende Anfragen',
    checkouts: 'Bezahlvorgänge je Sekunde',
    host: 'Prozessor und Speicher, belegter Anteil',
    last: (span, step) => `Letzte ${span}, ${step}`,
    between: (from, to, step) => `${from} bis ${to}, ${step}`,
    byMinute: 'je Minute',
    byPoint: (step) => `${step} je Punkt`,
    table: (title) => `${title}: als Tabelle zeigen`,
    time: 'Zeit',
    soFar: 'bisher',
    zoomHint: 'Über ein Diagramm ziehen vergrößert alle',
    resetZoom: 'Ganzer Zeitraum',
    summary: (title, latest, highest) => `${title}: zuletzt ${latest}, höchstens ${highest}`,
    noVisitors: 'Noch nichts gemessen. Der erste Besucher zeichnet die erste Linie.',
    noOrders: 'Bestellungen wurden noch nicht aus der Datenbank gelesen.',
    notMeasured: 'Hier nicht gemessen',
    series: {
      orders: 'Bestellungen', revenue: 'Umsatz', visitors: 'Besucher', requests: 'Anfragen', errors: 'Fehler',
      p50: 'p50', p95: 'p95', p99: 'p99', cache: 'Cache', inFlight: 'In Arbeit', held: 'Gehalten', queued: 'Wartend',
      cpu: 'Prozessor', memory: 'Speicher', checkouts: 'Bezahlvorgänge',
    },
  },

  mark: {
    title: 'Was geschah',
    show: 'in den Diagrammen zeigen',
    several: (count) => `${count} Ereignisse`,
    none: 'Nichts Besonderes in den letzten Stunden. Neu gelesene Konfigurationen, Instanzen, die gehen und kommen, und Zertifikate stehen hier und in jedem Diagramm.',
    kind: {
      reload: (p) => (p['version'] === undefined ? 'Konfiguration neu gelesen' : `Konfiguration ${text(p['version'])} gilt`),
      instance_down: (p) => `${text(p['instance'])} fiel aus`,
      instance_up: (p) => `${text(p['instance'])} ist zurück`,
      drain: (p) => `${text(p['instance'])} läuft leer`,
      undrain: (p) => `${text(p['instance'])} zurückgeholt`,
      edge_started: () => 'Edge gestartet',
      control_started: () => 'Control gestartet',
      certificate: (p) => `Neues Zertifikat für ${text(p['host'])}`,
      hold_start: () => 'Halten begann',
      hold_end: () => 'Halten endete',
    },
  },

  shop: {
    allServe: (count) => (count === 1 ? 'Die Instanz bedient. Niemand wartet.' : count === 2 ? 'Beide Instanzen bedienen. Niemand wartet.' : `Alle ${count} Instanzen bedienen. Niemand wartet.`),
    someServe: (up, total) => `${up} von ${total} Instanzen ${up === 1 ? 'bedient' : 'bedienen'}. Niemand wartet.`,
    noneServe: 'Keine Instanz bedient. Besucher werden gehalten.',
    noneServeNobody: 'Keine Instanz bedient. Gerade wartet niemand.',
    waiting: (count, checkout) => `Besucher warten: ${count} Anfragen, davon ${checkout} an der Kasse.`,
    notSeen: 'Der Edge hat sich noch nicht gemeldet.',
    edgeAway: (time) => `Der Edge meldet sich nicht: Alles hier ist vom Stand ${time}.`,
    listens: (name) => `${name} lauscht unter`,
    instances: 'Instanzen',
    instance: 'Instanz',
    health: 'Zustand',
    healths: { up: 'Bedient', down: 'Ausgefallen', slow_start: 'Läuft warm', draining: 'Läuft leer', unknown: 'Unbekannt' },
    since: (time) => `seit ${time}`,
    inFlight: 'In Arbeit',
    ofLimit: (limit) => `von ${limit}`,
    requests: 'Anfragen/s',
    errors: 'Fehler/s',
    p50: 'p50',
    p95: 'p95',
    connect: 'Verbinden p95',
    action: 'Handlung',
    drain: 'Leerlaufen',
    drainNamed: (name) => `${name} leerlaufen lassen`,
    undrain: 'Zurückholen',
    noInstances: 'Keine Instanz ist eingerichtet. Tragen Sie eine unter `app` in der Konfiguration ein und lesen Sie sie neu.',
    waitingTitle: 'Gehalten und wartend',
    waitingHint: (limit, wait) => `Bis zu ${limit} Anfragen werden je höchstens ${wait} gehalten, solange keine Instanz sie nehmen kann. Die Kasse geht vor, dann Warenkörbe.`,
    priority: 'Vorrang',
    checkout: 'An der Kasse',
    cart: 'Mit Warenkorb',
    other: 'Alle anderen',
    held: 'Gehalten',
    queued: 'Wartend',
    oldest: 'Längste Wartezeit',
    released: 'Eingelassen',
    expired: 'Zu lange gewartet',
    refused: 'Abgewiesen',
    sinceStart: 'seit dem Start des Edge',
    nobody: 'niemand wartet',
    holdHeld: 'bis eine bedient',
    holdQueued: 'auf einen freien Platz',
    classesTitle: 'Seitenarten',
    classesHint: 'Was Besucher in den letzten zehn Sekunden abriefen.',
    class: 'Art',
    classes: {
      home: 'Startseite', category: 'Kategorien', product: 'Produkte', search: 'Suche', cart: 'Warenkorb', checkout: 'Kasse', payment: 'Bezahlung',
      confirmation: 'Bestätigung', account: 'Konto', asset: 'Bilder und Dateien', api: 'API', admin: 'Verwaltung', other: 'Anderes',
    },
    noClasses: 'In den letzten zehn Sekunden hat niemand etwas abgerufen.',
    classesUnknown: 'Unbekannt, solange der Edge sich nicht meldet.',
    edgeTitle: 'Edge und Maschine',
    edgeConnected: 'Meldet sich',
    edgeAwayShort: 'Meldet sich nicht',
    facts: 'Zahlen erhoben',
    factsAge: (time, age) => `${time}, vor ${age}`,
    figuresOf: (time) => `Zahlen von ${time}.`,
    configuration: 'Konfiguration',
    inForce: (version) => `Version ${version} gilt`,
    behind: (version, wanted) => `Version ${version} gilt, ${wanted} ist gewünscht`,
    running: 'Läuft seit',
    connections: 'Offene Verbindungen',
    processes: 'Prozesse',
    cacheTitle: 'Cache',
    cacheText: (entries, bytes, share) => `${entries} Seiten, ${bytes}, beantwortet ${share} der Anfragen`,
    addresses: 'Lauscht unter',
    hosts: 'Antwortet für',
    platform: 'Plattform',
    processor: 'Prozessor',
    memory: 'Speicher',
    used: (used, total) => `${used} von ${total}`,
    disk: (path) => `Platte ${path}`,
    free: (free, total) => `${free} frei von ${total}`,
    network: 'Netz',
    networkText: (received, sent) => `${received}/s herein, ${sent}/s hinaus`,
    charts: 'Last',
  },

  confirm: {
    drainTitle: (name) => `${name} leerlaufen lassen?`,
    drainOthers: (name, others) => `Neue Besucher gehen zu ${others}. Was ${name} gerade beantwortet, darf enden; niemand merkt etwas.`,
    drainLast: (name, wait) => `${name} ist die einzige Instanz, die bedient. Besucher werden bis zu ${wait} gehalten und sehen dann die Fehlerseite.`,
    drainUndo: 'Sie können sie jederzeit zurückholen.',
    inFlight: (count) => `Gerade ${count} in Arbeit.`,
    cancel: 'Behalten',
  },
  notice: {
    drained: (name) => `${name} läuft leer.`,
    undrained: (name) => `${name} ist zurück.`,
    reloaded: (version) => `Konfiguration ${version} gilt.`,
    undo: 'Rückgängig',
    close: 'Schließen',
    failed: (message) => `Das hat nicht geklappt: ${message}`,
  },

  signIn: {
    title: 'Bei Storewarden anmelden',
    lede: 'Diese Seite ist für die Leute des Shops. Ein Anmeldelink öffnet sie einmal, für diesen Browser.',
    how: 'Erzeugen Sie auf der Maschine, auf der Storewarden läuft, einen Link:',
    then: 'Öffnen Sie die Adresse, die erscheint. Der Link gilt einmal; der Browser bleibt dann angemeldet.',
    again: 'Noch einmal versuchen',
  },
  unreachable: {
    title: 'Storewarden antwortet nicht.',
    lede: 'Den Shop bedient der Edge, er hängt nicht von dieser Seite ab. Alle paar Sekunden ein neuer Versuch.',
    detail: (message) => `Was zurückkam: ${message}`,
  },
  noShops: {
    title: 'Noch ist kein Shop eingerichtet.',
    lede: 'Fünf Zeilen in der Konfiguration stellen einen Shop hinter Storewarden. Schreiben Sie sie und lesen Sie die Datei neu.',
    action: 'Konfiguration neu lesen',
  },
  loading: 'Lädt',

  table: { sortBy: (column) => `Nach ${column} sortieren`, filter: 'Filtern' },

  find: {
    title: 'Suchen',
    placeholder: 'Eine Seite, eine Instanz, ein Schalter …',
    nothing: 'Nichts mit diesem Namen.',
    page: 'Seite',
    goto: (what) => `Zu ${what}`,
  },
  help: {
    title: 'Tastatur',
    overview: 'Übersicht',
    shop: 'Shop',
    find: 'Seite, Instanz oder Schalter suchen',
    help: 'Diese Hilfe',
    zoom: 'Wieder ganzer Zeitraum, Dialog schließen',
    rows: 'Durch die Zeilen einer Tabelle',
    theme: 'Hell oder dunkel',
    close: 'Schließen',
  },
  settings: {
    language: 'Sprache',
    theme: 'Darstellung',
    system: 'System',
    light: 'Hell',
    dark: 'Dunkel',
    keyboard: 'Tastatur',
    signOut: 'Abmelden',
    zone: (zone, short) => (zone === short ? `Zeiten sind ${zone}` : `Zeiten sind ${zone} (${short})`),
  },
}
