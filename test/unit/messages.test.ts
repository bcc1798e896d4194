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
  expect(parseResultMessage(JSON.stringify(result))).toEqual(result)
})

test.each([1, 2, 1000])('a chunk of %d items is read as it was written, packed or not', (count) => {
  const items = Array.from({ length: count }, (_, i) => ({
    brand: 'Ä',
    name: `N ${i}`,
    model: 'M',
  }))
  const { items: _, ...head } = {
    ...chunk,
    version: 1 as const,
    policy: 'fail' as const,
    type: 'product-copy' as const,
  }
  const body = chunkBody(head, JSON.stringify(items))
  expect(parseChunkMessage(body)).toEqual({ ...head, items })
  expect(JSON.parse(body)).toMatchObject(count === 1000 ? { version: 2 } : { version: 1, items })
})

test('a long result is packed, and read as it was written', () => {
  const outcomes = Array.from({ length: 500 }, (_, i) => ({
    outcome: 'created' as const,
    id: `${i}`,
  }))
  const result = resultMessage({ requestId: '1', chunkNo: 2 }, bodyHash('x'), outcomes)
  const body = resultBody(result)
  expect(JSON.parse(body)).toMatchObject({ version: 2, eventId: '1:2', requestId: '1', chunkNo: 2 })
  expect(body.length).toBeLessThan(JSON.stringify(result).length / 2)
  expect(parseResultMessage(body)).toEqual(result)
})

const bomb = deflateSync(Buffer.alloc(17 * 1024 * 1024, ' ')).toString('base64')
const nothing = deflateSync('[]').toString('base64')

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
    [JSON.stringify({ ...chunk, version: 2, packed: bomb }), 'its packed items cannot be unpacked'],
    [JSON.stringify({ ...chunk, version: 2, packed: nothing }), '/items must not have fewer'],
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
