// Every code that the program sends has its words in both languages, held against the program's own sources.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { de } from '../src/messages/de'
import { en } from '../src/messages/en'
import { frame as frameDe } from '../src/messages/frame.de'
import { frame as frameEn } from '../src/messages/frame.en'
import { codesOf, KINDS, type Codes } from './codes'

type Words = Record<string, unknown>
const LANGUAGES = [['English', en, frameEn], ['German', de, frameDe]] as const

/** Where the words of each kind of code stand; `but` are those that no page is ever sent. */
const TABLES: Record<Codes, { words: (m: typeof en, f: typeof frameEn) => Words; but?: string[] }> = {
  // Why orders are unknown stands in the verdict itself.
  verdicts: { words: (m) => m.verdict, but: ['no_database', 'no_query'] },
  findings: { words: (m) => m.finding },
  acts: { words: (_, f) => f.run.act },
  oldData: { words: (_, f) => f.run.oldData },
  runStates: { words: (_, f) => f.run.state },
  stepStates: { words: (_, f) => f.run.step },
  causes: { words: (_, f) => f.run.cause },
  plans: { words: (_, f) => f.run.title },
  conditions: { words: (_, f) => f.run.condition },
  reasons: { words: (_, f) => f.refusals.reason },
  errors: { words: (_, f) => f.refusals.error },
  waits: { words: (_, f) => f.run.waits },
  impossible: { words: (_, f) => f.run.impossible },
  timeline: { words: (_, f) => f.incidents.kind },
  actions: { words: (_, f) => f.incidents.action },
  ledger: { words: (_, f) => f.ledger.kind },
  permissions: { words: (_, f) => f.people.permission },
  roles: { words: (_, f) => f.people.role },
  methods: { words: (_, f) => f.settings.methods },
  checkReasons: { words: (_, f) => f.checks.reason },
  healths: { words: (m) => m.shop.healths },
}

for (const kind of KINDS) {
  test(`every code of ${kind} has words in both languages`, () => {
    const { words, but = [] } = TABLES[kind]
    const codes = codesOf(kind)
    for (const [language, m, f] of LANGUAGES) {
      const known = words(m as typeof en, f as typeof frameEn)
      const wordless = codes.filter((code) => !(code in known) && !but.includes(code))
      assert.deepEqual(wordless, [], `${language} has no words for them`)
    }
  })
}

test('every incident has a name in a list, and every mark its words', () => {
  const document = JSON.parse(readFileSync('../docs/openapi.json', 'utf8')) as { components: { schemas: Record<string, { enum?: string[]; oneOf?: { enum?: string[]; const?: string }[] }> } }
  const { enum: listed, oneOf = [] } = document.components.schemas['MarkKind'] ?? {}
  const marks = listed ?? oneOf.flatMap((one) => one.enum ?? (one.const ? [one.const] : []))
  assert.ok(marks.length > 5, 'the document tells no marks')
  for (const [language, m, f] of LANGUAGES) {
    assert.deepEqual(codesOf('findings').filter((code) => !(code in f.incidents.code)), [], language)
    assert.deepEqual(marks.filter((kind) => !(kind in m.mark.kind)), [], language)
  }
})

/** A table's shape: its keys, and those of the tables in it. */
function shape(words: unknown, path = ''): string[] {
  if (typeof words !== 'object' || words === null) return [path]
  return Object.entries(words).flatMap(([key, inner]) => shape(inner, `${path}.${key}`))
}

test('both languages have words for the same things', () => {
  assert.deepEqual(shape(de).sort(), shape(en).sort())
  assert.deepEqual(shape(frameDe).sort(), shape(frameEn).sort())
})
