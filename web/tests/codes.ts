// Every code that the program can send, read from its own sources: what tests hold against the words. Each pattern names
// where such codes stand and how few would mean that it finds them no more.

import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

const ROOT = resolve(process.cwd(), '../crates')

interface Source { files: RegExp; codes: RegExp; least: number }
/** The body of an enum. */
const variants = (name: string): RegExp => new RegExp(`enum ${name} \\{\\n([\\s\\S]*?)\\n\\}`, 'g')
const SNAKE = /[a-z][a-z0-9_]*/.source
const literal = (before: string): RegExp => new RegExp(`${before}"(${SNAKE})"`, 'g')

const SOURCES = {
  verdicts: [{ files: /watch\/src\/judgement\/verdict\.rs$/, codes: literal('Level::\\w+,\\s*'), least: 8 }, { files: /storewarden\/src\/words\.rs$/, codes: /fn verdict\(([\s\S]*?)\n\}/g, least: 9 }],
  findings: [{ files: /watch\/src\/rules\/table\.rs$/, codes: new RegExp(`\\("(${SNAKE})", [\\d_]+, [\\d_]+, Source::`, 'g'), least: 20 }, { files: /watch\/src\/notify\/words\/english\.rs$/, codes: /fn finding\(([\s\S]*?)\n\}/g, least: 15 }],
  acts: [{ files: /kernel\/src\/plan\/act\.rs$/, codes: new RegExp(`Self::\\w+ \\{ \\.\\. \\} => "(${SNAKE})"`, 'g'), least: 10 }],
  oldData: [{ files: /kernel\/src\/plan\/act\.rs$/, codes: variants('OldData'), least: 2 }],
  runStates: [{ files: /kernel\/src\/plan\/run\.rs$/, codes: variants('RunState'), least: 10 }],
  stepStates: [{ files: /kernel\/src\/plan\/run\.rs$/, codes: variants('StepState'), least: 8 }],
  causes: [{ files: /kernel\/src\/plan\/run\.rs$/, codes: variants('CauseCode'), least: 10 }],
  plans: [{ files: /plan\/src\/words\.rs$/, codes: /pub fn title\(([\s\S]*?)\n\}/g, least: 4 }, { files: /api\/src\/runs\/wish\.rs$/, codes: new RegExp(`^ +"(${SNAKE})" => `, 'gm'), least: 4 }],
  conditions: [{ files: /(apps\/src\/performer(\/\w+)*|storewarden\/src\/control\/[\w/]+|plan\/src\/engine\/\w+)\.rs$/, codes: literal('\\b(?:condition\\(|Condition \\{ code: )\\s*'), least: 7 }, { files: /plan\/src\/words\.rs$/, codes: /pub fn condition\(([\s\S]*?)\n\}/g, least: 6 }],
  reasons: [{ files: /(plan|apps|storewarden|api|kernel)\/src\/[\w/]+\.rs$/, codes: literal('(?:\\.because\\(|Reason::new\\()\\s*'), least: 10 }, { files: /apps\/src\/plans\/refused\.rs$/, codes: new RegExp(`Self::\\w+ \\{ \\.\\. \\} => "(${SNAKE})"`, 'g'), least: 8 }],
  errors: [{ files: /api\/src\/error\.rs$/, codes: literal('StatusCode::\\w+, '), least: 18 }, { files: /api\/src\/[\w/]+\.rs$/, codes: literal('\\bcode: '), least: 10 }],
  waits: [{ files: /api\/src\/runs\/view\.rs$/, codes: literal('WaitsFor::[^=]*?=> (?:\\{\\s*)?Self::(?:bare|with)\\(\\s*'), least: 6 }],
  impossible: [{ files: /(apps|storewarden|plan|kernel)\/src\/[\w/]+\.rs$/, codes: literal('Impossible \\{\\s*reason: '), least: 1 }, { files: /plan\/src\/words\.rs$/, codes: /fn impossible\(([\s\S]*?)\n\}/g, least: 2 }],
  actions: [{ files: /kernel\/src\/config\/outer\/alerts\.rs$/, codes: /const ACTIONS: [^=]*= (\[[^\]]*\])/g, least: 2 }],
  timeline: [{ files: /kernel\/src\/incident\.rs$/, codes: variants('TimelineKind'), least: 18 }],
  ledger: [
    { files: /api\/src\/[\w/]+\.rs$/, codes: literal('ledger::note\\([^"]*?'), least: 15 },
    { files: /plan\/src\/engine\/journal\.rs$/, codes: /"((?:run|step)_[a-z_]+)"/g, least: 12 },
    { files: /watch\/src\/(desk|incidents|incidents\/people)\.rs$/, codes: /"((?:incident|silence|remedy)_[a-z]+)"(?=\)|,| =>|$|;)/gm, least: 9 },
  ],
  permissions: [{ files: /kernel\/src\/role\.rs$/, codes: variants('Permission'), least: 8 }],
  methods: [{ files: /store\/src\/[\w/]+\.rs$/, codes: variants('SignInMethod'), least: 4 }],
  healths: [{ files: /kernel\/src\/facts\.rs$/, codes: variants('Health'), least: 4 }],
  checkReasons: [{ files: /watch\/src\/checks\/words(\/\w+)?\.rs$/, codes: /fn english\(([\s\S]*?)\n\}/g, least: 80 }],
  roles: [{ files: /kernel\/src\/role\.rs$/, codes: variants('Role'), least: 5 }],
} satisfies Record<string, Source[]>

export type Codes = keyof typeof SOURCES

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'tests' ? [] : sources(path)
    return entry.name.endsWith('.rs') && entry.name !== 'tests.rs' ? [path] : []
  })
}
const FILES = sources(ROOT).map((path) => ({ path: relative(ROOT, path), text: readFileSync(path, 'utf8').replace(/\n#\[cfg\(test\)\]\nmod tests \{[\s\S]*$/, '') }))

const snake = (name: string) => name.replace(/(?<=.)[A-Z]/g, (letter) => `_${letter}`).toLowerCase()

/** What one match tells: a code, a list of them; or, of a body, its variants or the codes that its arms begin with. */
function told(match: string): string[] {
  if (match.startsWith('[')) return [...match.matchAll(/"(\w+)"/g)].map(([, code]) => code ?? '')
  if (!match.includes('\n')) return [match]
  const names = [...match.matchAll(/^    ([A-Z]\w*)(?:,| \{)/gm)].map(([, name]) => snake(name ?? ''))
  return names.length > 0 ? names : [...match.matchAll(new RegExp(`^        ((?:"${SNAKE}"(?: \\| )?)+)(?: if [^=]*)? =>`, 'gm'))].flatMap(([, arm]) => [...(arm ?? '').matchAll(/"(\w+)"/g)].map(([, code]) => code ?? ''))
}

/** Throws when a pattern finds fewer than it should: it is the pattern then that is wrong. */
export function codesOf(kind: Codes): string[] {
  const found = SOURCES[kind].map(({ files, codes, least }: Source) => {
    const here = new Set(FILES.filter(({ path }) => files.test(path)).flatMap(({ text }) => [...text.matchAll(codes)].flatMap(([, match]) => told(match ?? ''))))
    if (here.size < least) throw new Error(`${kind}: ${files} tells only ${[...here].join(', ') || 'nothing'}`)
    return [...here]
  })
  return [...new Set(found.flat())].sort()
}

export const KINDS = Object.keys(SOURCES) as Codes[]
