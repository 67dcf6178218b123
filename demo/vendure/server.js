// One app instance: the GraphQL APIs, the pictures and /health.
const { bootstrap } = require('@vendure/core')
const { config, stopWithParent } = require('./config')

stopWithParent()
bootstrap(config).then(app => {
  process.on('SIGTERM', () => {
    // Running requests may end; a connection that stays open must not keep the process.
    setTimeout(() => process.exit(0), 8000).unref()
    app.close().then(() => process.exit(0))
  })
}).catch(error => {
  console.error(error)
  process.exit(1)
})
