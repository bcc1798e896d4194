import { beforeEach, describe, expect, test } from '@jest/globals'
import { audit } from '../../src/products/audit.ts'
import { ensureBrands } from '../../src/products/brands.ts'
import type { Database } from '../../src/database.ts'
import { useAcmeDatabase } from '../support/acme.ts'
import { CLEAN } from '../support/exact.ts'
import { startApi, type Answer, type Api, type Call } from '../support/http.ts'
import { finish } from '../support/parties.ts'
import { create, item } from '../support/products.ts'

const fixture = useAcmeDatabase()
let api: Api

beforeEach(async () => {
  api = await startApi(fixture)
})

const call = (method: string, path: string, body?: unknown, more?: Call): Promise<Answer> =>
  api.call(method, path, { body, ...more })
/** Creates a product. @returns its id */
const add = async (name: string): Promise<string> =>
  String((await call('POST', '/products', item(name))).body['id'])
const isProblem = (answer: Answer, status: number, code: string, more: object = {}) => {
  expect(answer).toMatchObject({ status, body: { status, code, ...more } })
  expect(answer.type).toBe('application/problem+json')
}
const isClean = async (liveProducts: number) =>
  expect(await audit(fixture.database)).toMatchObject({ liveProducts, ...CLEAN })

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

describe('copy requests', () => {
  beforeEach(async () => {
    await ensureBrands(fixture.database, fixture.newId, ['Dune', 'Ember'])
  })
  const record = (change: object = {}, headers?: Record<string, string>) =>
    call(
      'POST',
      '/copy-requests',
      { from: 'Acme', to: ['dune'], ...change },
      headers && { headers },
    )

  test('a request is recorded, listed, carried out, and its results are lines', async () => {
    await create(fixture.database, fixture.newId, [item('A'), item('B')])
    const recorded = await record({ name: '{name} of {brand}' })
    const { id } = recorded.body
    expect(recorded).toMatchObject({ status: 202, body: { repeated: false } })
    const where = recorded.headers.get('location')!
    expect(where).toBe(`/copy-requests/${String(id)}`)
    expect((await call('GET', where)).body).toMatchObject({
      id,
      state: 'recorded',
      sourceBrand: 'Acme',
      targetBrands: ['Dune'],
      items: 0,
    })
    await finish(fixture, [String(id)])
    const done = (await call('GET', where)).body
    expect(done).toMatchObject({ state: 'done', items: 2, created: 2, pending: 0 })
    const results = await call('GET', `${where}/results`)
    expect(results.type).toBe('application/x-ndjson')
    const lines = String(results.body['text']).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { item: 1, name: 'A of Dune', outcome: 'created' },
      { item: 2, name: 'B of Dune', outcome: 'created' },
    ])
  })

  test('the same Idempotency-Key is the same request; with other content it is 422', async () => {
    const key = { 'idempotency-key': '"8e03978e-40d5"' }
    const first = (await record({}, key)).body
    expect((await record({ to: ['Dune'] }, key)).body).toEqual({ id: first['id'], repeated: true })
    isProblem(await record({ policy: 'fail' }, key), 422, 'idempotency-key-reused', {
      path: 'headers/idempotency-key',
    })
    isProblem(await record({}, { 'idempotency-key': 'a b' }), 400, 'invalid-request', {
      path: 'headers/idempotency-key',
    })
    expect((await call('GET', '/copy-requests')).body['requests']).toHaveLength(1)
  })

  test.each([
    [{ from: 'Nobody' }, 422, 'unknown-brand', 'body/from'],
    [{ from: 'a\u0000b' }, 422, 'unknown-brand', 'body/from'],
    [{ to: ['Dune', 'Nobody'] }, 422, 'unknown-brand', 'body/to/1'],
    [{ to: ['acme'] }, 400, 'invalid-request', 'body/to'],
    [{ to: [] }, 400, 'invalid-request', 'body/to'],
    [{ to: ['Dune', ' '] }, 400, 'invalid-request', 'body/to/1'],
    [{ name: 'no place' }, 400, 'invalid-request', 'body/name'],
    [{ name: '{name}\u0000' }, 400, 'invalid-request', 'body/name'],
  ])('%j is refused, and nothing is recorded', async (change, status, code, path) => {
    const answer = await record(change)
    isProblem(answer, status, code, { path })
    expect(String(answer.body['detail'])).not.toContain('product-copy ')
    expect((await call('GET', '/copy-requests')).body).toEqual({ requests: [], next: null })
  })

  test('are listed page by page, the newest first, and by their state', async () => {
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.unshift(String((await record()).body['id']))
    const list = async (query: string) => {
      const { requests, next } = (await call('GET', `/copy-requests${query}`)).body
      return { ids: (requests as { id: string }[]).map(({ id }) => id), next }
    }
    expect(await list('')).toEqual({ ids, next: null })
    expect(await list('?limit=2')).toEqual({ ids: ids.slice(0, 2), next: ids[1] })
    expect(await list(`?limit=2&after=${ids[1]}`)).toEqual({ ids: ids.slice(2, 4), next: ids[3] })
    expect(await list(`?limit=2&after=${ids[3]}`)).toEqual({ ids: ids.slice(4), next: null })
    const { knex, dialect } = fixture.database
    const set = (id: string, row: object) => knex('copy_request').where({ id }).update(row)
    await set(ids[0]!, { chunks: 1 })
    await set(ids[1]!, { chunks: 1, expanded_at: dialect.now() })
    await set(ids[2]!, { expanded_at: dialect.now(), completed_at: dialect.now() })
    expect((await list('?state=expanding')).ids).toEqual([ids[0]])
    expect((await list('?state=copying')).ids).toEqual([ids[1]])
    expect((await list('?state=done')).ids).toEqual([ids[2]])
    expect((await list('?state=recorded')).ids).toEqual(ids.slice(3))
    expect((await list(`?state=recorded&after=${ids[3]}`)).ids).toEqual([ids[4]])
  })

  test('an unknown one is 404', async () => {
    for (const end of ['', '/results']) {
      const unknown = await call('GET', `/copy-requests/42${end}`)
      isProblem(unknown, 404, 'not-found', { path: 'path/id', detail: 'unknown request "42"' })
      const tooGreat = await call('GET', `/copy-requests/9999999999999999999${end}`)
      isProblem(tooGreat, 400, 'invalid-request', { path: 'path/id' })
    }
  })
})

test('SQL and script fragments come back as text, and do nothing', async () => {
  const { database, newId } = fixture
  const fragments = [
    `'); drop table product; --`,
    `" or 1=1; delete from product_unique where '1'='1`,
    "\\'; select pg_sleep(30); --",
    '<script>alert(1)</script>',
    '${process.exit()} {{7*7}} %s %00 ?',
    '../../etc/passwd',
  ]
  for (const [index, text] of fragments.entries()) {
    await ensureBrands(database, newId, [text, `${text} 2`])
    const given = {
      brand: text,
      name: text,
      model: `${text}${index}`,
      attributes: { [text]: text },
    }
    const created = await call('POST', '/products', given)
    expect(created).toMatchObject({ status: 201, body: { product: given } })
    const query = new URLSearchParams({ name: text, model: given.model }).toString()
    expect((await call('GET', `/products?${query}`)).body).toMatchObject({ products: [given] })
    const ofBrand = new URLSearchParams({ brand: text }).toString()
    expect((await call('GET', `/products?${ofBrand}`)).body).toMatchObject({ products: [given] })
    const change = { name: `${text}!`, attributes: { [text]: [text] } }
    const id = String(created.body['id'])
    expect((await call('PATCH', `/products/${id}`, change)).body).toMatchObject(change)
    const brand = `${text} 3`
    expect((await call('POST', '/brands', { name: brand })).body).toMatchObject({ name: brand })
    const asked = { from: text, to: [`${text} 2`], name: `{name} ${text.replace(/[{}]/g, '')}` }
    const request = await call('POST', '/copy-requests', asked)
    expect(request.status).toBe(202)
    const status = await call('GET', `/copy-requests/${String(request.body['id'])}`)
    expect(status.body).toMatchObject({ sourceBrand: text, targetBrands: asked.to })
    const unknown = await call('POST', '/products', { ...given, brand: `${text} 4` })
    isProblem(unknown, 422, 'unknown-brand')
    expect(unknown.headers.get('x-content-type-options')).toBe('nosniff')
  }
  await isClean(fragments.length)
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

describe('a database that fails', () => {
  /** Its transactions fail, as a server's do, and nothing else of it is touched. */
  const failing = (error: object): Database => ({
    ...fixture.database,
    inTransaction: () => Promise.reject(Object.assign(new Error('secret words'), error)),
  })

  test.each([
    [{ code: 'ECONNREFUSED' }, 503, 'unavailable'],
    [{ code: '25006' }, 503, 'unavailable'],
    [{ code: '40P01' }, 503, 'contended'],
    [{ code: '22001' }, 500, 'internal'],
    [{ statusCode: 400 }, 500, 'internal'],
  ])('%j is %i, and says nothing of the error', async (error, status, code) => {
    const own = await startApi({ ...fixture, database: failing(error) })
    const answer = await own.call('POST', '/products', { body: item('Phone') })
    isProblem(answer, status, code)
    expect(JSON.stringify(answer.body)).not.toContain('secret')
    expect(answer.headers.has('retry-after')).toBe(status === 503)
  })
})

test('health needs nothing, and says whether the database answers', async () => {
  expect((await call('GET', '/livez')).body).toEqual({ status: 'live' })
  expect(await call('GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } })
})

test('the document of the API is there to read', async () => {
  const page = await call('GET', '/docs/')
  expect(page).toMatchObject({ status: 200, type: 'text/html; charset=utf-8' })
  expect((await call('GET', '/docs/json')).body).toMatchObject({ openapi: '3.1.0' })
  for (const [, file] of String(page.body['text']).matchAll(/(?:src|href)="\.?\/?([^"]+)"/g)) {
    expect((await fetch(new URL(file!, `${api.url}/docs/`))).status).toBe(200)
  }
})

describe('what other programs have written', () => {
  const change = (id: string, columns: object) =>
    fixture.database.knex('product').where({ id }).update(columns)

  test('a product without a brand, with odd dates and an odd price, is found and can be mended', async () => {
    const id = await add('Phone')
    await change(id, { brand_id: 1, price: -1, create_date: '-infinity', edit_time: 'infinity' })
    expect(await call('GET', `/products/${id}`)).toMatchObject({
      status: 200,
      body: { brand: null, price: '-1.00', createDate: null, editTime: null },
    })
    expect(await call('POST', '/products', item('Phone'))).toMatchObject({
      status: 200,
      body: { outcome: 'existing', id },
    })
    expect(await call('PATCH', `/products/${id}`, { name: 'Phone 2' })).toMatchObject({
      status: 200,
      body: { name: 'Phone 2', price: '-1.00' },
    })
    expect(await call('PATCH', `/products/${id}`, { brand: 'Acme' })).toMatchObject({
      status: 200,
      body: { brand: 'Acme' },
    })
    isProblem(await call('PATCH', `/products/${id}`, { price: -2 }), 422, 'invalid-product')
  })

  test('a product that was merged says into which one, until it is restored', async () => {
    const kept = await add('Phone')
    const id = await add('Tablet')
    await change(id, { delete_status: 1, merged_into: kept })
    await fixture.database.knex('product_unique').where({ id }).delete()
    expect((await call('GET', `/products/${id}`)).body).toMatchObject({
      deleted: true,
      mergedInto: kept,
    })
    expect((await call('POST', `/products/${id}/restore`)).body).toMatchObject({
      deleted: false,
      mergedInto: null,
    })
  })

  test('a product whose texts can be no key stays deleted', async () => {
    const id = await add('Phone')
    await call('DELETE', `/products/${id}`)
    for (const model of ['', ' ', 'x'.repeat(200) + 'ß'.repeat(40)]) {
      await change(id, { model })
      isProblem(await call('POST', `/products/${id}/restore`), 422, 'invalid-product')
    }
    await isClean(0)
  })

  test('a key whose product is gone is no 500', async () => {
    const id = await add('Phone')
    await fixture.database.knex('product').where({ id }).delete()
    isProblem(await call('POST', '/products', item('Phone')), 409, 'duplicate-product', {
      existingId: id,
    })
  })

  test.each(['/products?brand=Acme&after=', '/copy-requests?after='])(
    '%s with more than 64 bits is a 400',
    async (path) => {
      const answer = await call('GET', `${path}9999999999999999999`)
      isProblem(answer, 400, 'invalid-request', { path: 'query/after' })
    },
  )
})
