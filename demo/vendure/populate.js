// Makes the tables and fills them with the sample products that @vendure/create ships.
const path = require('node:path')
const { JobQueueService, bootstrap } = require('@vendure/core')
const { populate } = require('@vendure/core/cli')
const { config, samples } = require('./config')

async function start() {
  const app = await bootstrap(config)
  await app.get(JobQueueService).start()
  return app
}

async function main() {
  const initialData = require(path.join(samples, 'initial-data.json'))
  const app = await populate(start, initialData, path.join(samples, 'products.csv'))
  // The search index is filled by jobs that begin after the import.
  await new Promise(resolve => setTimeout(resolve, 4000))
  await app.close()
}

main().then(() => process.exit(0)).catch(error => {
  console.error(error)
  process.exit(1)
})
