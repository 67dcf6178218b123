// A shop that stands behind another web server, and what was in the past, in English.

export const shop = {
  beside: {
    lede: 'Another web server stands before this shop. What it writes into its access logs is what is known here of visitors.',
    lines: 'Lines read',
    counted: (lines: string, broken: string) => `${lines}, of which ${broken} do not fit the format`,
    readAt: (time: string) => `read until ${time}`,
    behind: (bytes: string) => `${bytes} are still to be read`,
    unread: (error: string) => `cannot be read: ${error}`,
    timing: 'Times are',
    timings: {
      first_byte: 'until the application began to answer',
      application: 'until the application had answered',
      whole: 'until the visitor had the whole answer',
    } as Record<string, string>,
    unsaid: 'What stays unknown from here',
    noTiming: 'How long pages take: the lines do not say it. A log_format with $request_time (nginx) or %D (Apache) would.',
    noVisitors: 'How many visitors there are: the lines do not say who came.',
    noCheckouts: 'Which requests are checkouts: this shop says it in the request’s body, and no log has that.',
    nothingHeld: 'Who waits, what comes from a cache, what runs at an instance: from beside nobody is held, led around a restart or served from memory.',
    front: 'Put Storewarden in front',
    frontHint: 'All of it is known then. What changes is shown first, and it can be taken back.',
  },

  history: {
    weekBefore: 'A week before',
    brought: (orders: string, revenue: string) => `${orders} orders and ${revenue}`,
    alone: (brought: string) => `${brought} in this time.`,
    compared: (brought: string, orders: string, revenue: string) => `${brought} in this time; a week before it was ${orders} and ${revenue}.`,
    partly: (brought: string, unseen: string) => `${brought} in this time, as far as it is known: of ${unseen} it is not.`,
    unknown: 'What this time brought is not known: orders were not read then.',
    nothing: 'Nothing was measured in this time.',
    never: 'Nothing was measured in this time. What is measured from now on stays for 13 months.',
    disk: (path: string) => `Free on disk ${path}`,
    quiet: 'No incident and no change in this time.',
    marksUnknown: 'What happened could not be read.',
    newest: (count: string) => `The newest ${count} incidents and changes are marked; older ones stand on their own pages.`,
  },
}
