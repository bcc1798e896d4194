import type { Item } from '../messages.ts'
import { randomFrom, shuffled } from './random.ts'

/** Products in a batch, and how far the next batch is from it: each product is in two of them. */
const BATCH = { size: 100, step: 50 }
/** So many times as many products are asked for in bulk as one by one. */
const BULK_FACTOR = 10
/** How often a product is asked for in a row, by as many clients at the same time. */
const MAX_REPEATS = 14
/** Products that are created, deleted and created again, so many times. */
export const READDED = { products: 10, times: 10 }
/** Products that are created and deleted by all clients at the same time. */
const HOT_KEYS = 20
const MAX_HOT_BATCH = 5

export type Operation = { create: Item[] } | { remove: Item }

/** What every way is asked for. The same size, clients and seed make the same requests. */
export interface Load {
  /** Opens the clients' connections; not measured. */
  warmUp: Operation[]
  /** Products that are created, deleted and created again. */
  readds: Item[]
  /** Products one by one, each by several clients at the same time, and some of them later again. */
  single: Operation[]
  /** Batches that overlap, in no order. */
  bulk: Operation[]
  /** A few products, created alone and in small batches, and deleted, at the same time. */
  mixed: Operation[]
}

/** @param brand of all products */
export function makeLoad(options: {
  products: number
  clients: number
  seed: number
  brand: string
}): Load {
  const { products, clients, seed, brand } = options
  const random = randomFrom(seed)
  const upTo = (limit: number) => Math.floor(random() * limit)
  /** Each request has a price of its own: it shows whose values a product has. */
  const item = (phase: string, no: number): Item => ({
    brand,
    name: `Compare ${phase} ${no}`,
    model: `C-${phase}-${no}`,
    price: (upTo(100_000) / 100).toFixed(2),
    attributes: { color: 'black', storage: '128 GB' },
  })
  const one = (phase: string, no: number): Operation => ({ create: [item(phase, no)] })

  const single: Operation[] = []
  for (let no = 0; single.length < products; no++) {
    const repeats = Math.min(1 + upTo(MAX_REPEATS), products - single.length)
    for (let i = 0; i < repeats; i++) single.push(one('single', no))
    if (no > 0 && single.length < products) single.push(one('single', upTo(no)))
  }

  const bulk = range((products * BULK_FACTOR) / BATCH.size).map((batch) => ({
    create: shuffled(
      range(BATCH.size).map((no) => item('bulk', batch * BATCH.step + no)),
      random,
    ),
  }))

  const mixed = range(products).map((): Operation => {
    if (random() < 0.4) return { remove: item('mixed', upTo(HOT_KEYS)) }
    const keys = shuffled(range(HOT_KEYS), random).slice(0, 1 + upTo(MAX_HOT_BATCH))
    return { create: keys.map((no) => item('mixed', no)) }
  })

  return {
    warmUp: range(2 * clients).map((no) => one('warm', no)),
    readds: range(READDED.products).map((no) => item('again', no)),
    single,
    bulk,
    mixed,
  }
}

const range = (length: number): number[] => Array.from({ length: Math.ceil(length) }, (_, i) => i)

/** How many products are asked for. */
export const askedFor = (operations: Operation[]): number =>
  operations.reduce((sum, one) => sum + ('create' in one ? one.create.length : 0), 0)
