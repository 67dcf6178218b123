// The API's values of single orders, from `schema.ts` as in `types.ts`.

import type { components } from './schema'
import type { But, Whole } from './types'

type Schemas = components['schemas']

export type RowState = 'same' | 'changed' | 'gone' | 'new'
export type Field = Whole<Schemas['FieldThenNow']>
export type OrderRow = But<Whole<Schemas['RowThenNow']>, { role: 'root' | 'own' | 'needed'; state: RowState }>
export type Order = But<Whole<Schemas['OrderThenNow']>, { state: RowState; rows: OrderRow[] }>
export type Look = But<Whole<Schemas['OrderLook']>, { orders: Order[] }>
export type OrderMoment = But<Whole<Schemas['OrderMoment']>, { what: 'made' | 'changed' | 'gone'; rows: OrderRow[] }>
export type OrderHistory = But<Whole<Schemas['OrderHistory']>, { moments: OrderMoment[] }>
export type DeletedOrder = Whole<Schemas['DeletedOrder']>
export type Deleted = But<Whole<Schemas['DeletedOrders']>, { orders: DeletedOrder[] }>
/** Confirmed to visitors, and not in the shop's database. */
export type MissingOrder = Schemas['MissingOrder']
export type Missing = But<Whole<Schemas['MissingOrders']>, { orders: MissingOrder[] }>
/** That somebody had their data erased. */
export type ErasureNoted = Schemas['ErasureNoted']
/** Of what time. */
export type DeletedQuestion = Partial<Schemas['DeletedQuestion']>
/** Which one: by its number, its buyer's address, or a row by table and key. */
export type OrderQuestion = Partial<Schemas['OrderQuestion']>
