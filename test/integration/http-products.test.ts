import { describe, expect, test } from '@jest/globals'
import { item } from '../support/products.ts'
import { isProblem, useApi } from '../support/use-api.ts'

const { call, add, isClean } = useApi()

describe('POST /products', () => {
  test('a new product is 201 with all that is kept of it, and is found where Location says', async () => {
    const given = item('Phone', { price: 9.5, attributes: { color: 'red', sizes: [1, null] } })
    const answer = await call('POST', '/products', given)
    expect(answer).toMatchObject({ status: 201, body: { outcome: 'created' } })
    const { id, product } = answer.body
    expect(product).toEqual({
      id,
      ...given,
      price: '9.50',
      sourceProductId: null,
      deleted: false,
      mergedInto: null,
      user: { id: 'anonymous', name: 'anonymous' },
      createDate: expect.stringMatching(/^20.*Z$/),
      editTime: expect.stringMatching(/^20.*Z$/),
    })
    const found = await call('GET', answer.headers.get('location')!)
    expect(found).toMatchObject({ status: 200, body: product as object })
  })

  test('one that is there is 200 with it, under the policy fail 409 with its id', async () => {
    const id = await add('Phone')
    const again = await call('POST', '/products', item('PHONE'))
    expect(again).toMatchObject({
      status: 200,
      body: { id, outcome: 'existing', product: { id, name: 'Phone' } },
    })
    const strict = await call('POST', '/products', item('phone', { policy: 'fail' }))
    isProblem(strict, 409, 'duplicate-product', {
      existingId: id,
      detail: 'duplicate products detected, refresh and retry',
    })
    await isClean(1)
  })

  test.each([
    [{ brand: 'Nobody' }, 'unknown-brand', 'body/brand', 'unknown brand "Nobody"'],
    [{ name: 'a\u0000b' }, 'invalid-product', 'body/name', 'control character (U+0000)'],
    [{ name: '  ' }, 'invalid-product', 'body/name', 'name is empty'],
    [{ name: '\ud800' }, 'invalid-product', 'body/name', 'not valid Unicode'],
    [{ name: 'ß'.repeat(100) }, 'invalid-product', 'body/name', 'name has 200 characters'],
    [{ price: 'free' }, 'invalid-product', 'body/price', 'price is "free"'],
    [{ price: 1e300 }, 'invalid-product', 'body/price', 'price is 1e+300'],
    [{ attributes: { a: 'x'.repeat(4096) } }, 'invalid-product', 'body/attributes', 'bytes'],
  ])('%j is 422', async (change, code, path, detail) => {
    const answer = await call('POST', '/products', item('Phone', change))
    isProblem(answer, 422, code, { path, detail: expect.stringContaining(detail) })
    await isClean(0)
  })
})

describe('POST /products/batch', () => {
  test('has an outcome for each item, in their order', async () => {
    const id = await add('Phone')
    const items = [item('New'), item('phone'), item('X', { brand: 'Nobody' }), item('NEW')]
    const answer = await call('POST', '/products/batch', { items })
    expect(answer.status).toBe(200)
    const outcomes = answer.body['outcomes'] as { id: string }[]
    expect(outcomes).toEqual([
      { outcome: 'created', id: expect.any(String) },
      { outcome: 'existing', id },
      { outcome: 'rejected', reason: 'unknown brand "Nobody"' },
      { outcome: 'existing', id: outcomes[0]!.id },
    ])
    await isClean(2)
  })

  test('under the policy fail a duplicate refuses all of it, and each item is told its part', async () => {
    const id = await add('Phone')
    const items = [item('New'), item('phone')]
    const answer = await call('POST', '/products/batch', { items, policy: 'fail' })
    isProblem(answer, 409, 'duplicate-products', {
      outcomes: [
        { outcome: 'failed', reason: expect.any(String) },
        { outcome: 'rejected', reason: expect.any(String), existingId: id },
      ],
    })
    await isClean(1)
    const strict = await call('POST', '/products/batch', { items: [item('New')], policy: 'fail' })
    expect(strict).toMatchObject({ status: 200, body: { outcomes: [{ outcome: 'created' }] } })
  })

  test('takes 1000 items, and not one more', async () => {
    const items = Array.from({ length: 1001 }, (_, i) => item(`P${i}`))
    const answer = await call('POST', '/products/batch', { items })
    isProblem(answer, 400, 'invalid-request', { path: 'body/items' })
    await isClean(0)
    expect(await call('POST', '/products/batch', { items: items.slice(1) })).toMatchObject({
      status: 200,
    })
    await isClean(1000)
  })
})

describe('GET /products', () => {
  test('finds a product by any spelling of its key', async () => {
    const id = await add('Phone')
    const byKey = (query: string) => call('GET', `/products?${query}`)
    expect((await byKey('name=%20PHONE&model=m-phone')).body).toMatchObject({
      products: [{ id, name: 'Phone' }],
      next: null,
    })
    expect((await byKey('name=Phone&model=other')).body).toEqual({ products: [], next: null })
  })

  test('gives a brand’s live products page by page', async () => {
    const ids = [await add('A'), await add('B'), await add('C')]
    await call('DELETE', `/products/${ids[1]}`)
    const first = await call('GET', '/products?brand=ACME&limit=1')
    expect(first.body).toMatchObject({ products: [{ id: ids[0] }], next: ids[0] })
    const second = await call('GET', `/products?brand=ACME&limit=1&after=${ids[0]}`)
    expect(second.body).toMatchObject({ products: [{ id: ids[2] }], next: ids[2] })
    const last = await call('GET', `/products?brand=ACME&limit=1&after=${ids[2]}`)
    expect(last.body).toEqual({ products: [], next: null })
  })

  test.each([
    ['', 'query', 'needs name and model, or brand'],
    ['?name=A', 'query/model', 'model is missing'],
    ['?model=A', 'query/name', 'name is missing'],
    ['?name=A&model=B&limit=5', 'query/limit', 'does not go with name and model'],
    ['?name=A&model=B&brand=C', 'query/brand', 'does not go with name and model'],
    ['?name=%00&model=B', 'query/name', 'control character'],
    ['?brand=A%00', 'query/brand', 'control character'],
    ['?brand=A&brand=B', 'query/brand', 'it must be a text'],
    ['?brand=A&limit=0', 'query/limit', 'it must be at least 1'],
    ['?brand=A&limit=1001', 'query/limit', 'it must be at most 1000'],
    ['?brand=A&limit=', 'query/limit', 'it must be a whole number'],
    ['?brand=A&after=x', 'query/after', 'query/after is "x"; it must be an id'],
    ['?brand=A&page=2', 'query/page', 'query has "page", which is not known; allowed are'],
  ])('%s is 400', async (query, path, detail) => {
    const answer = await call('GET', `/products${query}`)
    isProblem(answer, 400, 'invalid-request', { path, detail: expect.stringContaining(detail) })
  })
})

test.each([
  ['[]', 'body', 'body is a list; it must be an object'],
  ['{"items": []}', 'body/items', 'body/items is a list; it must have at least 1 item'],
  ['{"items": {}}', 'body/items', 'body/items is an object; it must be a list'],
  [
    '{"items": [{"brand": "A", "name": "", "model": "M"}]}',
    'body/items/0/name',
    'body/items/0/name is ""; it must have at least 1 character',
  ],
  [
    '{"items": [{"brand": "A", "name": "N", "model": "M", "price": {}}]}',
    'body/items/0/price',
    'body/items/0/price is an object; it must be a text, a number or null',
  ],
  ['{"items": ', 'body', 'the body is not valid JSON: Unexpected end of JSON input'],
  ['', 'body', 'the body is empty; it must be JSON'],
  [
    '{"__proto__": {}}',
    'body',
    'the body has a field "__proto__" or "constructor", which is not allowed',
  ],
])('the body %s is told in plain words', async (body, path, detail) => {
  const answer = await call('POST', '/products/batch', body)
  isProblem(answer, 400, 'invalid-request', { path, detail })
})

describe('one product', () => {
  test('PATCH changes what it names; to a taken key it is 409 with the holder', async () => {
    const id = await add('Phone')
    const holder = await add('Tablet')
    const change = { name: 'Fon', price: null, attributes: { a: 1 } }
    expect(await call('PATCH', `/products/${id}`, change)).toMatchObject({
      status: 200,
      body: { id, ...change, model: 'M-Phone' },
    })
    const taken = await call('PATCH', `/products/${id}`, { name: 'tablet', model: 'm-TABLET' })
    isProblem(taken, 409, 'duplicate-product', { existingId: holder })
    await isClean(2)
  })

  test.each([
    [{ brand: 'Nobody' }, 'unknown-brand', 'body/brand'],
    [{ brand: 'a\u0000' }, 'unknown-brand', 'body/brand'],
    [{ price: '1.234' }, 'invalid-product', 'body/price'],
    [{ model: '\t' }, 'invalid-product', 'body/model'],
  ])('PATCH with %j is 422, and nothing is changed', async (change, code, path) => {
    const id = await add('Phone')
    const before = (await call('GET', `/products/${id}`)).body
    isProblem(await call('PATCH', `/products/${id}`, { name: 'Other', ...change }), 422, code, {
      path,
    })
    expect((await call('GET', `/products/${id}`)).body).toEqual(before)
  })

  test('DELETE is 204 also the second time; the product is still shown, and can be created again', async () => {
    const id = await add('Phone')
    for (let time = 0; time < 2; time++) {
      expect(await call('DELETE', `/products/${id}`)).toMatchObject({ status: 204, type: '' })
    }
    expect((await call('GET', `/products/${id}`)).body).toMatchObject({ id, deleted: true })
    isProblem(await call('PATCH', `/products/${id}`, { name: 'X' }), 404, 'not-found')
    expect(await add('Phone')).not.toBe(id)
    await isClean(1)
  })

  test('restore makes it live again; 409 when its key has been taken meanwhile', async () => {
    const id = await add('Phone')
    await call('DELETE', `/products/${id}`)
    for (let time = 0; time < 2; time++) {
      expect(await call('POST', `/products/${id}/restore`)).toMatchObject({
        status: 200,
        body: { id, deleted: false },
      })
    }
    await call('DELETE', `/products/${id}`)
    const holder = await add('PHONE')
    const taken = await call('POST', `/products/${id}/restore`)
    isProblem(taken, 409, 'duplicate-product', { existingId: holder })
    await isClean(1)
  })

  test.each(['GET /', 'PATCH /', 'DELETE /', 'POST /restore'])(
    '%s without one is 404',
    async (what) => {
      const [method, end] = what.split(' /') as [string, string]
      for (const id of ['42', '9999999999999999999']) {
        const path = `/products/${id}${end && `/${end}`}`
        const body = method === 'PATCH' ? { name: 'X' } : undefined
        isProblem(await call(method, path, body), 404, 'not-found', { path: 'path/id' })
      }
    },
  )
})

test('brands are added and listed', async () => {
  const added = await call('POST', '/brands', { name: 'Foo, Inc.' })
  expect(added).toMatchObject({ status: 200, body: { name: 'Foo, Inc.' } })
  expect((await call('POST', '/brands', { name: 'FOO,  inc.' })).body).toEqual(added.body)
  await add('Phone')
  expect((await call('GET', '/brands')).body).toEqual({
    brands: [
      { name: 'Acme', liveProducts: 1 },
      { name: 'Foo, Inc.', liveProducts: 0 },
    ],
  })
  isProblem(await call('POST', '/brands', { name: 'a\u0007' }), 400, 'invalid-request', {
    path: 'body/name',
  })
})

test('14 at once create one product, 50 times: one is made, and all are told its id', async () => {
  for (let round = 0; round < 50; round++) {
    const policy = round % 2 === 0 ? 'return-existing' : 'fail'
    const answers = await Promise.all(
      Array.from({ length: 14 }, () => call('POST', '/products', item(`P${round}`, { policy }))),
    )
    const created = answers.filter(({ status }) => status === 201)
    expect(created).toHaveLength(1)
    const { id } = created[0]!.body
    for (const answer of answers) {
      if (answer === created[0]) continue
      if (policy === 'fail') isProblem(answer, 409, 'duplicate-product', { existingId: id })
      else expect(answer).toMatchObject({ status: 200, body: { id, outcome: 'existing' } })
    }
  }
  await isClean(50)
})
