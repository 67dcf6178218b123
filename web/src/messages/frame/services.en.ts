// Services: databases, caches and queues, and what they say of themselves; in English.

import type { ServiceKind, ServiceState, ServiceWant } from '../../api/services'

const count = (number: number, one: string, many: string) => (number === 1 ? one : many)

export const services = {
  services: {
    answer: {
      none: () => 'No database, cache or queue was found on this machine.',
      up: (number: string, of: number) => (of === 1 ? 'The one service that is asked answers.' : `All ${number} services that are asked answer.`),
      down: (number: string, of: number) => `${number} ${count(of, 'service does', 'services do')} not answer.`,
      stuck: (number: string, of: number) => `${number} ${count(of, 'queue', 'queues')} of the shop ${count(of, 'has', 'have')} jobs that nobody does.`,
      unknown: () => 'How the services are, is not known yet.',
    },
    lede: 'Found by who listens on this machine, and asked every ten seconds; queues each minute.',
    looked: (age: string) => `The machine was looked through ${age} ago.`,
    notLooked: 'Services are not looked for: the configuration says so, or it has not been done yet.',
    ofShop: 'Of this shop',
    ofMachine: 'Of this machine',
    queues: 'Queues and cron',
    name: { redis: 'Redis', nginx: 'nginx', 'php-fpm': 'PHP-FPM', postgres: 'PostgreSQL', mysql: 'MariaDB or MySQL', rabbitmq: 'RabbitMQ', elasticsearch: 'Elasticsearch or OpenSearch', queues: 'Queues' } satisfies Record<ServiceKind, string>,
    state: { up: 'answers', down: 'does not answer', unknown: 'not asked' } satisfies Record<ServiceState, string>,
    since: (state: string, age: string) => `${state} for ${age}`,
    asked: (took: string) => `the last answer took ${took}`,
    found: 'found by itself',
    wants: {
      login: 'It lets nobody ask without a password. Write it into the configuration:',
      status_page: 'It shows nobody how it is. Switch its status page on, and write where it is:',
      access: 'We may not connect to its socket: let the user whom Storewarden runs as into its group.',
    } satisfies Record<ServiceWant, string>,
    number: {
      redis_memory_used_bytes: 'memory',
      redis_connected_clients: 'clients',
      redis_evicted_keys_total: 'thrown out for want of memory',
      nginx_connections_active: 'connections',
      nginx_connections_waiting: 'idle',
      phpfpm_active_processes: 'workers busy',
      phpfpm_listen_queue: 'requests wait',
      phpfpm_max_children_reached: 'times out of workers',
      pg_stat_database_numbackends: 'connections',
      mysql_global_status_threads_connected: 'connections',
      mysql_global_status_slow_queries: 'slow queries since its start',
      rabbitmq_queue_messages_ready_global: 'messages wait',
      rabbitmq_consumers: 'consumers',
      rabbitmq_connections: 'connections',
      elasticsearch_cluster_health_unassigned_shards: 'shards nowhere',
      elasticsearch_jvm_memory_used_bytes: 'memory',
      hits: 'found in the cache',
    } as Record<string, string>,
    of: (used: string, most: string) => `${used} of ${most}`,
    queue: 'Queue',
    waiting: 'Waiting',
    oldest: 'Oldest due',
    failed: 'Failed this hour',
    none: 'none',
    explore: 'On Explore',
  },
}
