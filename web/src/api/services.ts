// The API's values of services, from `schema.ts` as in `types.ts`.

import type { components } from './schema'
import type { But, Whole } from './types'

type Schemas = components['schemas']

export type ServiceState = Schemas['ServiceState']
export type ServiceWant = Schemas['ServiceWant']
export type ServiceKind = 'redis' | 'nginx' | 'php-fpm' | 'postgres' | 'mysql' | 'rabbitmq' | 'elasticsearch' | 'queues'
export type QueueStanding = Whole<Schemas['QueueStanding']>
export type ServiceStanding = But<Whole<Schemas['ServiceStanding']>, { service: ServiceKind; numbers: Whole<Schemas['ServiceNumber']>[]; queues: QueueStanding[]; wants: ServiceWant | null }>
export type ServicesStanding = But<Whole<Schemas['ServicesStanding']>, { services: ServiceStanding[] }>
