// Services of the pretend shop: all answer when calm; in trouble its mails wait; with `disk` the database is away.

export function services(scenario, shop, now = Date.now()) {
  if (scenario === 'nothing') return { services: [], looked_ms: null }
  const one = (service, place, numbers, more = {}) => ({
    service, place, shop: null, found: true, state: 'up', since_ms: now - 5 * 86_400_000, asked_ms: now - 4_000, took_ms: 3.4, error: null, wants: null,
    numbers: Object.entries(numbers).map(([metric, value]) => ({ metric, value })), queues: [], ...more,
  })
  const queue = (queue, waiting, oldest_waiting_ms, running, failed) => ({ queue, waiting, running, failed, oldest_waiting_ms, oldest_running_ms: running ? 900 : 0 })
  const late = scenario === 'checkout'
  const away = scenario === 'disk' ? { state: 'down', since_ms: now - 900_000, error: '127.0.0.1:5432: connection refused', numbers: [], queues: [] } : {}
  return {
    looked_ms: now - 140_000,
    services: [
      one('postgres', '127.0.0.1:5432', { pg_stat_database_numbackends: 12, pg_settings_max_connections: 100 }, { shop, found: false, ...away }),
      one('queues', '127.0.0.1:5432/lampenladen', {}, { shop, found: false, queues: [queue('mails', late ? 214 : 0, late ? 1_380_000 : 0, late ? 0 : 1, late ? 0 : 2), queue('search-index', 3, 4_000, 1, 0), queue('erp-export', null, null, null, null)], ...away }),
      one('redis', '127.0.0.1:6379', { redis_memory_used_bytes: 84_000_000, redis_memory_max_bytes: 256_000_000, redis_connected_clients: 9, redis_keyspace_hits_total: 9_800_000, redis_keyspace_misses_total: 412_000, redis_evicted_keys_total: 0 }),
      one('php-fpm', '/run/php/php8.2-fpm.sock', { phpfpm_active_processes: 4, phpfpm_total_processes: 24, phpfpm_listen_queue: 0, phpfpm_max_children_reached: 3 }),
      one('nginx', '127.0.0.1:8080', {}, { state: 'unknown', asked_ms: null, took_ms: null, wants: 'status_page' }),
      one('rabbitmq', '127.0.0.1:15672', {}, { state: 'unknown', asked_ms: null, took_ms: null, wants: 'login' }),
    ],
  }
}
