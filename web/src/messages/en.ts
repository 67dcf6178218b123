// Every text of the interface, in English. The shape of this file is the contract for the other languages.
// Words are the lexicon's: instance, held, queued, drain, edge, route class.

import type { Params } from '../api/types'
import type { Format } from '../format'

const plural = (count: number | null | undefined, one: string, many: string) => (count === 1 ? one : many)
const num = (value: string | number | undefined) => (value === undefined ? undefined : Number(value))
const text = (value: string | number | undefined) => String(value ?? '?')

/** What a finding says: the fact, and what is worth knowing about it. */
export interface FindingText { title: string; detail?: string }
export type Say = (params: Params, format: Format, now_ms: number) => string
export type SayFinding = (params: Params, format: Format, now_ms: number) => FindingText

export const en = {
  locale: 'en-GB',
  unknown: 'unknown',
  notYet: '–',

  levels: { good: 'Good', attention: 'Needs attention', broken: 'Broken', unknown: 'Unknown' },

  nav: {
    overview: 'Overview',
    shop: 'Shop',
    changes: 'Changes',
    incidents: 'Incidents',
    people: 'People',
    settings: 'Settings',
    ledger: 'Ledger',
    invitation: 'Invitation',
    nowhere: 'No such page',
    more: 'More',
    openIncidents: (count: string) => `${count} open`,
    openDecisions: (count: string) => `${count} waiting for a decision`,
    signedInAs: (name: string) => `Signed in as ${name}`,
    pages: 'Pages',
    chooseShop: 'Shop shown',
    skip: 'To the content',
    find: 'Find',
  },

  line: {
    live: 'Live',
    connecting: 'Connecting',
    cut: (age: string) => `Live line cut ${age} ago, reconnecting.`,
    changesCut: 'The live line of changes is cut, reconnecting.',
    thenIt: (time: string, level: string) => `As of ${time}: ${level}`,
    asOf: (time: string) => `Figures as of ${time}.`,
  },

  verdict: {
    logs_unreadable: (p) => `Whether your shop is selling is unknown: its access logs tell nothing (${text(p['error'])}).`,
    selling: (p, f) => {
      const orders = num(p['orders_last_hour'])
      return `Your shop is selling: ${f.count(orders)} ${plural(orders, 'order', 'orders')} in the last hour.`
    },
    selling_quiet: (p, f) => {
      const minutes = num(p['minutes_since_order'])
      return `Your shop is open and quiet: the last order came ${f.count(minutes)} ${plural(minutes, 'minute', 'minutes')} ago.`
    },
    checkout_failing: (p, f, now) => {
      const since = `Checkout has been failing since ${f.moment(num(p['since_ms']), now)}.`
      if (p['lost_minor'] === undefined) return `${since} ${f.count(num(p['failed']))} checkouts failed so far.`
      return `${since} About ${f.money(num(p['lost_minor']), text(p['currency']))} lost so far.`
    },
    errors_up: (p, f) => `Your shop is selling, but ${f.share(num(p['share']))} of requests end in an error.`,
    held: (p, f) => {
      const held = num(p['held'])
      return `Visitors are waiting: ${f.count(held)} ${plural(held, 'request is', 'requests are')} held until the shop answers again.`
    },
    down: (p, f, now) => `Your shop has been down since ${f.moment(num(p['since_ms']), now)}.`,
    instance_down: (p, f) => `Your shop is selling, with ${f.count(num(p['down']))} of ${f.count(num(p['total']))} instances down.`,
    edge_away: (p, f, now) => `Whether your shop is selling is unknown since ${f.moment(num(p['since_ms']), now)}.`,
    no_traffic_yet: () => 'Waiting for the first visitor.',
    orders_unknown: (p): string => {
      switch (p['reason']) {
        case 'no_order_yet': return 'Your shop answers. No order has come yet.'
        case 'not_read_yet': return 'Your shop answers. Its orders have not been read yet.'
        case 'no_database': return 'Your shop answers. Whether it sells is unknown: no database is named in the configuration.'
        case 'no_query': return 'Your shop answers. Whether it sells is unknown: its platform’s orders can’t be read yet.'
        default: return 'Your shop answers, but its orders can’t be read.'
      }
    },
  } satisfies Record<string, Say>,
  verdictOther: (code: string) => `State of the shop: ${code}.`,
  lede: {
    lastOrder: (age: string) => `Last order ${age} ago.`,
    orderNow: 'Last order just now.',
    noOrderYet: 'No order seen yet.',
    today: (orders: string, revenue: string) => `${orders} orders and ${revenue} today.`,
    nothingNeedsYou: 'Nothing needs you.',
    failedCheckouts: (count: string) => `${count} checkouts failed.`,
    edgeAway: 'The edge stopped reporting. It serves visitors without us, so the shop may well be selling.',
    noTraffic: 'Storewarden listens at the addresses below. Open one of them, and this page comes to life.',
    ordersUnknown: (reason: string) => `The database said: ${reason}`,
  },

  needs: {
    title: 'What needs you',
    since: (time: string) => `since ${time}`,
    nothing: 'Nothing needs you.',
  },
  finding: {
    logs_unreadable: (p) => ({ title: 'The access logs tell nothing', detail: text(p['error']) }),
    log_lines_broken: (p, f) => ({ title: `${f.count(num(p['lines']))} lines of the access logs do not fit their format`, detail: `${f.share(num(p['share']))} of all: what they would tell is unknown. See \`log_format\` in the configuration.` }),
    instance_down: (p) => ({ title: `Instance ${text(p['instance'])} is down`, detail: `${text(p['error'])}. Visitors go to the others; it is taken back once it answers its checks.` }),
    instance_draining: (p) =>
      p['run'] === undefined
        ? { title: `Instance ${text(p['instance'])} is draining`, detail: 'It gets no new requests until you take it back.' }
        : { title: `Change ${text(p['run'])} has taken ${text(p['instance'])} out`, detail: 'It gives it requests again by itself.' },
    all_down: () => ({ title: 'No instance answers', detail: 'Visitors are held for a while, those in checkout first. Start the shop, and they are let in at a gentle rate.' }),
    checkout_errors: (p, f) => ({ title: `${f.count(num(p['failed']))} of ${f.count(num(p['total']))} checkouts failed`, detail: 'Look at the shop’s payment provider and its log first.' }),
    errors_up: (p, f) => ({ title: `${f.share(num(p['share']))} of requests end in an error` }),
    slow: (p, f) => ({ title: `Pages are slow: one in twenty takes longer than ${f.milliseconds(num(p['p95_ms']))}` }),
    holding: (p, f) => ({ title: `${f.count(num(p['held']))} requests held, ${f.count(num(p['queued']))} queued`, detail: 'Their visitors wait with an open page and are let in as the shop can take them.' }),
    orders_unreadable: (p) => ({ title: 'Orders can’t be read from the database', detail: text(p['error']) }),
    instance_hung: (p) => ({ title: `Instance ${text(p['instance'])} runs and does not answer`, detail: `${text(p['error'])}. Visitors go to the others; a restart usually helps.` }),
    latency_up: (p, f) => ({ title: `Pages have become slow: one in twenty takes longer than ${f.milliseconds(num(p['p95_ms']))}`, detail: `Usually ${f.milliseconds(num(p['usual_ms']))}.` }),
    orders_stopped: (p, f, now) => ({ title: `No order since ${f.moment(num(p['since_ms']), now)}`, detail: `${f.count(num(p['expected']))} would be usual. Try to buy something yourself.` }),
    memory_leaking: (p, f) => ({ title: `Memory keeps growing; it is full in about ${f.span(num(p['full_in_ms']))}` }),
    clock_off: (p, f) => ({ title: `The machine’s clock jumped by ${f.span(Math.abs(num(p['jump_ms']) ?? 0))}`, detail: 'Times around it may be wrong. See whether the machine keeps its time by NTP.' }),
    checkpoint_undelivered: (p) => ({ title: `The ledger’s seal can’t be kept at ${text(p['to'])}`, detail: text(p['error']) }),
    ledger_broken: (p) => ({ title: `The ledger does not hold: entry ${text(p['sequence'])} was changed`, detail: 'By something else than Storewarden. The Ledger page says more.' }),
    notify_failing: (p) => ({ title: `${text(p['route'])} can’t be told of incidents`, detail: text(p['error']) }),
    nothing_reachable: (p, f, now) => ({ title: `Nothing can be reached from here since ${f.moment(num(p['since_ms']), now)}`, detail: 'Neither another Storewarden nor anybody else: it is this machine’s own way out that is cut.' }),
    page_unreachable: (p) => ({ title: `${text(p['url'])} can’t be reached from outside`, detail: text(p['error']) }),
    peer_clock_off: (p, f) => ({ title: `The clocks here and of ${text(p['peer'])} differ by ${f.span(Math.abs(num(p['offset_ms']) ?? 0))}` }),
    peer_refuses: (p) => ({ title: `${text(p['peer'])} does not let us ask how it is`, detail: `${text(p['error'])}. See its token in the configuration.` }),
    peer_silent: (p, f, now) => ({ title: `Storewarden ${text(p['peer'])} is silent since ${f.moment(num(p['since_ms']), now)}`, detail: text(p['error']) }),
    peer_token_ending: (p, f, now) => ({ title: `The token by which we ask ${text(p['peer'])} ends ${f.when(num(p['ends_ms']), now)}` }),
    storm: (p, f) => ({ title: `${f.count(num(p['count']))} troubles at once, in ${f.count(num(p['shops']))} ${plural(num(p['shops']), 'shop', 'shops')}` }),
    edge_away: () => ({ title: 'The edge is not reporting', detail: 'It serves on from its last configuration; figures of traffic stand still until it is back.' }),
    disk_nearly_full: (p, f) => ({ title: `The disk of ${text(p['path'])} is nearly full`, detail: `${f.bytes(num(p['free_bytes']))} left. Shop traffic goes on; orders need the database’s disk.` }),
    store_read_only: (p) => ({ title: 'Storewarden can’t write its records', detail: `${text(p['error'])}. Shop traffic is not affected.` }),
    access_log_lossy: (p, f) => ({ title: `The access log loses lines: ${f.count(num(p['dropped']))} in the last minute`, detail: 'Its disk is full or too slow. Shop traffic is not affected.' }),
    certificate_ending: (p, f, now) => ({ title: `The certificate of ${text(p['host'])} ends ${f.moment(num(p['ends_ms']), now)}` }),
    certificate_failed: (p) => ({ title: `No certificate for ${text(p['host'])}`, detail: text(p['error']) }),
    configuration_rejected: (p) => ({ title: 'The configuration was not taken over', detail: text(p['error']) }),
    visitor_reports: (p, f) => ({ title: `${f.count(num(p['count']))} ${plural(num(p['count']), 'visitor reports', 'visitors report')} a problem`, detail: `The newest (${text(p['reference'])}): “${text(p['what'])}”` }),
  } satisfies Record<string, SayFinding>,
  findingOther: (code: string): FindingText => ({ title: code }),
  act: {
    undrain: (name: string) => `Take ${name} back`,
    reload: 'Read the configuration again',
    lookInstances: 'See instances',
    lookCertificate: 'See the certificate',
    lookChange: 'See the change',
    lookWaiting: 'See who waits',
    lookClasses: 'See route classes',
  },

  figure: {
    ordersHour: 'Orders, last hour',
    revenueHour: 'Revenue, last hour',
    visitors: 'Visitors',
    errors: 'Errors',
    p95: 'First byte, p95',
    cache: 'From cache',
    lastMinute: (count: string) => `${count} in the last minute`,
    revenueToday: (money: string) => `${money} today`,
    visitorsNow: 'in five minutes',
    errorsOf: (count: string) => `of ${count} requests/min`,
    percentiles: (p50: string, p99: string) => `p50 ${p50}, p99 ${p99}`,
    cacheOf: 'of requests in 10 s',
    age: (age: string) => `${age} old`,
  },

  range: { label: 'Time shown', names: { live: 'Live', '24h': '24 h', '7d': '7 d', '30d': '30 d' } },
  chart: {
    orders: 'Orders a minute',
    revenue: (currency: string) => `Revenue a minute, ${currency}`,
    visitors: 'Visitors',
    requests: 'Requests a second',
    requestsMinute: 'Requests a minute',
    errors: 'Errors a second',
    latency: 'Time to first byte, ms',
    cache: 'Share served from cache',
    inFlight: 'Requests in flight',
    waiting: 'Requests held and queued',
    checkouts: 'Checkouts a second',
    host: 'Processor and memory, share used',
    last: (span: string, step: string) => `Last ${span}, ${step}`,
    between: (from: string, to: string, step: string) => `${from} to ${to}, ${step}`,
    byMinute: 'by the minute',
    byPoint: (step: string) => `${step} a point`,
    table: (title: string) => `${title}: show as a table`,
    time: 'Time',
    lowest: (label: string) => `${label}, lowest`,
    highest: (label: string) => `${label}, highest`,
    soFar: 'so far',
    zoomHint: 'Drag across a chart to zoom all of them',
    resetZoom: 'Whole range',
    summary: (title: string, latest: string, highest: string) => `${title}: latest ${latest}, highest ${highest}`,
    noVisitors: 'Nothing measured yet. The first visitor draws the first line.',
    noOrders: 'Orders have not been read from the database yet.',
    notMeasured: 'Not measured here',
    series: {
      orders: 'Orders', revenue: 'Revenue', visitors: 'Visitors', requests: 'Requests', errors: 'Errors',
      p50: 'p50', p95: 'p95', p99: 'p99', cache: 'Cache', inFlight: 'In flight', held: 'Held', queued: 'Queued',
      cpu: 'Processor', memory: 'Memory', checkouts: 'Checkouts',
    },
  },

  mark: {
    title: 'What happened',
    show: 'show on the charts',
    all: (count: string) => `Show all ${count}`,
    none: 'Nothing out of the ordinary in the last hours. Reloads, instances that go and come, drains and certificates will stand here and on every chart.',
    kind: {
      reload: (p) => (p['version'] === undefined ? 'Configuration read again' : `Configuration ${text(p['version'])} in force`),
      instance_down: (p) => `${text(p['instance'])} went down`,
      instance_up: (p) => `${text(p['instance'])} is back`,
      drain: (p) => `${text(p['instance'])} draining`,
      undrain: (p) => `${text(p['instance'])} taken back`,
      edge_started: () => 'Edge started',
      control_started: () => 'Control started',
      certificate: (p) => `New certificate for ${text(p['host'])}`,
      hold_start: () => 'Holding began',
      hold_end: () => 'Holding ended',
    } satisfies Record<string, (p: Params) => string>,
  },

  shop: {
    allServe: (count: number) => (count === 1 ? 'The instance serves. Nobody waits.' : count === 2 ? 'Both instances serve. Nobody waits.' : `All ${count} instances serve. Nobody waits.`),
    someServe: (up: number, total: number) => `${up} of ${total} instances ${up === 1 ? 'serves' : 'serve'}. Nobody waits.`,
    noneServe: 'No instance serves. Visitors are being held.',
    noneServeNobody: 'No instance serves. Nobody is waiting right now.',
    waiting: (count: string, checkout: string) => `Visitors are waiting: ${count} requests, ${checkout} of them in checkout.`,
    notSeen: 'The edge has not reported yet.',
    edgeAway: (time: string) => `The edge is not reporting: everything here is as of ${time}.`,
    listens: (name: string) => `${name} listens at`,
    instances: 'Instances',
    instance: 'Instance',
    health: 'Health',
    healths: { up: 'Up', down: 'Down', slow_start: 'Warming up', draining: 'Draining', unknown: 'Unknown' },
    since: (time: string) => `since ${time}`,
    drainedBy: (actor: string) => `by ${actor}`,
    drainedByRun: (run: string) => `by change ${run}`,
    inFlight: 'In flight',
    ofLimit: (limit: string) => `of ${limit}`,
    requests: 'Requests/s',
    errors: 'Errors/s',
    p50: 'p50',
    p95: 'p95',
    connect: 'Connect p95',
    action: 'Action',
    drain: 'Drain',
    restart: 'Restart',
    restartNamed: (name: string) => `Restart ${name}`,
    redeploy: 'Deploy a release',
    drainNamed: (name: string) => `Drain ${name}`,
    undrain: 'Take back',
    noInstances: 'No instance is configured. Add one under `app` in the configuration file and read it again.',
    waitingTitle: 'Held and queued',
    waitingHint: (limit: string, wait: string) => `Up to ${limit} requests are held for at most ${wait} each while no instance can take them. Checkout goes first, then carts.`,
    priority: 'Priority',
    checkout: 'In checkout',
    cart: 'With a cart',
    other: 'Everyone else',
    held: 'Held',
    queued: 'Queued',
    oldest: 'Longest wait',
    released: 'Let in',
    expired: 'Waited too long',
    refused: 'Turned away',
    sinceStart: 'since the edge started',
    nobody: 'nobody waits',
    holdHeld: 'until one serves',
    holdQueued: 'for a free place',
    classesTitle: 'Route classes',
    classesHint: 'What visitors asked for in the last ten seconds.',
    class: 'Class',
    classes: {
      home: 'Home', category: 'Categories', product: 'Products', search: 'Search', cart: 'Cart', checkout: 'Checkout', payment: 'Payment',
      confirmation: 'Confirmation', account: 'Account', asset: 'Images and files', api: 'API', admin: 'Administration', other: 'Other',
    },
    noClasses: 'Nobody asked for anything in the last ten seconds.',
    classesUnknown: 'Unknown while the edge is not reporting.',
    edgeTitle: 'Edge and machine',
    edgeConnected: 'Reporting',
    edgeAwayShort: 'Not reporting',
    facts: 'Figures taken',
    factsAge: (time: string, age: string) => `${time}, ${age} ago`,
    figuresOf: (time: string) => `Figures of ${time}.`,
    configuration: 'Configuration',
    inForce: (version: string) => `version ${version} in force`,
    behind: (version: string, wanted: string) => `version ${version} in force, ${wanted} wanted`,
    running: 'Running since',
    connections: 'Connections open',
    processes: 'Processes',
    cacheTitle: 'Cache',
    cacheText: (entries: string, bytes: string, share: string) => `${entries} pages, ${bytes}, answers ${share} of requests`,
    addresses: 'Listens at',
    certificate: 'Certificate',
    certificateUntil: (time: string, renews: boolean) => `until ${time}, ${renews ? 'renewed by itself' : 'yours to renew'}`,
    certificateAwaited: 'ordered, not there yet',
    certificateRenew: 'Renew now …',
    hosts: 'Answers for',
    platform: 'Platform',
    processor: 'Processor',
    memory: 'Memory',
    used: (used: string, total: string) => `${used} of ${total}`,
    disk: (path: string) => `Disk ${path}`,
    free: (free: string, total: string) => `${free} free of ${total}`,
    network: 'Network',
    networkText: (received: string, sent: string) => `${received}/s in, ${sent}/s out`,
    charts: 'Load',
  },

  confirm: {
    drainTitle: (name: string) => `Drain ${name}?`,
    drainOthers: (name: string, others: string) => `New visitors go to ${others}. Requests that ${name} is answering may end; nobody notices.`,
    drainLast: (name: string, wait: string) => `${name} is the only instance that serves. Visitors will be held for up to ${wait} and then see the error page.`,
    drainUndo: 'You can take it back at any time.',
    inFlight: (count: string) => `${count} in flight now.`,
    cancel: 'Keep it',
  },
  notice: {
    drained: (name: string) => `${name} is draining.`,
    undrained: (name: string) => `${name} is back.`,
    reloaded: (version: string) => `Configuration ${version} is in force.`,
    undo: 'Undo',
    close: 'Close',
    failed: (message: string) => `That did not work: ${message}`,
  },

  signIn: {
    title: 'Sign in to Storewarden',
    lede: 'This page is for the people of the shop.',
    name: 'Name or e-mail',
    password: 'Password',
    go: 'Sign in',
    code: 'Code',
    codeLede: 'Your second factor: the six digits of your app, or one of your recovery codes.',
    back: 'Another name',
    wrong: 'That name and password do not belong together.',
    wrongCode: 'That code is not valid, or was used already.',
    throttled: (wait: string) => `Too many tries. Wait ${wait}, then try again.`,
    link: 'Or by a link',
    how: 'On the machine that runs Storewarden, make a link:',
    then: 'Open the address that it prints. The link works once; the browser then stays signed in.',
    again: 'Try again',
  },
  unreachable: {
    title: 'Storewarden does not answer.',
    lede: 'The shop is served by the edge and does not depend on this page. Trying again every few seconds.',
    detail: (message: string) => `What came back: ${message}`,
  },
  nowhere: {
    title: 'There is no such page.',
    lede: 'The address is mistyped, or from an older or newer Storewarden.',
    action: 'To the overview',
  },
  noSuchShop: {
    title: (shop: string) => `There is no shop “${shop}” here.`,
    lede: 'It was removed from the configuration, or the address is mistyped, or you may not see it. These are yours:',
  },
  noShops: {
    title: 'No shop is configured yet.',
    lede: 'Five lines in the configuration file put a shop behind Storewarden. Write them, then read the file again.',
    action: 'Read the configuration again',
  },
  outdated: {
    title: 'This page is older than the program.',
    lede: 'Storewarden was renewed while this page was open. Load it again to go on.',
    action: 'Load again',
  },
  loading: 'Loading',

  table: { sortBy: (column: string) => `Sort by ${column}`, filter: 'Filter' },

  find: {
    title: 'Find',
    placeholder: 'A page, an instance, a switch …',
    nothing: 'Nothing by that name.',
    page: 'Page',
    goto: (what: string) => `Go to ${what}`,
  },
  help: {
    title: 'Keyboard',
    overview: 'Overview',
    shop: 'Shop',
    changes: 'Changes',
    incidents: 'Incidents',
    people: 'People',
    settings: 'Settings',
    ledger: 'Ledger',
    find: 'Find a page, an instance, a switch',
    help: 'This help',
    zoom: 'Whole range again, close a dialog',
    rows: 'Through the rows of a table',
    theme: 'Light or dark',
    close: 'Close',
  },
  settings: {
    language: 'Language',
    theme: 'Appearance',
    system: 'System',
    light: 'Light',
    dark: 'Dark',
    keyboard: 'Keyboard',
    signOut: 'Sign out',
    zone: (zone: string, short: string) => (zone === short ? `Times are ${zone}` : `Times are ${zone} (${short})`),
  },
}

export type Messages = typeof en
