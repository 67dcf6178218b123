// One app instance: the GraphQL APIs, the pictures and /health.
const { bootstrap } = require('@vendure/core')
const { config, stopWithParent } = require('./config')

stopWithParent()
bootstrap(config).then(app => {
  const server = app.getHttpServer()
  let isStopping = false
  server.prependListener('request', (_, response) => {
    // Whoever keeps connections alive learns that this one ends here.
    if (isStopping) response.setHeader('connection', 'close')
  })
  process.on('SIGTERM', () => {
    isStopping = true
    // Running requests end before the database goes; a connection that stays open must not keep the process.
    server.close(() => app.close().finally(() => process.exit(0)))
    setTimeout(() => server.closeIdleConnections(), 1000)
    setTimeout(() => process.exit(0), 8000).unref()
  })
}).catch(error => {
  console.error(error)
  process.exit(1)
})
