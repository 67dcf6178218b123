// The worker: jobs such as the search index. It answers /health on PORT.
const { bootstrapWorker } = require('@vendure/core')
const { config, stopWithParent } = require('./config')

stopWithParent()
bootstrapWorker(config).then(async worker => {
  await worker.startJobQueue()
  await worker.startHealthCheckServer({ hostname: '127.0.0.1', port: Number(process.env.PORT) })
  process.on('SIGTERM', () => process.exit(0))
}).catch(error => {
  console.error(error)
  process.exit(1)
})
