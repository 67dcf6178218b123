// Makes the tables and fills them with the sample products that @vendure/create ships.
const path = require('node:path')
const { JobQueueService, TransactionalConnection, bootstrap } = require('@vendure/core')
const { populate } = require('@vendure/core/cli')
const { config, samples } = require('./config')

async function start() {
  const app = await bootstrap(config)
  await app.get(JobQueueService).start()
  return app
}

// The search index is filled by jobs, which go on after the import: how long is the machine's affair.
async function allIsFound(app) {
  const { rawConnection } = app.get(TransactionalConnection)
  const count = (entity, where) => rawConnection.getRepository(entity).count({ where })
  const deadline = Date.now() + 5 * 60_000
  for (;;) {
    const [variants, found, unsettled] = await Promise.all([
      count('ProductVariant', {}), count('SearchIndexItem', {}), count('JobRecord', { isSettled: false }),
    ])
    if (variants > 0 && found >= variants && unsettled === 0) return
    if (Date.now() > deadline) {
      throw new Error(`only ${found} of ${variants} variants can be found, ${unsettled} jobs are not done`)
    }
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

async function main() {
  const initialData = require(path.join(samples, 'initial-data.json'))
  const app = await populate(start, initialData, path.join(samples, 'products.csv'))
  await allIsFound(app)
  await app.close()
}

main().then(() => process.exit(0)).catch(error => {
  console.error(error)
  process.exit(1)
})
