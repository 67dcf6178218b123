// The configuration that all processes of this Vendure share. What differs comes from the environment:
// PORT, DB_TYPE (postgres or mariadb), DB_PORT, DB_NAME, DB_USER, ASSETS (folder of the uploaded pictures),
// SYNCHRONIZE=1 (make the tables).
const path = require('node:path')
const {
  DefaultJobQueuePlugin, DefaultLogger, DefaultSchedulerPlugin, DefaultSearchPlugin, LogLevel, dummyPaymentHandler,
} = require('@vendure/core')
const { AssetServerPlugin } = require('@vendure/asset-server-plugin')

const { env } = process
exports.samples = path.join(path.dirname(require.resolve('@vendure/create/package.json')), 'assets')

exports.config = {
  logger: new DefaultLogger({ level: LogLevel.Warn }),
  apiOptions: {
    hostname: '127.0.0.1',
    port: Number(env.PORT),
    adminApiPath: 'admin-api',
    shopApiPath: 'shop-api',
    // One proxy stands in front.
    trustProxy: 1,
    cors: false,
    csrfPrevention: true,
  },
  authOptions: {
    tokenMethod: ['cookie', 'bearer'],
    superadminCredentials: { identifier: 'superadmin', password: env.SUPERADMIN_PASSWORD },
    // Instances of one shop must share it, else a session ends with the instance that began it.
    cookieOptions: { secret: env.COOKIE_SECRET },
  },
  dbConnectionOptions: {
    type: env.DB_TYPE,
    host: '127.0.0.1',
    port: Number(env.DB_PORT),
    username: env.DB_USER,
    // The living database asks for none; that of a drill does.
    ...(env.DB_PASSWORD && { password: env.DB_PASSWORD }),
    database: env.DB_NAME,
    synchronize: env.SYNCHRONIZE === '1',
    migrations: [],
    logging: false,
    poolSize: 20,
    ...(env.DB_TYPE === 'mariadb' && { connectorPackage: 'mysql2' }),
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  importExportOptions: { importAssetsDir: path.join(exports.samples, 'images') },
  plugins: [
    AssetServerPlugin.init({ route: 'assets', assetUploadDir: env.ASSETS }),
    DefaultSchedulerPlugin.init(),
    DefaultJobQueuePlugin.init({ useDatabaseForBuffer: true }),
    DefaultSearchPlugin.init({ bufferUpdates: false, indexStockStatus: true }),
  ],
}

// A director that was killed could not stop its processes: they notice that they are alone.
exports.stopWithParent = () => {
  const parent = process.ppid
  setInterval(() => process.ppid === parent || process.exit(0), 1000).unref()
}
