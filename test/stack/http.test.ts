import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { ensureBrands } from '../../src/products/brands.ts'
import type { TestDatabase } from '../support/database.ts'
import { startApi, type Api } from '../support/http.ts'
import { describeWith } from '../support/parts.ts'
import { item } from '../support/products.ts'
import { createServerDatabase, type ServerDatabase } from '../support/server-database.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'
import { openServerDatabase } from '../../src/platform/server-database.ts'

const QUERY_TIMEOUT_MS = 2000
const POOL_SIZE = 4

/** The API on a database server that goes away, behind a network that the test holds in its hands. */
for (const name of ['mysql', 'postgres'] as const) {
  describeWith(name, () => {
    let server: ServerDatabase
    let proxy: TcpProxy
    let fixture: TestDatabase
    let api: Api

    beforeAll(async () => {
      server = await createServerDatabase(name)
      const { newId } = await server.open()
      const url = new URL(server.url)
      const port = Number(url.port || (name === 'mysql' ? 3306 : 5432))
      proxy = await startTcpProxy({ host: url.hostname, port })
      url.hostname = '127.0.0.1'
      url.port = String(proxy.port)
      const options = { poolSize: POOL_SIZE, queryTimeoutMs: QUERY_TIMEOUT_MS }
      fixture = { database: await openServerDatabase(url.href, options), newId }
      await ensureBrands(fixture.database, newId, ['Acme'])
    })
    afterEach(() => proxy.thaw())
    afterAll(async () => {
      await fixture.database.close()
      await proxy.close()
      await server.close()
    })

    const create = (product: string) => api.call('POST', '/products', { body: item(product) })

    test('a database that is silent: 503 within the query time-out, then at once; it goes on', async () => {
      api = await startApi(fixture)
      expect((await create('A')).status).toBe(201)
      proxy.freeze()
      const started = performance.now()
      const waiting = await Promise.all(['B', 'C'].map(create))
      for (const answer of waiting) {
        expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } })
        expect(answer.headers.get('retry-after')).toBe('2')
      }
      expect(performance.now() - started).toBeLessThan(QUERY_TIMEOUT_MS + 10_000)
      expect(await api.call('GET', '/readyz')).toMatchObject({
        status: 503,
        body: { status: 'not-ready', away: ['database'] },
      })
      expect((await api.call('GET', '/livez')).status).toBe(200)
      // The watch has asked by itself, in vain.
      await until('it is known', async () => {
        const asked = performance.now()
        const { status } = await create('D')
        return status === 503 && performance.now() - asked < QUERY_TIMEOUT_MS / 2
      })
      proxy.thaw()
      await until('it goes on', async () => (await create('E')).status === 201)
      expect((await api.call('GET', '/readyz')).status).toBe(200)
    })

    test('a lock that somebody keeps holds up neither readers nor the data path', async () => {
      api = await startApi(fixture, { maxInHand: 2 })
      // After the silence each connection of the pool is one that works.
      const look = () => fixture.database.inTransaction((trx) => trx('brand').limit(1))
      await Promise.all(Array.from({ length: POOL_SIZE }, look))
      const { body } = await create('locked')
      const path = `/products/${String(body['id'])}`
      const lock = await server.admin.transaction()
      await lock('product').where({ id: body['id'] }).forUpdate().first('id')
      try {
        // Callers who give up. All at once: after the query time-out the database counts as away.
        const started = performance.now()
        const givenUp = Array.from({ length: 12 }, () =>
          fetch(api.url + path, {
            method: 'PATCH',
            headers: { 'content-type': 'application/json' },
            body: '{"price": 1}',
            signal: AbortSignal.timeout(100),
          }).catch(() => undefined),
        )
        await Promise.all(givenUp)
        expect((await api.call('GET', path)).status).toBe(200)
        expect((await api.call('GET', '/readyz')).status).toBe(200)
        await look()
        expect(performance.now() - started).toBeLessThan(QUERY_TIMEOUT_MS * 0.75)
        // A writer has its turn, or is told to try again.
        expect([201, 503]).toContain((await create('other')).status)
      } finally {
        await lock.rollback()
      }
      await until('it goes on', async () => (await create('another')).status === 201)
    })

    test('lost connections: never a 500, and it goes on', async () => {
      api = await startApi(fixture)
      const statuses = new Set<number>()
      for (let round = 0; round < 20; round++) {
        const answers = ['A', 'B', 'C', 'D'].map((one) => create(`${one}${round}`))
        if (round % 4 === 1) proxy.cut()
        for (const { status } of await Promise.all(answers)) statuses.add(status)
      }
      statuses.delete(201)
      statuses.delete(503)
      expect([...statuses]).toEqual([])
      await until('it goes on', async () => (await create('last')).status < 300)
    })
  })
}
