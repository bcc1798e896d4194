import { describe, expect, test } from '@jest/globals'
import type { Database } from '../../src/database.ts'
import { ensureBrands } from '../../src/products/brands.ts'
import { startApi } from '../support/http.ts'
import { item } from '../support/products.ts'
import { isProblem, useApi } from '../support/use-api.ts'

const { fixture, call, url, isClean } = useApi()

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
    expect((await fetch(new URL(file!, `${url()}/docs/`))).status).toBe(200)
  }
})
