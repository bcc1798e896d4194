import { deflateSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import {
  bodyHash,
  chunkBody,
  MAX_CHUNK_SIZE,
  parseChunkMessage,
  parseResultMessage,
  resultBody,
  resultMessage,
  type ChunkMessage,
} from '../../src/messages.ts'

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

test.each([1, 2, 1000])('a chunk of %d items is read as it was written, packed or not', (count) => {
  const items = Array.from({ length: count }, (_, i) => ({
    brand: 'Ä',
    name: `N ${i}`,
    model: 'M',
  }))
  const message = {
    ...chunk,
    version: 1 as const,
    policy: 'fail' as const,
    type: 'product-copy' as const,
    items,
  }
  const body = chunkBody(message)
  expect(parseChunkMessage(body)).toEqual(message)
  expect(JSON.parse(body)).toMatchObject(count === 1000 ? { version: 2 } : { version: 1, items })
})

test('a long result is packed, and read as it was written', () => {
  const outcomes = Array.from({ length: 500 }, (_, i) => ({
    outcome: 'created' as const,
    id: `${i}`,
  }))
  const result = resultMessage({ requestId: '1', chunkNo: 2 }, bodyHash('x'), outcomes)
  const body = resultBody(result)
  const sent = JSON.parse(body) as { packed: string }
  expect(sent).toMatchObject({ version: 2, eventId: '1:2', requestId: '1', chunkNo: 2 })
  expect(body.length).toBeLessThan(JSON.stringify(result).length / 2)
  expect(parseResultMessage(body)).toEqual({ message: result, packed: sent.packed })
})

test('what stands beside a list that is not packed is not taken for it', () => {
  const result = resultMessage({ requestId: '1', chunkNo: 2 }, bodyHash('x'), [
    { outcome: 'created', id: '3' },
  ])
  const body = JSON.stringify({ ...result, packed: 'other' })
  expect(parseResultMessage(body).packed).toBeUndefined()
})

test('each item of a packed chunk has the fields that it had, and no others', () => {
  const fields = [{ name: 'N' }, { model: 'M', attributes: { a: null } }, {}, { price: null }]
  const items = Array.from({ length: 800 }, (_, i) => fields[i % fields.length]!)
  const body = chunkBody({ ...(chunk as ChunkMessage), items })
  expect(JSON.parse(body)).toMatchObject({ version: 2 })
  const read = items.map((item) => ('price' in item ? {} : item))
  expect(parseChunkMessage(body).items).toEqual(read)
})

const packed = (text: string | Buffer) => deflateSync(text).toString('base64')
const bomb = packed(Buffer.alloc(17 * 1024 * 1024, ' '))

describe('is not readable', () => {
  test.each([
    ['hello', 'it is not JSON: "hello"'],
    ['', 'it is not JSON: ""'],
    ['null', 'its type is undefined, not "product-copy"'],
    ['[]', 'its type is undefined, not "product-copy"'],
    ['{"type":"order"}', 'its type is "order", not "product-copy"'],
    [
      JSON.stringify({ ...chunk, version: 3 }),
      'its version is 3; this program reads versions 1 and 2',
    ],
    [
      JSON.stringify({ ...chunk, version: 2 }),
      'its version is 2, and its packed items are missing',
    ],
    [
      JSON.stringify({ ...chunk, version: 2, packed: 'hello' }),
      'its packed items cannot be unpacked',
    ],
    ...[bomb, packed('[]'), packed('null'), packed('{"name":7}'), packed('{"a":[1],"b":[]}')].map(
      (list) => [
        JSON.stringify({ ...chunk, version: 2, packed: list }),
        'its packed items cannot be unpacked',
      ],
    ),
    [JSON.stringify({ ...chunk, version: 2, packed: packed('{}') }), 'cannot be unpacked'],
    [JSON.stringify({ ...chunk, version: 2, packed: packed('{"a":[]}') }), '/items must not'],
    [JSON.stringify({ ...chunk, items: [] }), '/items'],
    [JSON.stringify({ ...chunk, items: new Array(MAX_CHUNK_SIZE + 1).fill({}) }), '/items'],
    [JSON.stringify({ ...chunk, items: [7] }), '/items/0'],
    [JSON.stringify({ ...chunk, policy: 'maybe' }), '/policy'],
    [JSON.stringify({ ...chunk, requestId: 'a b' }), '/requestId'],
    [JSON.stringify({ ...chunk, chunkNo: 0 }), '/chunkNo'],
    [JSON.stringify({ ...chunk, chunkNo: undefined }), 'chunkNo'],
  ])('%.60s', (body, reason) => {
    expect(() => parseChunkMessage(body)).toThrow(reason)
    expect(() => parseChunkMessage(body)).toThrow(/^unreadable message: [^\n]*$/)
  })
})
