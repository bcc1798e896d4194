import { schemaState } from '../../src/platform/migrate.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openServerDatabase } from '../../src/platform/server-database.ts'
import type { ServerDatabase } from '../support/server-database.ts'
import type { SqlPart } from '../../stack/sql.ts'
import { until } from '../support/until.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

/** What becomes of a server that cannot be reached, or no longer. */
export function networkTests(name: SqlPart, server: () => ServerDatabase) {
  describe(`${name}: a network that fails`, () => {
    let proxy: TcpProxy
    let url: string
    beforeAll(async () => {
      const direct = new URL(server().url)
      const port = direct.port === '' ? (name === 'mysql' ? 3306 : 5432) : Number(direct.port)
      proxy = await startTcpProxy({ host: direct.hostname, port })
      direct.hostname = '127.0.0.1'
      direct.port = String(proxy.port)
      url = direct.href
    })
    afterAll(() => proxy.close())

    test('a peer that has gone silent is noticed by the time-out, and its connections are not used again', async () => {
      const database = await openServerDatabase(url, { poolSize: 2, queryTimeoutMs: 1000 })
      try {
        let connected = 0
        const errors = await Promise.all(
          [1, 2].map(() =>
            database
              .inTransaction(async (trx) => {
                await trx('brand').select()
                connected++
                await until('both are connected', () => connected === 2)
                proxy.freeze()
                await trx('brand').select()
              })
              .catch((error: unknown) => error),
          ),
        )
        for (const error of errors) {
          expect(error).toMatchObject({ message: 'a query took longer than 1000 ms' })
          expect(database.dialect.isAway(error)).toBe(true)
        }
        proxy.thaw()
        expect((await schemaState(database)).state).toBe('current')
      } finally {
        proxy.thaw()
        await database.close()
      }
    })

    test('closing does not wait for a peer that has gone silent', async () => {
      const database = await openServerDatabase(url, { poolSize: 2, queryTimeoutMs: 1000 })
      await database.knex('brand').select()
      proxy.freeze()
      const start = Date.now()
      await database.close()
      proxy.thaw()
      expect(Date.now() - start).toBeLessThan(3000)
    })

    test('lost connections fail what was under way, and the next ones go through', async () => {
      const database = await openServerDatabase(url, { poolSize: 4 })
      try {
        const wait = name === 'mysql' ? 'select sleep(5)' : 'select pg_sleep(5)'
        const waiting = Array.from({ length: 4 }, () =>
          database.knex.raw(wait).then(
            () => 'answered',
            (error: unknown) => error,
          ),
        )
        await sleep(500)
        proxy.cut()
        for (const error of await Promise.all(waiting)) {
          expect(error).not.toBe('answered')
          expect(database.dialect.isAway(error)).toBe(true)
        }
        expect((await schemaState(database)).state).toBe('current')
      } finally {
        await database.close()
      }
    })

    test('one that takes no connection says so within its time', async () => {
      proxy.freeze()
      try {
        const start = Date.now()
        await expect(openServerDatabase(url, { poolSize: 1 })).rejects.toMatchObject({
          code: 'could-not-run',
          message: expect.stringMatching(
            new RegExp(
              `^DATABASE_URL: no [\\w ]+ answers at 127.0.0.1:${proxy.port} \\(.*\\): start it`,
            ),
          ),
        })
        expect(Date.now() - start).toBeLessThan(8000)
      } finally {
        proxy.thaw()
      }
    })
  })

  describe(`${name}: opening`, () => {
    const opening = (change: (url: URL) => void) => {
      const url = new URL(server().url)
      change(url)
      return openServerDatabase(url.href, { poolSize: 1 }).then(
        () => 'opened',
        ({ message, ...more }: Error) => ({ ...more, message }),
      )
    }

    test('an unknown database, a refused user and a closed port are named, the password never', async () => {
      const failures = [
        [
          (url: URL) => (url.pathname = '/nowhere'),
          /there is no database "nowhere" at .*: create it/,
        ],
        [
          (url: URL) => {
            url.username = 'nobody'
            url.password = 'geheim'
          },
          /refuses user "nobody": correct user and password/,
        ],
        [(url: URL) => (url.port = '1'), /no .* answers at .*:1 \(ECONNREFUSED\): start it/],
        [
          (url: URL) => (url.hostname = 'no.such.host.invalid'),
          /host "no.such.host.invalid" is not known/,
        ],
      ] as const
      for (const [change, line] of failures) {
        const failure = await opening(change)
        // A server that trusts everybody has no unknown users; nothing to see then.
        if (failure === 'opened') continue
        expect(failure).toMatchObject({
          code: 'could-not-run',
          message: expect.stringMatching(line),
        })
        expect(failure).toMatchObject({ message: expect.not.stringContaining('geheim') })
        expect(failure).toMatchObject({ message: expect.not.stringContaining('\n') })
      }
    })
  })
}
