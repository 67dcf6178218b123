// Writes src/api/schema.ts from docs/openapi.json; with `--check` only says whether it is so already.
// Names of operations are left out: we use the values only, and handlers of the same name in two modules would collide.

import { readFileSync, writeFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'

const target = new URL('src/api/schema.ts', import.meta.url)
const document = JSON.parse(readFileSync(new URL('../docs/openapi.json', import.meta.url), 'utf8'))
for (const path of Object.values(document.paths)) for (const operation of Object.values(path)) delete operation.operationId
const text = `// From docs/openapi.json by \`npm run api\`. Not to be edited.\n\n${astToString(await openapiTS(document))}`

if (!process.argv.includes('--check')) writeFileSync(target, text)
else if (readFileSync(target, 'utf8') !== text) {
  process.stderr.write('src/api/schema.ts is not what docs/openapi.json says: run `npm run api`\n')
  process.exitCode = 1
}
