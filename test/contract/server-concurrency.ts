import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Database } from '../../src/database.ts'
import { audit } from '../../src/products/audit.ts'
import { deleteProduct } from '../../src/products/delete-product.ts'
import { markPublished, publishWaiting, type Outbox } from '../../src/copy/outbox.ts'
import { recordResults } from '../../src/copy/record-result.ts'
import { completeRequests } from '../../src/copy/request-status.ts'
import { emptyTables, type TestDatabase } from '../support/database.ts'
import { CLEAN } from '../support/exact.ts'
import { answer, arrivedChunk, create, ensureAcme, idsOf, item } from '../support/products.ts'
import { seededRandom, shuffled } from '../support/random.ts'
import type { ServerDatabase } from '../support/server-database.ts'
import type { SqlPart } from '../../stack/sql.ts'

const POOLS = 4
/** Writers at once: more than one for each process. */
const CLIENTS = 14

/** What holds for several processes at once, each with a pool and a worker id of its own. */
export function concurrencyTests(name: SqlPart, server: () => ServerDatabase) {
  describe(`${name}: several processes at once`, () => {
    let pools: TestDatabase[]
    beforeAll(async () => {
      pools = await Promise.all(Array.from({ length: POOLS }, () => server().open({ poolSize: 4 })))
    })
    beforeEach(async () => {
      await emptyTables(pools[0]!.database)
      await ensureAcme(pools[0]!.database, pools[0]!.newId)
    })

    test('a request that is being expanded is not done, though it has no chunks yet', async () => {
      const [{ database }] = pools as [TestDatabase]
      const { knex, dialect } = database
      const request = {
        content_hash: 'x',
        source_brand: 'Acme',
        target_brands: '[]',
        name_template: '{name}',
        policy: 'fail',
        user_id: '1',
        user_name: 'Ann',
      }
      const chunk = { chunk_no: 1, message_group: 'g', body: 'x', content_hash: 'h', items: 1 }
      await knex('copy_request').insert({ id: 1, ...request, expanded_at: dialect.now() })
      await knex('copy_chunk').insert({ request_id: 1, ...chunk })
      await knex('copy_request').insert({ id: 2, ...request })
      // As a page is expanded: the request first, its chunks then.
      const expanding = database.inTransaction(async (trx) => {
        await trx('copy_request').where({ id: 2 }).update({ expanded_at: dialect.now() })
        await sleep(500)
        await trx('copy_chunk').insert({ request_id: 2, ...chunk })
        await sleep(200)
      })
      await sleep(150)
      await completeRequests(pools[1]!.database)
      await expanding
      expect(await knex('copy_request').whereNotNull('completed_at').pluck('id')).toEqual([])
    })

    const createSome = (pool: TestDatabase, some: string[]) =>
      create(
        pool.database,
        pool.newId,
        some.map((text) => item(text)),
      )

    /** Deadlocks that any of the processes meets from now on; they run such a transaction again. */
    const countDeadlocks = () => {
      const met = { deadlocks: 0 }
      for (const { database } of pools) {
        database.knex.on('query-error', (error: { code?: string }) => {
          if (error.code === 'ER_LOCK_DEADLOCK' || error.code === '40P01') met.deadlocks++
        })
      }
      return met
    }

    test('creating overlapping products makes each once', async () => {
      const random = seededRandom(`${name} creating at once`)
      const many = Array.from({ length: 4000 }, (_, i) => `Product ${i}`)
      const met = countDeadlocks()
      const idOf = new Map<string, string>()
      let created = 0
      const client = async (pool: TestDatabase) => {
        for (let i = 0; i < 10; i++) {
          const some = shuffled(many, random).slice(0, 100)
          const outcomes = await createSome(pool, some)
          created += outcomes.filter(({ outcome }) => outcome === 'created').length
          for (const [index, id] of idsOf(outcomes).entries()) {
            expect(idOf.get(some[index]!) ?? id).toBe(id)
            idOf.set(some[index]!, id)
          }
        }
      }
      await Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(pools[i % POOLS]!)))
      expect(created).toBe(idOf.size)
      expect(await audit(pools[0]!.database)).toEqual({ liveProducts: idOf.size, ...CLEAN })
      // On MySQL a batch that loses a key is rolled back, and two that waited for it may then meet.
      if (name === 'postgres') expect(met.deadlocks).toBe(0)
    })

    test('creating and deleting products side by side deadlocks nobody', async () => {
      const met = countDeadlocks()
      const client = async (pool: TestDatabase, own: number) => {
        const mine = Array.from({ length: 50 }, (_, i) => `Product ${i} ${own}`)
        for (let i = 0; i < 5; i++) {
          const outcomes = await createSome(pool, mine)
          for (const id of idsOf(outcomes).filter((_, index) => index % 3 === 0)) {
            expect(await deleteProduct(pool.database, id)).toBe('deleted')
          }
        }
      }
      await Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(pools[i % POOLS]!, i)))
      expect(met.deadlocks).toBe(0)
      expect(await audit(pools[0]!.database)).toEqual({ liveProducts: CLIENTS * 33, ...CLEAN })
    })

    const names = Array.from({ length: 200 }, (_, i) => `Hot ${i}`)

    test('creating and deleting the same 200 products explains every one of them', async () => {
      const random = seededRandom(`${name} creating and deleting at once`)
      const created = new Set<string>()
      const deleted = new Set<string>()
      const existing = new Set<string>()
      const end = Date.now() + 4000
      const client = async (pool: TestDatabase) => {
        while (Date.now() < end) {
          const outcomes = await createSome(pool, shuffled(names, random).slice(0, 40))
          for (const outcome of outcomes) {
            if (outcome.outcome === 'created') created.add(outcome.id)
            else if (outcome.outcome === 'existing') existing.add(outcome.id)
            else throw new Error(`unexpected ${JSON.stringify(outcome)}`)
          }
          for (const id of shuffled(idsOf(outcomes), random).slice(0, 10)) {
            if ((await deleteProduct(pool.database, id)) !== 'deleted') continue
            expect(deleted.has(id)).toBe(false)
            deleted.add(id)
          }
        }
      }
      await Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(pools[i % POOLS]!)))
      const rows = await pools[0]!.database
        .knex('product')
        .select<{ id: string; delete_status: number }[]>('id', 'delete_status')
      expect(new Set(rows.map(({ id }) => id))).toEqual(created)
      const gone = rows.filter(({ delete_status }) => delete_status === 1).map(({ id }) => id)
      expect(new Set(gone)).toEqual(deleted)
      for (const id of existing) expect(created.has(id)).toBe(true)
      expect(await audit(pools[0]!.database)).toEqual({
        liveProducts: created.size - deleted.size,
        ...CLEAN,
      })
      expect(deleted.size).toBeGreaterThan(50)
    })

    test('a chunk in the hands of all of them is answered once', async () => {
      for (let round = 1; round <= 10; round++) {
        const chunk = arrivedChunk(
          names.slice(0, 100).map((text) => item(`${text} ${round}`)),
          { chunkNo: round },
        )
        const answers = await Promise.all(
          pools.map(({ database, newId }) => answer(database, newId, chunk)),
        )
        expect(answers.filter((answer) => answer === 'answered')).toHaveLength(1)
      }
      expect(await audit(pools[0]!.database)).toEqual({ liveProducts: 1000, ...CLEAN })
    })

    test('publishing one outbox sends each row once, and nobody waits for another', async () => {
      const met = countDeadlocks()
      const rows = Array.from({ length: 600 }, (_, i) => ({
        request_id: `mall-${i % 7}`,
        chunk_no: i + 1,
        content_hash: 'x',
        message_group: 'g',
        body: String(i),
      }))
      await pools[0]!.database.knex('copy_result').insert(rows)
      const outbox: Outbox = { table: 'copy_result', mark: 'published_at', topic: 'T' }
      const bodies: string[] = []
      const publisher = {
        async publish({ body }: { body: string }) {
          bodies.push(body)
          await sleep(1)
        },
      }
      const publish = async ({ database }: TestDatabase) => {
        let empty = 0
        // Rows that another one holds at this moment are left out, and may be all there are.
        while (empty < 20) {
          const sent = await publishWaiting(database, publisher, outbox, 16)
          if (sent === 0) await sleep(5)
          empty = sent === 0 ? empty + 1 : 0
        }
      }
      await Promise.all([...pools, ...pools].map(publish))
      expect(bodies.map(Number).sort((a, b) => a - b)).toEqual(rows.map((_, index) => index))
      expect(met.deadlocks).toBe(0)
    })

    /** Lets something be done to the chunks 1 and 2 of request 1 that waits for the second, and a deadlock end it. */
    const meetDeadlock = async (work: (database: Database) => Promise<unknown>) => {
      const met = countDeadlocks()
      const [{ database }, { database: other }] = pools as [TestDatabase, TestDatabase]
      const row = { request_id: '1', message_group: 'g', body: 'x', content_hash: 'h', items: 1 }
      const rows = Array.from({ length: 40 }, (_, i) => ({ ...row, chunk_no: i + 1 }))
      const claimed = { claimed_until: database.dialect.now(30_000) }
      await database.knex('copy_chunk').insert(rows.map((one) => ({ ...one, ...claimed })))
      const blocking = await other.knex.transaction()
      const block = (from: number) =>
        blocking('copy_chunk').where('chunk_no', '>=', from).update({ sends: 7 })
      await block(2)
      const done = work(database).catch((error: unknown) => error)
      // It has the first row by now, and waits for the second.
      await sleep(300)
      await block(1)
      await blocking.commit()
      expect(await done).not.toBeInstanceOf(Error)
      expect(met.deadlocks).toBe(1)
      return database
    }

    test('marks of published rows that meet a deadlock are written after all', async () => {
      const outbox: Outbox = { table: 'copy_chunk', mark: 'sent_at', topic: 'T' }
      const two = [1, 2].map((chunk_no) => ({ request_id: '1', chunk_no }))
      const { knex } = await meetDeadlock((database) => markPublished(database, outbox, two))
      const chunks = knex('copy_chunk').orderBy('chunk_no')
      expect(await chunks.whereNotNull('sent_at').pluck('chunk_no')).toEqual([1, 2])
    })

    test('results that meet a deadlock are recorded after all', async () => {
      const counts = { created: 1, existing: 0, rejected: 0, failed: 0 }
      const result = { requestId: '1', contentHash: 'h', outcomes: '[]', items: 1, gaveUp: false }
      const two = [1, 2].map((chunkNo) => ({ ...result, ...counts, chunkNo }))
      const { knex } = await meetDeadlock((database) => recordResults(database, two))
      const chunks = knex('copy_chunk').orderBy('chunk_no')
      expect(await chunks.whereNotNull('completed_at').pluck('chunk_no')).toEqual([1, 2])
    })
  })
}
