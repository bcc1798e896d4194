import type { Item } from '../src/messages.ts'

/** Products as a shop has them: some attributes, a price, a name with a number. */
export const USER = { id: 'bench', name: 'bench' }
export const SOURCE = 'Source'
export const WARM_UP = 'Warm-up'
export const TARGETS = Array.from({ length: 10 }, (_, i) => `Target ${i}`)

const COLORS = ['black', 'white', 'silver', 'blue', 'green']

export const sourceProduct = (n: number) => ({
  name: `Product ${n}`,
  model: `MODEL-${n.toString(36).toUpperCase()}`,
  price: `${(n % 900) + 9}.90`,
  attributes: { color: COLORS[n % COLORS.length], weight: n % 1000, ean: String(4e12 + n) },
})

/** As long as the ids that we give out. */
const FIRST_ID = 100_000_000_000_000_000n

/** What copying the source into the targets makes of so many source products, one target after the other. */
export function copiedProduct(n: number): Item {
  const no = Math.floor(n / TARGETS.length)
  const { name, ...rest } = sourceProduct(no)
  const brand = TARGETS[n % TARGETS.length]!
  return {
    brand,
    name: `${brand} ${name}`,
    ...rest,
    sourceProductId: String(FIRST_ID + BigInt(no)),
  }
}

/** Products by the number, from the `first` one on. */
export interface Range {
  first: number
  products: number
}

export function* batchesOf({ first, products }: Range, size: number): Generator<Item[]> {
  for (let start = 0; start < products; start += size) {
    const length = Math.min(size, products - start)
    yield Array.from({ length }, (_, i) => copiedProduct(first + start + i))
  }
}
