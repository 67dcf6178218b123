// Words that every further page needs, in English.

export const everywhere = {
  actor: {
    storewarden: 'Storewarden itself',
    commandLine: 'the command line',
    token: (name: string) => `token ${name}`,
    you: 'you',
    removed: 'somebody who was removed',
  },
  fetched: {
    failed: 'This could not be read.',
    detail: (message: string) => `What came back: ${message}`,
    missing: 'There is no such thing here.',
    missingLede: 'It is gone or was never there, or the page is newer than the program.',
    forbidden: 'You may not see this.',
    forbiddenLede: 'Your role does not include it. Whoever owns this Storewarden can change that under People.',
    asOf: (age: string, message: string) => `As of ${age} ago; it could not be read again: ${message}`,
    again: 'Try again',
    older: 'Show older',
  },
  form: {
    cancel: 'Cancel',
    close: 'Close',
    save: 'Save',
    copy: 'Copy',
    copied: 'Copied.',
    reason: 'Reason',
    optional: 'optional',
    everyShop: 'Every shop',
    all: 'All',
    shop: 'Shop',
  },
}
