import { expect, test } from '@jest/globals'
import { readArrived } from '../../src/copy/answer-chunk.ts'
import { pack } from '../../src/packing.ts'

const HEAD = {
  type: 'product-copy',
  version: 4,
  requestId: 'mall-42',
  chunkNo: 1,
  policy: 'return-existing',
  userId: '1',
  userName: 'Ann',
}

/** A chunk that copies one product, again and again. */
const arrived = (count: number, attributes: object) => {
  const places = new Array<number>(count).fill(0)
  const copies = {
    nameTemplate: '{brand} {name}',
    brands: ['Aurora'],
    products: [['7', 'N', 'M', null, attributes]],
    of: places,
    into: places,
  }
  const body = JSON.stringify({ ...HEAD, packed: pack(JSON.stringify(copies)) })
  return readArrived({ body, group: 'g' })
}

test('a chunk whose items have more than a database takes is not readable, however short its message is', () => {
  const large = { text: 'x'.repeat(1000) }
  expect(arrived(4000, large).products).toHaveLength(4000)
  expect(() => arrived(8000, large)).toThrow(
    /^unreadable message: its items have 81\d{5} characters, at most 4194304 are allowed$/,
  )
})

test('items that can never be products do not count', () => {
  expect(arrived(8000, { text: 'x'.repeat(5000) }).products).toHaveLength(8000)
})
