import { describe, expect, test } from '@jest/globals'
import { cutChunks, expandItems } from '../../src/copy/chunks.ts'
import { productKey, shardOf } from '../../src/copy/product-key.ts'
import type { SourceProduct } from '../../src/copy/source-products.ts'

const products = (count: number): SourceProduct[] =>
  Array.from({ length: count }, (_, i) => ({
    id: String(i + 1),
    name: `Phone ${i}`,
    model: `M-${i}`,
    price: '1.00',
    attributes: { i },
  }))

describe('items', () => {
  test('are each product for each target brand, under the template', () => {
    const items = expandItems(products(2), ['Aurora', 'Dune'], '{brand} {name}')
    expect(items.map(({ name }) => name)).toEqual([
      'Aurora Phone 0',
      'Dune Phone 0',
      'Aurora Phone 1',
      'Dune Phone 1',
    ])
    expect(items[3]).toEqual({
      brand: 'Dune',
      name: 'Dune Phone 1',
      model: 'M-1',
      price: '1.00',
      attributes: { i: 1 },
      sourceProductId: '2',
    })
  })
})

describe('chunks', () => {
  const items = expandItems(products(5000), ['Aurora'], '{brand} {name}')

  test.each([
    [500, 8],
    [100, 16],
    [1, 3],
    [1000, 1],
  ])('of %i in %i shards hold every item once, in its own shard', (chunkSize, shards) => {
    const chunks = cutChunks(items, { chunkSize, shards })
    expect(chunks.flatMap((chunk) => chunk.items)).toHaveLength(items.length)
    expect(new Set(chunks.flatMap((chunk) => chunk.items)).size).toBe(items.length)
    for (const chunk of chunks) {
      expect(chunk.items.length).toBeLessThanOrEqual(chunkSize)
      for (const item of chunk.items) {
        const key = productKey(String(item.name), String(item.model))
        expect(shardOf(key, shards)).toBe(chunk.shard)
      }
    }
  })

  test('keep the order of the items within a shard', () => {
    const ids = cutChunks(items, { chunkSize: 300, shards: 1 }).flatMap((chunk) =>
      chunk.items.map(({ sourceProductId }) => Number(sourceProductId)),
    )
    expect(ids).toEqual([...ids].sort((a, b) => a - b))
  })

  test('are about equally full', () => {
    const sizes = cutChunks(items.slice(0, 501), { chunkSize: 500, shards: 1 }).map(
      (chunk) => chunk.items.length,
    )
    expect(sizes).toEqual([251, 250])
  })

  test('of no items are none', () => {
    expect(cutChunks([], { chunkSize: 500, shards: 8 })).toEqual([])
  })
})
