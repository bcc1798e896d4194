import { beforeEach, describe, expect, test } from '@jest/globals'
import { ensureBrands } from '../../src/products/brands.ts'
import { finish } from '../support/parties.ts'
import { create, item } from '../support/products.ts'
import { isProblem, useApi } from '../support/use-api.ts'

const { fixture, call } = useApi()

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
