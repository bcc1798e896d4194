import { Ajv } from 'ajv'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Database } from '../../src/database.ts'
import { ensureBrands } from '../../src/products/brands.ts'
import { openTestDatabase, TABLES, type TestDatabase } from '../support/database.ts'
import { startApi, type Answer, type Api, type Call } from '../support/http.ts'
import {
  fitting,
  operations,
  pathWith,
  unfitting,
  type Operation,
  type Parameter,
} from '../support/openapi.ts'
import { request } from '../support/parties.ts'
import { create, ensureAcme, idsOf, item } from '../support/products.ts'

/**
 * What every route has to refuse, made from the API's own OpenAPI document: a new route is covered by
 * itself.
 */

let fixture: TestDatabase
let api: Api
/** Of a live product, and of a request. */
let ids: { product: string; request: string }

beforeAll(async () => {
  fixture = await openTestDatabase()
  const { database, newId } = fixture
  await ensureAcme(database, newId)
  await ensureBrands(database, newId, ['Dune'])
  const [product] = idsOf(await create(database, newId, [item('Phone')]))
  ids = { product: product!, request: await request(fixture, ['Dune']) }
})
afterAll(() => fixture.database.close())
beforeEach(async () => {
  api = await startApi(fixture, { maxBodyBytes: 4 * 1024 * 1024 })
})

/** Every row of every table. */
async function contents({ knex }: Database): Promise<string> {
  const tables = await Promise.all(TABLES.map((table) => knex(table).select().orderBy(1)))
  return JSON.stringify(tables)
}

interface BadCall extends Call {
  what: string
  method: string
  path: string
  /** Where the problem has to be. */
  at: string
  status?: number
}

const goodPath = (operation: Operation): string =>
  pathWith(operation, operation.path.startsWith('/copy') ? ids.request : ids.product)

function* badCalls(operation: Operation): Generator<BadCall> {
  const { method, body } = operation
  const path = goodPath(operation)
  const call = { method, path }
  const good = body && { body: fitting(body) }
  yield* badIds(operation)
  yield { ...call, ...good, what: 'unknown parameter', path: `${path}?zzz=1`, at: 'query/zzz' }
  for (const parameter of operation.parameters) yield* badParameters(call, parameter, good)
  if (!body) {
    if (method !== 'GET') yield { ...call, what: 'body', body: {}, at: 'body' }
    return
  }
  for (const { what, value, at } of unfitting(body)) {
    yield { ...call, what: `body${at} ${what}`, body: value, at: `body${at}` }
  }
  const broken = ['{', '', '[1', '{"a":1}x', '{"__proto__":{"a":1}}', 'null', '\ufeff']
  for (const text of broken) yield { ...call, what: `body ${text}`, body: text, at: 'body' }
  yield {
    ...call,
    what: 'too large',
    body: JSON.stringify({ zzz: 'x'.repeat(5_000_000) }),
    at: 'body',
    status: 413,
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'x']) {
    const at = 'headers/content-type'
    const headers = { 'content-type': type }
    yield { ...call, what: `type ${type}`, body: '{}', headers, at, status: 415 }
  }
}

function* badIds(operation: Operation): Generator<BadCall> {
  if (!operation.path.includes('{')) return
  const good = operation.body && { body: fitting(operation.body) }
  const absurd = ['0', '-1', '18446744073709551616', '9223372036854775808', 'abc', '1.5', '1e3']
  for (const id of [...absurd, '٣', "1'--", '00042', ' 42', 'x'.repeat(5000)]) {
    const path = pathWith(operation, id)
    yield { ...good, what: `id ${id.slice(0, 20)}`, method: operation.method, path, at: 'path' }
  }
}

function* badParameters(
  call: { method: string; path: string },
  { name, in: where, schema }: Parameter,
  good: Call | undefined,
): Generator<BadCall> {
  if (where === 'header') {
    for (const value of ['x'.repeat(129), 'a b', 'caf\u00e9']) {
      const headers = { [name]: value }
      yield { ...call, ...good, what: `${name} ${value}`, headers, at: `headers/${name}` }
    }
  }
  if (where !== 'query') return
  for (const { what, value } of unfitting(schema)) {
    // In a URL everything is a text, and what spells a number is one.
    if (typeof value !== 'string' && typeof value !== 'number') continue
    if ([schema.type].flat().includes('string') && typeof value === 'number') continue
    const query = new URLSearchParams({ [name]: String(value) }).toString()
    yield { ...call, what: `${name} ${what}`, path: `${call.path}?${query}`, at: `query/${name}` }
  }
  const twice = `${call.path}?${name}=1&${name}=2`
  yield { ...call, what: `${name} twice`, path: twice, at: `query/${name}` }
}

/** Whether it says what is allowed in plain words, and not in those of the library that checks. */
const isPlain = (detail: string): boolean =>
  detail.length > 5 &&
  !/NOT|[<>]=|must (be|match) (string|integer|object|array)|\/docs/.test(detail)

/** @returns what is wrong with an answer to a bad request */
function fault({ status, type, body }: Answer, call: BadCall): string | undefined {
  const path = String(body['path'])
  const right =
    type === 'application/problem+json' &&
    body['status'] === status &&
    typeof body['code'] === 'string' &&
    isPlain(String(body['detail'])) &&
    (call.status ?? status) === status &&
    status >= 400 &&
    status < 500 &&
    (path === call.at || path.startsWith(`${call.at}/`))
  return right ? undefined : `${status} ${JSON.stringify(body).slice(0, 300)}`
}

test('every route refuses what does not fit its schema, says where, and writes nothing', async () => {
  const before = await contents(fixture.database)
  const faults: string[] = []
  let calls = 0
  const all = await operations(api)
  expect(all.length).toBeGreaterThan(12)
  for (const operation of all) {
    const own = [...badCalls(operation)]
    // A route that has nothing to refuse would be one that was not understood.
    expect(own.length).toBeGreaterThan(0)
    for (const call of own) {
      calls++
      const wrong = fault(await api.call(call.method, call.path, call), call)
      if (wrong !== undefined)
        faults.push(`${call.method} ${operation.path}, ${call.what}: ${wrong}`)
    }
  }
  expect(faults).toEqual([])
  expect(calls).toBeGreaterThan(300)
  expect(await contents(fixture.database)).toBe(before)
})

test('the good requests, of which the bad ones are made, are none of those, and answered as documented', async () => {
  const ajv = new Ajv({ strict: false, validateFormats: false })
  let answers = 0
  for (const operation of await operations(api)) {
    const { method, path, body, responses } = operation
    const good = body && { body: fitting(body) }
    const query = path === '/products' && method === 'GET' ? '?brand=Acme' : ''
    const answer = await api.call(method, goodPath(operation) + query, good)
    // The change is one to the product that was created before.
    expect(method === 'PATCH' ? [409] : [200, 201, 202, 204]).toContain(answer.status)
    const content = responses[answer.status]?.content ?? {}
    const schema = content[answer.type.replace(/;.*/, '')]?.schema
    if (answer.status === 204 || answer.type === 'application/x-ndjson') continue
    answers++
    if (!ajv.validate(schema!, answer.body)) {
      throw new Error(`${method} ${path}: ${ajv.errorsText()} in ${JSON.stringify(answer.body)}`)
    }
  }
  expect(answers).toBeGreaterThan(10)
})
