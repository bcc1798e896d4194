import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { productKey } from '../../src/products/product-key.ts'
import { readProduct, readProducts, userProblem } from '../../src/products/read-product.ts'

const good = { brand: 'Samsung', name: ' Galaxy  S10', model: 'SM-G973F', price: '12.50' }

const deep = (levels: number): object =>
  JSON.parse('{"a":'.repeat(levels) + '{}' + '}'.repeat(levels)) as object

test('a product keeps its texts as given and gets its key', () => {
  expect(readProduct({ ...good, attributes: { color: 'red' }, sourceProductId: '7' })).toEqual({
    key: { name: 'galaxy s10', model: 'sm-g973f' },
    brand: 'Samsung',
    name: ' Galaxy  S10',
    model: 'SM-G973F',
    price: '12.50',
    attributes: '{"color":"red"}',
    sourceProductId: '7',
  })
})

test.each([
  [undefined, null],
  [null, null],
  ['', null],
  [12, '12'],
  [12.5, '12.5'],
  ['0.99', '0.99'],
  ['9999999999.99', '9999999999.99'],
])('price %j is %j', (price, read) => {
  expect(readProduct({ ...good, price })).toMatchObject({ price: read })
})

describe('is rejected', () => {
  test.each<[object, string]>([
    [{ name: '' }, 'name is empty'],
    [{ name: ' \u00a0 ' }, 'name is empty'],
    [{ name: undefined }, 'name is missing'],
    [{ name: 7 }, 'name is 7, not a text'],
    [{ name: 'x'.repeat(131) }, 'name has 131 characters, at most 130 are allowed'],
    [{ name: 'x'.repeat(3_000_000) }, 'name has more than 130 characters'],
    [{ name: '📱'.repeat(131) }, 'name has more than 130 characters'],
    [{ name: 'ß'.repeat(66) }, 'name has 132 characters, at most 130 are allowed'],
    [{ name: 'a\tb' }, 'name "a\\tb" has a control character (U+0009)'],
    [{ name: 'a\u0000b' }, 'name "a\\u0000b" has a control character (U+0000)'],
    [{ name: 'a\u009bb' }, 'name "a\\u009bb" has a control character (U+009B)'],
    [{ name: 'a\ud800' }, 'name "a\\ud800" is not valid Unicode'],
    [{ model: '' }, 'model is empty'],
    [{ model: 'x'.repeat(256) }, 'model has 256 characters, at most 255 are allowed'],
    [{ brand: '' }, 'brand is empty'],
    [{ price: 'abc' }, 'price is "abc", not a price'],
    [{ price: '-1' }, 'price is "-1", not a price'],
    [{ price: '1.234' }, 'price is "1.234", not a price'],
    [{ price: 1e21 }, 'price is 1e+21, not a price'],
    [{ price: '12345678901' }, 'price is "12345678901", not a price'],
    [{ price: {} }, 'price is an object, not a price'],
    [{ attributes: [] }, 'attributes are a list, not an object'],
    [{ attributes: { a: 'x\u0000' } }, 'attributes hold "x\\u0000"'],
    [{ attributes: { 'a\ud800': 1 } }, 'attributes hold "a\\ud800"'],
    [{ attributes: { a: 'x'.repeat(5000) } }, 'attributes have 5008 bytes'],
    [{ attributes: deep(9) }, 'nested deeper than 8'],
    [{ attributes: { a: 2 ** 60 } }, 'hold 1152921504606847000, a number that'],
    [{ attributes: { a: JSON.parse('1e999') as number } }, 'hold Infinity, a number that'],
    [{ price: deep(20_000) }, 'price is an object, not a price'],
    [{ name: deep(20_000) }, 'name is an object, not a text'],
    [{ attributes: deep(20_000) }, 'nested deeper than 8'],
    [{ sourceProductId: '007' }, 'not an id'],
    [{ sourceProductId: 7 }, 'sourceProductId is 7, not an id'],
    [{ sourceProductId: '9223372036854775808' }, 'not an id'],
  ])('%# %p', (change, reason) => {
    expect(readProduct({ ...good, ...change })).toMatchObject({
      reason: expect.stringContaining(reason),
    })
  })
})

test('lengths are counted in characters, not in bytes or UTF-16 units', () => {
  expect(readProduct({ ...good, name: '📱'.repeat(130) })).not.toHaveProperty('reason')
  expect(readProduct({ ...good, name: '📱'.repeat(131) })).toHaveProperty('reason')
})

test('texts of any script fit when they and their keys have no more characters than the column', () => {
  // Some grow or shrink on their way to the key: ß, ﬁ, İ, é in two, white space.
  const unit = fc.constantFrom('a', 'ß', 'ﬁ', 'İ', 'é', 'e\u0301', '😀', '商', ' ', '\u3000')
  const text = fc.string({ unit, minLength: 50, maxLength: 270 })
  fc.assert(
    fc.property(text, text, (name, model) => {
      const key = productKey(name, model)
      const fits = (given: string, canonical: string, max: number) =>
        canonical !== '' && [...given].length <= max && [...canonical].length <= max
      const expected = fits(name, key.name, 130) && fits(model, key.model, 255)
      const read = readProduct({ brand: 'Acme', name, model })
      expect('reason' in read).toBe(!expected)
      if (!('reason' in read)) expect([read.name, read.model]).toEqual([name, model])
    }),
    { numRuns: 2000 },
  )
})

test('a user needs an id and a name that fit', () => {
  expect(userProblem({ id: '1', name: 'Ann' })).toBeUndefined()
  expect(userProblem({ id: '1', name: 'x'.repeat(31) })).toBe(
    'user name has 31 characters, at most 30 are allowed',
  )
  expect(userProblem({ id: '', name: 'Ann' })).toBe('user id is empty')
})

test('items are read as each is alone, whatever values they share', () => {
  const attributes = [{ a: 1 }, { a: 1 }, { a: 'x\u0000' }, undefined]
  const item = fc.record({
    brand: fc.constantFrom('Acme', 'Dune', '', 7),
    name: fc.constantFrom('N', 'O', null),
    model: fc.constantFrom('M', 'm', ' M', undefined),
    price: fc.constantFrom('1.00', 1, 'cheap', undefined),
    attributes: fc.constantFrom(...attributes),
    sourceProductId: fc.constantFrom('7', '8', 7, undefined),
  })
  fc.assert(
    fc.property(fc.array(item), (items) => {
      expect(readProducts(items)).toEqual(items.map(readProduct))
    }),
  )
})
