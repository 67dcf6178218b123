// Dienste: Datenbanken, Caches und Warteschlangen, und was sie von sich sagen; auf Deutsch.

import type { services as english } from './services.en'

const count = (number: number, one: string, many: string) => (number === 1 ? one : many)

export const services: typeof english = {
  services: {
    answer: {
      none: () => 'Auf dieser Maschine wurde weder Datenbank noch Cache noch Warteschlange gefunden.',
      up: (number, of) => (of === 1 ? 'Der eine Dienst, der gefragt wird, antwortet.' : `Alle ${number} Dienste, die gefragt werden, antworten.`),
      down: (number, of) => `${number} ${count(of, 'Dienst antwortet', 'Dienste antworten')} nicht.`,
      stuck: (number, of) => `${number} ${count(of, 'Warteschlange', 'Warteschlangen')} des Shops ${count(of, 'hat', 'haben')} Aufträge, die niemand erledigt.`,
      unknown: () => 'Wie es den Diensten geht, ist noch nicht bekannt.',
    },
    lede: 'Gefunden daran, wer auf dieser Maschine hört, und alle zehn Sekunden gefragt; Warteschlangen jede Minute.',
    looked: (age) => `Die Maschine wurde vor ${age} durchgesehen.`,
    notLooked: 'Dienste werden nicht gesucht: So steht es in der Konfiguration, oder es geschah noch nicht.',
    ofShop: 'Dieses Shops',
    ofMachine: 'Dieser Maschine',
    queues: 'Warteschlangen und Cron',
    name: { redis: 'Redis', nginx: 'nginx', 'php-fpm': 'PHP-FPM', postgres: 'PostgreSQL', mysql: 'MariaDB oder MySQL', rabbitmq: 'RabbitMQ', elasticsearch: 'Elasticsearch oder OpenSearch', queues: 'Warteschlangen' },
    state: { up: 'antwortet', down: 'antwortet nicht', unknown: 'nicht gefragt' },
    since: (state, age) => `${state} seit ${age}`,
    asked: (took) => `die letzte Antwort dauerte ${took}`,
    found: 'selbst gefunden',
    wants: {
      login: 'Ohne Passwort lässt er niemanden fragen. Es gehört in die Konfiguration:',
      status_page: 'Er zeigt niemandem, wie es ihm geht. Seine Statusseite ist einzuschalten, und wo sie ist, steht dann hier:',
      access: 'An seinen Socket dürfen wir nicht: Der Benutzer, als der Storewarden läuft, gehört in dessen Gruppe.',
    },
    number: {
      redis_memory_used_bytes: 'Speicher',
      redis_connected_clients: 'Clients',
      redis_evicted_keys_total: 'aus Platzmangel verworfen',
      nginx_connections_active: 'Verbindungen',
      nginx_connections_waiting: 'untätig',
      phpfpm_active_processes: 'Worker beschäftigt',
      phpfpm_listen_queue: 'Anfragen warten',
      phpfpm_max_children_reached: 'Mal ohne freie Worker',
      pg_stat_database_numbackends: 'Verbindungen',
      mysql_global_status_threads_connected: 'Verbindungen',
      mysql_global_status_slow_queries: 'langsame Abfragen seit dem Start',
      rabbitmq_queue_messages_ready_global: 'Nachrichten warten',
      rabbitmq_consumers: 'Abnehmer',
      rabbitmq_connections: 'Verbindungen',
      elasticsearch_cluster_health_unassigned_shards: 'Shards nirgends',
      elasticsearch_jvm_memory_used_bytes: 'Speicher',
      hits: 'im Cache gefunden',
    },
    of: (used, most) => `${used} von ${most}`,
    queue: 'Warteschlange',
    waiting: 'Wartend',
    oldest: 'Am längsten fällig',
    failed: 'Gescheitert (1 h)',
    none: 'keine',
    explore: 'In Erkunden',
  },
}
