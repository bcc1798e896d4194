import { describe, expect, test } from '@jest/globals'
import {
  bodyHash,
  parseChunkMessage,
  parseResultMessage,
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

describe('is not readable', () => {
  test.each([
    ['hello', 'it is not JSON: "hello"'],
    ['', 'it is not JSON: ""'],
    ['null', 'its type is undefined, not "product-copy"'],
    ['[]', 'its type is undefined, not "product-copy"'],
    ['{"type":"order"}', 'its type is "order", not "product-copy"'],
    [JSON.stringify({ ...chunk, version: 2 }), 'its version is 2; this program reads version 1'],
    [JSON.stringify({ ...chunk, items: [] }), '/items'],
    [JSON.stringify({ ...chunk, items: new Array(1001).fill({}) }), '/items'],
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
