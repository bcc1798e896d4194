import { describe, expect, test } from '@jest/globals'
import { chunkRows, cutChunks, type ChunkRow, type ChunkSettings } from '../../src/copy/chunks.ts'
import type { RequestRow } from '../../src/copy/request-status.ts'
import type { Copies, SourceProduct } from '../../src/copies.ts'
import { parseChunkMessage } from '../../src/messages.ts'
import { unpack } from '../../src/packing.ts'
import { messageGroup } from '../../src/products/message-group.ts'
import { readProducts } from '../../src/products/read-product.ts'
import { productKey, shardOf } from '../../src/products/product-key.ts'

const products = (count: number): SourceProduct[] =>
  Array.from({ length: count }, (_, i) => ({
    id: String(i + 1),
    name: `Phone ${i}`,
    model: `M-${i}`,
    price: '1.00',
    attributes: JSON.stringify({ i }),
  }))

const page = (count: number, brands = ['Aurora'], nameTemplate = '{brand} {name}'): Copies => ({
  nameTemplate,
  brands,
  products: products(count),
})

const rowsOf = (copies: Copies, settings: ChunkSettings, firstNo = 1): ChunkRow[] => {
  const request = {
    id: '77',
    policy: 'fail',
    user_id: '1',
    user_name: 'Ann',
  } as RequestRow
  return chunkRows(request, copies, cutChunks(copies, settings), firstNo)
}

const itemsIn = ({ body }: ChunkRow) => parseChunkMessage(body).items

describe('chunks', () => {
  const settings = { chunkSize: 500, shards: 1 }

  test.each([
    [2, 1],
    [60, 4],
  ])('have each of %i products for each brand, in a message of version %i', (count, version) => {
    const rows = rowsOf(page(count, ['Aurora', 'Dune']), settings)
    expect(rows).toHaveLength(1)
    expect(JSON.parse(rows[0]!.body)).toMatchObject({ version })
    const items = itemsIn(rows[0]!)
    expect(items.slice(0, 4).map(({ name }) => name)).toEqual([
      'Aurora Phone 0',
      'Dune Phone 0',
      'Aurora Phone 1',
      'Dune Phone 1',
    ])
    expect(items).toHaveLength(2 * count)
    expect(items.at(-1)).toEqual({
      brand: 'Dune',
      name: `Dune Phone ${count - 1}`,
      model: `M-${count - 1}`,
      price: '1.00',
      attributes: { i: count - 1 },
      sourceProductId: String(count),
    })
  })

  test('are short where they copy one product into many brands', () => {
    const brands = Array.from({ length: 150 }, (_, i) => `B${i}`)
    const [row] = rowsOf(page(1, brands), settings)
    expect(row!.body.length).toBeLessThan(2000)
    expect(itemsIn(row!).map(({ brand }) => brand)).toEqual(brands)
  })

  test('are made of what another program left without a name or a model, for the consumer to reject', () => {
    const given = [{ ...products(1)[0]!, name: null, model: null }] as unknown as SourceProduct[]
    const rows = rowsOf({ ...page(0), products: given }, settings)
    expect(rows.flatMap(itemsIn)).toMatchObject([{ name: null, model: null }])
  })

  test('are made of attributes that MariaDB takes for JSON and others do not, for the consumer to reject', () => {
    const given = [{ ...products(1)[0]!, attributes: '{"size": "\\x"}' }]
    const [item] = rowsOf({ ...page(1), products: given }, settings).flatMap(itemsIn)
    expect(readProducts([item!])).toEqual([
      { field: 'attributes', reason: `attributes are "{\\"size\\": \\"\\\\x\\"}", not an object` },
    ])
  })

  test('say each product and each brand once where they are long', () => {
    const [row] = rowsOf(page(60, ['Aurora', 'Dune']), settings)
    const { packed } = JSON.parse(row!.body) as { packed: string }
    const copies = unpack(packed) as Record<string, unknown[]>
    expect(copies['products']).toHaveLength(60)
    expect(copies['brands']).toEqual(['Aurora', 'Dune'])
  })

  test('name no brand that none of their items has', () => {
    const brands = Array.from({ length: 1000 }, (_, i) => `Brand ${i}`)
    for (const row of rowsOf(page(1, brands), { chunkSize: 250, shards: 1 })) {
      const { packed } = JSON.parse(row.body) as { packed: string }
      expect((unpack(packed) as Record<string, unknown[]>)['brands']).toHaveLength(250)
    }
  })

  test.each([
    [500, 8],
    [100, 16],
    [1, 3],
    [8000, 8],
    [1000, 1],
  ])('of %i in %i shards hold every item once, in its own shard', (chunkSize, shards) => {
    const brands = ['Aurora', 'Dune', 'Ärmel']
    const rows = rowsOf(page(1667, brands), { chunkSize, shards })
    const names = rows.flatMap((row) => itemsIn(row).map(({ name }) => name))
    expect(names).toHaveLength(5001)
    expect(new Set(names).size).toBe(5001)
    for (const row of rows) {
      const items = itemsIn(row)
      expect(row.items).toBe(items.length)
      expect(items.length).toBeLessThanOrEqual(chunkSize)
      for (const { brand, name, model, sourceProductId } of items) {
        const key = productKey(name as string, model as string)
        expect(messageGroup(shardOf(key, shards), shards)).toBe(row.message_group)
        expect(name).toBe(`${brand as string} Phone ${Number(sourceProductId) - 1}`)
      }
    }
  })

  test('keep the order of the items within a shard', () => {
    const ids = rowsOf(page(5000), { chunkSize: 300, shards: 1 }).flatMap((row) =>
      itemsIn(row).map(({ sourceProductId }) => Number(sourceProductId)),
    )
    expect(ids).toEqual([...ids].sort((a, b) => a - b))
  })

  test('are about equally full', () => {
    expect(rowsOf(page(501), settings).map(({ items }) => items)).toEqual([251, 250])
  })

  test('of no items are none', () => {
    expect(cutChunks(page(0), { chunkSize: 500, shards: 8 })).toEqual([])
  })

  test('are readable messages, numbered on', () => {
    const rows = rowsOf(page(5, ['Aurora'], '{name}'), { chunkSize: 2, shards: 1 }, 8)
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

  test('of the largest items have 2 MiB of them each, and lose none', () => {
    const brands = Array.from({ length: 5 }, (_, i) => `Brand ${i}`)
    const attributes = JSON.stringify({ text: '手'.repeat(1350) })
    const large = products(400).map((one) => ({ ...one, attributes }))
    const rows = rowsOf({ ...page(0, brands), products: large }, { chunkSize: 2000, shards: 1 })
    expect(rows.length).toBeGreaterThan(1)
    for (const row of rows) {
      const bytes = Buffer.byteLength(JSON.stringify(itemsIn(row).map((item) => item.attributes)))
      expect(bytes).toBeLessThan(2 * 1024 * 1024)
    }
    expect(rows.map((row) => row.chunk_no)).toEqual(rows.map((_, index) => index + 1))
    const ids = rows.flatMap((row) => itemsIn(row).map((item) => item['sourceProductId']))
    expect(ids).toEqual(large.flatMap(({ id }) => brands.map(() => id)))
  })
})
