// Checks of the pretend shop: passing when calm; in trouble one fails; with `disk` the machine has no way out.

export function checks(scenario, shop, now = Date.now()) {
  if (scenario === 'nothing') return { checks: [] }
  const wave = (at, mean) => mean * (1 + 0.35 * Math.sin(at * 1.7) + (at % 13 === 0 ? 0.8 : 0))
  const past = (every_ms, mean, failing, state = 'failing') =>
    [...Array(60).keys()].map((at) => {
      const bad = at >= 60 - failing
      return { at_ms: now - (59 - at) * every_ms - 7_000, state: bad ? state : 'ok', took_ms: bad && state === 'failing' ? 30 : wave(at, mean) }
    })
  const check = (name, kind, place, every_ms, mean, more = {}) => ({
    name, shop, kind, place, every_ms, state: 'ok', since_ms: now - 9 * 86_400_000, tried_ms: now - 7_000, took_ms: mean, reason: null, failures: 0, failures_until_told: 2,
    http_status: kind === 'http' ? 200 : null, steps: [], evidence: null, placed: null, address: '203.0.113.9', certificate_ends_ms: place.startsWith('https') ? now + 61 * 86_400_000 : null, recent: past(every_ms, mean, 0),
    phases: kind === 'http' ? [['resolve', 0.06], ['connect', 0.12], ['tls', 0.22], ['processing', 0.52], ['transfer', 0.08]].map(([phase, share]) => ({ phase, took_ms: mean * share })) : [['resolve', 0.3], ['connect', 0.2], ['processing', 0.5]].map(([phase, share]) => ({ phase, took_ms: mean * share })),
    ...more,
  })
  const fails = (code, params, failures, every_ms, more = {}) => ({ state: 'failing', since_ms: now - failures * every_ms, reason: { code, params }, failures, recent: past(every_ms, 90, failures), ...more })
  const trouble = scenario === 'checkout'
  const away = scenario === 'disk' ? { state: 'unknown', since_ms: now - 240_000, reason: { code: 'no_way', params: { address: '203.0.113.9:443', said: 'Network is unreachable' } }, phases: [], took_ms: 0.4, recent: past(60_000, 90, 4, 'unknown') } : {}
  return {
    checks: [
      check('front page', 'http', 'https://lampenladen.example', 60_000, 92, away),
      check('checkout', 'http', 'https://lampenladen.example', 60_000, 210, trouble ? fails('status_differs', { status: 502 }, 6, 60_000, { http_status: 502 }) : away),
      check('payment page', 'http', 'https://pay.example', 300_000, 140, trouble ? fails('certificate_of_unknown_issuer', { host: 'pay.example', issuer: 'CN=Pay CA 3' }, 1, 300_000, { http_status: null }) : away),
      check('checkout journey', 'journey', 'https://lampenladen.example', 300_000, 640, {
        ...(trouble ? fails('status_differs', { status: 502 }, 2, 300_000) : away), phases: [], address: null, certificate_ends_ms: null, http_status: trouble ? 502 : 200,
        steps: scenario === 'disk' ? [] : [['home', 92], ['product', 71], ['add_to_cart', 104], ['checkout', trouble ? 30 : 188]].map(([step, took_ms]) => ({ step, took_ms, http_status: trouble && step === 'checkout' ? 502 : 200, state: trouble && step === 'checkout' ? 'failing' : 'ok' })),
        evidence: trouble ? { step: 'checkout', http_status: 502, body: '<h1>The payment provider does not answer.</h1>\n<p>Your cart is safe. Write to ••• if this lasts.</p>' } : null,
      }),
      check('mail', 'tcp', 'mail.lampenladen.example:25', 60_000, 31, { shop: null, certificate_ends_ms: null, ...away }),
    ],
  }
}
