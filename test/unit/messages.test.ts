import { deflateSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import {
  bodyHash,
  MAX_CHUNK_SIZE,
  parseChunkMessage,
  parseResultMessage,
  readOutcomes,
  resultBody,
  resultMessage,
  type Outcome,
} from '../../src/messages.ts'
import { readResult } from '../../src/copy/record-result.ts'

const chunk = {
  type: 'product-copy',
  version: 1,
  requestId: 'mall-42',
  chunkNo: 1,
  policy: 'return-existing',
  userId: '1',
  userName: 'Ann',
  items: [{ brand: 'A', name: 'N', model: 'M' }],
}

const packed = (value: unknown) => deflateSync(JSON.stringify(value)).toString('base64')

const created = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ outcome: 'created' as const, id: `${i}` }))

test('a chunk is read as it was written', () => {
  expect(parseChunkMessage(JSON.stringify(chunk))).toEqual(chunk)
})

test('a chunk with items that can never be products is readable: each item has its own outcome', () => {
  const odd = { ...chunk, items: [{}, { name: 7 }, { brand: null }] }
  expect(parseChunkMessage(JSON.stringify(odd))).toEqual(odd)
})

test('a result is read as it was written', () => {
  const result = resultMessage({ requestId: '1', chunkNo: 2 }, bodyHash('x'), [
    { outcome: 'created', id: '3' },
    { outcome: 'rejected', reason: 'why', existingId: '4' },
  ])
  expect(result.eventId).toBe('1:2')
  expect(parseResultMessage(JSON.stringify(result))).toEqual({ message: result, packed: undefined })
})

const copies = {
  nameTemplate: '{name} by {brand}',
  brands: ['Ä', 'B'],
  products: [
    ['7', 'N', 'M', '1.50', { color: 'red' }],
    ['8', 'O', 'P', null, {}],
  ],
  of: [0, 0, 1],
  into: [1, 0, 0],
}

test('a chunk of copies is read as its items, each product with its brand', () => {
  const body = JSON.stringify({ ...chunk, items: undefined, version: 4, packed: packed(copies) })
  const first = { model: 'M', price: '1.50', attributes: { color: 'red' }, sourceProductId: '7' }
  const items = [
    { brand: 'B', name: 'N by B', ...first },
    { brand: 'Ä', name: 'N by Ä', ...first },
    { brand: 'Ä', name: 'O by Ä', model: 'P', price: null, attributes: {}, sourceProductId: '8' },
  ]
  expect(parseChunkMessage(body)).toEqual({ ...chunk, items })
})

test.each([7, null, 'N'.repeat(3000)])(
  'a product of copies that can never be one is left to be rejected: its name is %j',
  (name) => {
    const given = {
      ...copies,
      nameTemplate: '{name}',
      products: [
        ['7', name, 'M'],
        ['8', 'O', 'P'],
      ],
    }
    const body = JSON.stringify({ ...chunk, items: undefined, version: 4, packed: packed(given) })
    expect(parseChunkMessage(body).items.map((item) => item.name)).toEqual([name, name, 'O'])
  },
)

test('a long result is packed, and read as it was written', () => {
  const outcomes = created(500)
  const result = resultMessage({ requestId: '1', chunkNo: 2 }, bodyHash('x'), outcomes)
  const body = resultBody(result)
  const sent = JSON.parse(body) as { packed: string }
  expect(sent).toMatchObject({ version: 4, eventId: '1:2', requestId: '1', chunkNo: 2 })
  expect(body.length).toBeLessThan(JSON.stringify(result).length / 2)
  expect(parseResultMessage(body)).toEqual({ message: result, packed: sent.packed })
})

test('a list that was packed as it is, as earlier programs did, is read', () => {
  const body = JSON.stringify({
    ...chunk,
    items: undefined,
    version: 2,
    packed: packed(chunk.items),
  })
  expect(parseChunkMessage(body)).toEqual(chunk)
})

test("fields of a stranger's result are not mixed up with what every object has", () => {
  const outcome = '{"outcome":"created","id":"3","__proto__":[7],"toString":1,"constructor":1}'
  const result = resultMessage({ requestId: '1', chunkNo: 2 }, bodyHash('x'), [])
  const body = JSON.stringify(result).replace('"outcomes":[]', `"outcomes":[${outcome}]`)
  const read = readResult(body)
  expect(read).toMatchObject({ items: 1, created: 1 })
  expect(readOutcomes(read.outcomes)).toMatchObject([{ outcome: 'created', id: '3' }])
  expect(([] as number[])[0]).toBeUndefined()
})

test.each<[string, Outcome[]]>([
  ['all created', created(500)],
  ['all alike', new Array<Outcome>(500).fill({ outcome: 'failed', reason: 'why' })],
  ['one alone', [{ outcome: 'failed', reason: 'x'.repeat(4000) }]],
  ['of two kinds', [...created(500), { outcome: 'rejected', reason: 'why' }]],
  [
    'of two kinds, with one id',
    [
      ...created(1),
      ...new Array<Outcome>(99).fill({ outcome: 'failed', reason: 'long'.repeat(9) }),
    ],
  ],
])('a result whose outcomes are %s is read as it was written', (_, outcomes) => {
  const result = resultMessage({ requestId: '1', chunkNo: 2 }, bodyHash('x'), outcomes)
  const body = resultBody(result)
  expect(JSON.parse(body)).toHaveProperty('packed')
  expect(parseResultMessage(body).message).toStrictEqual(result)
})

test('a result that was packed with a list for each field, as earlier programs did, is read', () => {
  const columns = { outcome: ['created', 'created'], id: ['3', '4'] }
  const result = resultMessage({ requestId: '1', chunkNo: 2 }, bodyHash('x'), [])
  const body = JSON.stringify({
    ...result,
    outcomes: undefined,
    version: 3,
    packed: packed(columns),
  })
  expect(parseResultMessage(body).message.outcomes).toEqual([
    { outcome: 'created', id: '3' },
    { outcome: 'created', id: '4' },
  ])
})

test('outcomes are kept as they came, and read as they were written', () => {
  for (const count of [1, 500]) {
    const outcomes = created(count)
    const result = resultMessage({ requestId: '1', chunkNo: 2 }, bodyHash('x'), outcomes)
    const read = readResult(resultBody(result))
    expect(read).toMatchObject({ requestId: '1', chunkNo: 2, items: count, created: count })
    expect(readOutcomes(read.outcomes)).toEqual(outcomes)
  }
})

test('what stands beside a list that is not packed is not taken for it', () => {
  const result = resultMessage({ requestId: '1', chunkNo: 2 }, bodyHash('x'), [
    { outcome: 'created', id: '3' },
  ])
  const body = JSON.stringify({ ...result, packed: 'other' })
  expect(parseResultMessage(body).packed).toBeUndefined()
})

test('each item of a chunk that is packed by columns has the fields that it had, and no others', () => {
  const columns = { name: ['N', null, null], attributes: [null, { a: null }, null] }
  const body = JSON.stringify({ ...chunk, items: undefined, version: 3, packed: packed(columns) })
  expect(parseChunkMessage(body).items).toStrictEqual([
    { name: 'N' },
    { attributes: { a: null } },
    {},
  ])
})

const places = new Array(MAX_CHUNK_SIZE + 1).fill(0)
const bomb = packed({ name: ['x'.repeat(7 * 1024 * 1024)] })
const tooMany = packed({ name: places })
const wide = packed({ name: places.slice(1), reason: 'x'.repeat(1000) })

describe('is not readable', () => {
  test.each([
    ['hello', 'it is not JSON: "hello"'],
    ['', 'it is not JSON: ""'],
    ['null', 'its type is undefined, not "product-copy"'],
    ['[]', 'its type is undefined, not "product-copy"'],
    ['{"type":"order"}', 'its type is "order", not "product-copy"'],
    [
      JSON.stringify({ ...chunk, version: 5 }),
      'its version is 5; this program reads versions 1, 2, 3 and 4',
    ],
    [
      JSON.stringify({ ...chunk, version: '3', packed: packed({ name: ['N'] }) }),
      'its version is "3"; this program reads versions 1, 2, 3 and 4',
    ],
    [
      JSON.stringify({ ...chunk, version: 2 }),
      'its version is 2, and its packed items are missing',
    ],
    [
      JSON.stringify({ ...chunk, version: 2, packed: 'hello' }),
      'its packed items cannot be unpacked',
    ],
    ...[
      ...[bomb, wide, tooMany, packed(null), packed({}), packed({ name: 7 })],
      ...[
        packed({ a: [1], b: [] }),
        packed({ ['__proto__']: [{}] }),
        `[${packed({ name: ['N'] })}`,
      ],
    ].map((list) => [
      JSON.stringify({ ...chunk, version: 3, packed: list }),
      'its packed items cannot be unpacked',
    ]),
    ...[
      ...[
        null,
        [],
        {},
        { ...copies, nameTemplate: 7 },
        { ...copies, nameTemplate: '{name}'.repeat(99) },
      ],
      ...[
        { ...copies, of: [0] },
        { ...copies, of: places, into: places },
        { ...copies, into: [0, 0, 2] },
      ],
      ...[
        { ...copies, of: [0, 0, 2] },
        { ...copies, of: [0, 1, 0] },
        { ...copies, of: [0, 0, -1] },
        { ...copies, of: [0, 0, 0.5] },
      ],
      ...[
        { ...copies, of: ['0', 0, 0] },
        { ...copies, into: ['0', 0, 0] },
      ],
      ...[
        { ...copies, products: [null, null] },
        { ...copies, products: 7 },
        { ...copies, brands: null },
      ],
    ].map((given) => [
      JSON.stringify({ ...chunk, version: 4, packed: packed(given) }),
      'its packed items cannot be unpacked',
    ]),
    [
      JSON.stringify({ ...chunk, version: 4, packed: packed({ ...copies, of: [], into: [] }) }),
      '/items must NOT have fewer than 1',
    ],
    [
      JSON.stringify({ ...chunk, version: 3, packed: packed({ a: [] }) }),
      '/items must NOT have fewer than 1',
    ],
    [
      JSON.stringify({ ...chunk, version: 2, packed: packed([]) }),
      '/items must NOT have fewer than 1',
    ],
    [JSON.stringify({ ...chunk, items: [] }), '/items'],
    [JSON.stringify({ ...chunk, items: new Array(MAX_CHUNK_SIZE + 1).fill({}) }), '/items'],
    [JSON.stringify({ ...chunk, items: [7] }), '/items/0'],
    [JSON.stringify({ ...chunk, policy: 'maybe' }), '/policy'],
    [JSON.stringify({ ...chunk, requestId: 'a b' }), '/requestId'],
    [JSON.stringify({ ...chunk, chunkNo: 0 }), '/chunkNo'],
    [JSON.stringify({ ...chunk, chunkNo: undefined }), 'chunkNo'],
  ])('message %#', (body, reason) => {
    expect(() => parseChunkMessage(body)).toThrow(reason)
    expect(() => parseChunkMessage(body)).toThrow(/^unreadable message: [^\n]*$/)
  })
})
