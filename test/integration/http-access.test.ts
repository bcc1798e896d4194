import { request as rawRequest } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { accessWith, startApi, TOKENS, type Answer, type Api, type Call } from '../support/http.ts'
import { recordingLogger } from '../support/log.ts'
import { fitting, operations, pathWith } from '../support/openapi.ts'
import { ensureAcme, item } from '../support/products.ts'

let fixture: TestDatabase
let api: Api

beforeAll(async () => {
  fixture = await openTestDatabase()
  await ensureAcme(fixture.database, fixture.newId)
})
afterAll(() => fixture.database.close())
beforeEach(async () => {
  await fixture.database.knex('product').delete()
  await fixture.database.knex('product_unique').delete()
})

const products = () => fixture.database.knex('product').select<{ name: string }[]>()
const create = (call: Call) => api.call('POST', '/products', { body: item('Phone'), ...call })
const expectProblem = (answer: Answer, status: number, code: string) => {
  expect(answer).toMatchObject({
    status,
    type: 'application/problem+json',
    body: { status, code },
  })
}

describe('with tokens', () => {
  beforeEach(async () => {
    api = await startApi(fixture, { access: accessWith() })
  })

  test('each route of the document asks for a token, and for the role write to change something', async () => {
    const all = await operations(api)
    const open = all.filter(({ security }) => !security).map(({ path }) => path)
    expect(open).toEqual(['/livez', '/readyz'])
    for (const operation of all) {
      if (!operation.security) continue
      const { method } = operation
      const path = pathWith(operation, '42')
      const body = operation.body && { body: fitting(operation.body) }
      const without = await api.call(method, path, body)
      expectProblem(without, 401, 'unauthorized')
      expect(without.headers.get('www-authenticate')).toBe('Bearer realm="product-copy"')
      const read = await api.call(method, path, { ...body, token: TOKENS.read })
      if (method === 'GET') expect(read.status).not.toBe(403)
      else expectProblem(read, 403, 'forbidden')
      expect([401, 403]).not.toContain(
        (await api.call(method, path, { ...body, token: TOKENS.write })).status,
      )
    }
  })

  test('another method of a path is 405 with those that it has, for who may ask', async () => {
    for (const [method, path, allow] of [
      ['PUT', '/products', 'POST, GET, HEAD'],
      ['GET', '/products/batch', 'POST'],
      ['POST', '/products/42', 'GET, HEAD, PATCH, DELETE'],
      ['PATCH', '/copy-requests/42/results', 'GET'],
      ['DELETE', '/livez', 'GET, HEAD'],
    ] as const) {
      const answer = await api.call(method, path, { token: TOKENS.write })
      expectProblem(answer, 405, 'method-not-allowed')
      expect(answer.headers.get('allow')).toBe(allow)
    }
    expectProblem(await api.call('PUT', '/products'), 401, 'unauthorized')
    expectProblem(await api.call('PUT', '/nothing'), 404, 'not-found')
  })

  test.each([
    ['an unknown one', `Bearer ${TOKENS.write}x`],
    ['the beginning of one', `Bearer ${TOKENS.write.slice(0, -1)}`],
    ['another case', `Bearer ${TOKENS.write.toUpperCase()}`],
    ['another scheme', `Basic ${TOKENS.write}`],
    ['no scheme', TOKENS.write],
    ['nothing', 'Bearer '],
    ['two', `Bearer ${TOKENS.write} ${TOKENS.write}`],
    ['very long', `Bearer ${'x'.repeat(10_000)}`],
  ])('%s is 401, before the body is looked at, and nothing is done', async (_, authorization) => {
    for (const body of [item('Phone'), '{']) {
      expectProblem(await create({ body, headers: { authorization } }), 401, 'unauthorized')
    }
    expect(await products()).toEqual([])
  })

  test('too small a role is 403, and nothing is done', async () => {
    const answer = await create({ token: TOKENS.read })
    expectProblem(answer, 403, 'forbidden')
    expect(answer.headers.get('www-authenticate')).toContain('insufficient_scope')
    expect(await products()).toEqual([])
  })

  test.each(['write', 'admin'] as const)(
    '%s may write, and is whom the token names',
    async (role) => {
      const answer = await create({ token: TOKENS[role] })
      expect(answer).toMatchObject({
        status: 201,
        body: { product: { user: { id: 'u1', name: 'Ann' } } },
      })
      expect((await create({ headers: { authorization: `bearer  ${TOKENS[role]}` } })).status).toBe(
        200,
      )
    },
  )

  const asked = (id?: string, name?: string) => ({
    ...(id !== undefined && { 'X-User-Id': id }),
    ...(name !== undefined && { 'X-User-Name': name }),
  })
  /** As a gateway sends it: bytes. */
  const bytes = (text: string) => Buffer.from(text).toString('latin1')

  test('a gateway says who asks, in UTF-8; others are not listened to', async () => {
    const user = async (token: string, headers: Record<string, string>) => {
      const { body } = await create({ token, headers, body: item(`P${Math.random()}`) })
      return (body['product'] as { user: object }).user
    }
    expect(await user(TOKENS.gateway, asked('7', bytes('Zoë')))).toEqual({ id: '7', name: 'Zoë' })
    expect(await user(TOKENS.gateway, {})).toEqual({ id: 'gw', name: 'Gateway' })
    expect(await user(TOKENS.write, asked('7', 'Eve'))).toEqual({ id: 'u1', name: 'Ann' })
  })

  test.each([
    [asked('7'), 'headers/x-user-name'],
    [asked(undefined, 'Ann'), 'headers/x-user-id'],
    [asked('7', 'x'.repeat(31)), 'headers/x-user-name'],
    [asked('x'.repeat(65), 'Ann'), 'headers/x-user-id'],
    [asked('7', ' '), 'headers/x-user-name'],
    [asked('7', '\xff'), 'headers/x-user-name'],
  ])('a gateway that says %j is refused', async (headers, path) => {
    const answer = await create({ token: TOKENS.gateway, headers })
    expectProblem(answer, 400, 'invalid-request')
    expect(answer.body['path']).toBe(path)
    expect(await products()).toEqual([])
  })

  test('a header that is there twice is not the gateway’s alone', async () => {
    const status = await new Promise((resolve, reject) => {
      const sent = rawRequest(`${api.url}/brands`, {
        headers: {
          authorization: `Bearer ${TOKENS.gateway}`,
          'x-user-id': ['admin', '7'],
          'x-user-name': 'Ann',
        },
      })
      sent
        .on('response', ({ statusCode }) => resolve(statusCode))
        .on('error', reject)
        .end()
    })
    expect(status).toBe(400)
  })

  test('neither token nor body nor query is in the log', async () => {
    const { logger, lines } = recordingLogger()
    const logged = await startApi(fixture, { access: accessWith(), logger })
    const secret = 'geheim-0123456789'
    const failing = {
      ...fixture.database,
      inTransaction: () => Promise.reject(Object.assign(new Error('broken'), { code: '22001' })),
    }
    const broken = await startApi(
      { ...fixture, database: failing },
      { access: accessWith(), logger },
    )
    const body = item(secret)
    await logged.call('POST', '/products', { body, token: secret })
    await logged.call('POST', '/products', { body, token: TOKENS.write })
    await logged.call('POST', '/products', { body: `{"${secret}`, token: TOKENS.write })
    await logged.call('GET', `/products?name=${secret}&model=x`, { token: TOKENS.read })
    await logged.call('GET', `/${secret}?${secret}`)
    await broken.call('POST', '/products', { body, token: TOKENS.write })
    const text = JSON.stringify(lines)
    expect(text).not.toContain('geheim')
    expect(text).not.toContain(TOKENS.write)
    expect(lines.filter(({ msg }) => msg === 'request')).toMatchObject([
      { level: 20, method: 'POST', route: '/products', status: 401, ms: expect.any(Number) },
      { level: 20, status: 201 },
      { level: 20, status: 400 },
      { level: 20, method: 'GET', status: 200 },
      { level: 20, status: 404 },
      { level: 40, status: 500 },
    ])
    expect(text).toContain('broken')
  })
})

test('more requests of one token than are allowed in a second are 429, of another token not', async () => {
  api = await startApi(fixture, { access: accessWith({ maxRequests: 5 }) })
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => api.call('GET', '/brands', { token: TOKENS.read })),
  )
  const limited = answers.filter(({ status }) => status === 429)
  // A second may end meanwhile, and begins with five more.
  expect(limited.length).toBeGreaterThan(10)
  expectProblem(limited[0]!, 429, 'rate-limited')
  expect(Number(limited[0]!.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await api.call('GET', '/brands', { token: TOKENS.write })).status).toBe(200)
  expect((await api.call('GET', '/livez')).status).toBe(200)
})

describe('without tokens', () => {
  beforeEach(async () => {
    api = await startApi(fixture)
  })

  /** With headers that fetch does not let one set. */
  const raw = (headers: Record<string, string>, method = 'POST', path = '/products') =>
    new Promise<number>((resolve, reject) => {
      const sent = rawRequest(api.url + path, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
      })
      sent.on('response', (response) => resolve(response.resume().statusCode!)).on('error', reject)
      sent.end(
        method === 'POST' && path === '/products' ? JSON.stringify(item('Phone')) : undefined,
      )
    })

  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    'x@y',
  ])(
    'a request to the host "%s" is refused: it is a name that another site gave this machine',
    async (host) => {
      expect(await raw({ host })).toBe(403)
      expect(await products()).toEqual([])
    },
  )

  test.each(['https://evil.example', 'http://127.0.0.1:1', 'null', 'file://'])(
    'a request of the site %s is refused, with a body or without',
    async (origin) => {
      expect(await raw({ origin })).toBe(403)
      expect(await raw({ origin, 'content-type': '' }, 'POST', '/products/42/restore')).toBe(403)
      expect(await products()).toEqual([])
    },
  )

  test('the names of this machine and the API’s own page are answered', async () => {
    const { port, host } = new URL(api.url)
    for (const name of ['localhost', 'LOCALHOST', '127.0.0.1', '[::1]']) {
      expect(await raw({ host: `${name}:${port}` }, 'GET', '/brands')).toBe(200)
    }
    expect(await raw({ origin: `http://${host}` })).toBe(201)
  })

  test.each(['0.0.0.0', '::', '192.0.2.1', 'example.com'])(
    'it does not listen on %s',
    async (host) => {
      await expect(startApi(fixture, { host })).rejects.toMatchObject({
        code: 'could-not-run',
        message: `HOST is "${host}"; without API_TOKENS it must be a loopback address, such as 127.0.0.1`,
      })
    },
  )
})
