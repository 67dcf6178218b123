// The texts of the further pages, in English, put together from those of each page. The shape is the contract.

import { backups } from './frame/backups.en'
import { checks } from './frame/checks.en'
import { databases } from './frame/databases.en'
import { changes } from './frame/changes.en'
import { everywhere } from './frame/everywhere.en'
import { explore } from './frame/explore.en'
import { incidents } from './frame/incidents.en'
import { ledger } from './frame/ledger.en'
import { orders } from './frame/orders.en'
import { people } from './frame/people.en'
import { services } from './frame/services.en'
import { settings } from './frame/settings.en'
import { shop } from './frame/shop.en'
import { refusals } from './refusals.en'

export const frame = {
  refusals,
  ...everywhere,
  ...shop,
  ...changes,
  ...incidents,
  ...people,
  ...settings,
  ...ledger,
  ...backups,
  ...databases,
  ...checks,
  ...services,
  ...orders,
  ...explore,
}

export type FrameMessages = typeof frame
