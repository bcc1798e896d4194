import { expect, test } from '@jest/globals'
import { askedFor, makeLoad } from '../../src/compare/load.ts'

const options = { products: 1000, clients: 14, seed: 7, brand: 'Acme' }

test('the same seed makes the same requests, another one others', () => {
  expect(makeLoad(options)).toEqual(makeLoad(options))
  expect(makeLoad({ ...options, seed: 8 })).not.toEqual(makeLoad(options))
})

test('each product is asked for more than once, and a batch has none of them twice', () => {
  const { single, bulk } = makeLoad(options)
  expect([askedFor(single), askedFor(bulk)]).toEqual([1000, 10_000])
  const names = (operations: typeof single) =>
    operations.flatMap((one) => ('create' in one ? one.create.map(({ name }) => name) : []))
  expect(new Set(names(single)).size).toBeLessThan(300)
  // Neighbours share half of their products.
  expect(new Set(names(bulk)).size).toBe(5050)
  for (const batch of bulk) expect(new Set(names([batch])).size).toBe(100)
})
