import { describe, expect, test } from '@jest/globals'
import { chunkRows, cutChunks, expandItems } from '../../src/copy/chunks.ts'
import type { RequestRow } from '../../src/copy/request-status.ts'
import { parseChunkMessage } from '../../src/messages.ts'
import { messageGroup } from '../../src/products/message-group.ts'
import { productKey, shardOf } from '../../src/products/product-key.ts'
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
        expect(messageGroup(shardOf(key, shards), shards)).toBe(chunk.group)
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

describe('rows of chunks', () => {
  const request = { id: '77', policy: 'fail', user_id: '1', user_name: 'Ann' } as RequestRow

  test('are readable messages, numbered on', () => {
    const chunks = cutChunks(expandItems(products(5), ['Aurora'], '{name}'), {
      chunkSize: 2,
      shards: 1,
    })
    const rows = chunkRows(request, chunks, 8)
    expect(rows.map((row) => [row.chunk_no, row.items])).toEqual([
      [8, 2],
      [9, 2],
      [10, 1],
    ])
    for (const row of rows) {
      expect(parseChunkMessage(row.body)).toMatchObject({
        requestId: '77',
        chunkNo: row.chunk_no,
        policy: 'fail',
        userId: '1',
        userName: 'Ann',
      })
    }
  })

  test('of the largest items stay below 2 MiB each, and lose none', () => {
    const large = products(1000).map((one) => ({ ...one, attributes: { text: '手'.repeat(1350) } }))
    const chunks = cutChunks(expandItems(large, ['Aurora'], '{name}'), {
      chunkSize: 1000,
      shards: 1,
    })
    const rows = chunkRows(request, chunks, 1)
    expect(rows.length).toBeGreaterThan(1)
    for (const row of rows) expect(Buffer.byteLength(row.body)).toBeLessThan(2 * 1024 * 1024)
    expect(rows.map((row) => row.chunk_no)).toEqual(rows.map((_, index) => index + 1))
    const ids = rows.flatMap((row) =>
      parseChunkMessage(row.body).items.map((one) => one['sourceProductId']),
    )
    expect(ids).toEqual(large.map(({ id }) => id))
  })
})
