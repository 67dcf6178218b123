// Die Texte der weiteren Seiten auf Deutsch, aus denen jeder Seite zusammengesetzt.

import type { FrameMessages } from './frame.en'
import { backups } from './frame/backups.de'
import { checks } from './frame/checks.de'
import { databases } from './frame/databases.de'
import { changes } from './frame/changes.de'
import { everywhere } from './frame/everywhere.de'
import { explore } from './frame/explore.de'
import { incidents } from './frame/incidents.de'
import { ledger } from './frame/ledger.de'
import { orders } from './frame/orders.de'
import { people } from './frame/people.de'
import { services } from './frame/services.de'
import { settings } from './frame/settings.de'
import { shop } from './frame/shop.de'
import { refusals } from './refusals.de'

export const frame: FrameMessages = {
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
