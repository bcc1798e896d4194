import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { audit } from '../../src/products/audit.ts'
import { ensureBrands, listBrands } from '../../src/products/brands.ts'
import { recordCopyRequest } from '../../src/copy/record-request.ts'
import { DUPLICATE_ERROR } from '../../src/products/create-products.ts'
import { deleteProduct } from '../../src/products/delete-product.ts'
import { publishWaiting, sendOverdueAgain, type Outbox } from '../../src/copy/outbox.ts'
import type { Database, NewId } from '../../src/database.ts'
import { MAX_CHUNK_SIZE, type DuplicatePolicy } from '../../src/messages.ts'
import { emptyTables, type TestDatabase } from '../support/database.ts'
import { CLEAN } from '../support/exact.ts'
import { answer, arrivedChunk, create, ensureAcme, idsOf, item, USER } from '../support/products.ts'
import { seededRandom, shuffled } from '../support/random.ts'

/** What every database has to do. */
export function databaseContract(name: string, open: () => Promise<TestDatabase>): void {
  describe(`database contract: ${name}`, () => {
    let database: Database
    let newId: NewId

    beforeAll(async () => {
      ;({ database, newId } = await open())
    })
    afterAll(() => database.close())
    beforeEach(async () => {
      await emptyTables(database)
      await ensureAcme(database, newId)
    })

    const liveCount = async () => (await audit(database)).liveProducts

    describe('creating', () => {
      test('stores what was given, and the canonical key beside it', async () => {
        const given = item(' Galaxy  S10 ', {
          model: 'SM-G973F',
          attributes: { color: 'blau', sizes: [1, 2.5], nested: { a: null } },
          sourceProductId: '9007199254740993',
        })
        const [outcome] = await create(database, newId, [given])
        expect(outcome).toEqual({ outcome: 'created', id: expect.stringMatching(/^\d+$/) })
        const [product] = await database.knex('product').select<Record<string, unknown>[]>()
        const [key] = await database.knex('product_unique').select<Record<string, unknown>[]>()
        // JSON and 64-bit numbers come as text.
        expect(JSON.parse(product!['attributes'] as string)).toEqual(given.attributes)
        expect(product).toMatchObject({
          id: idsOf([outcome!])[0],
          name: ' Galaxy  S10 ',
          model: 'SM-G973F',
          price: '9.90',
          source_product_id: '9007199254740993',
          user_id: '7',
          user_name: 'Ann',
          delete_status: 0,
        })
        expect(key).toMatchObject({ id: product!['id'], name: 'galaxy s10', model: 'sm-g973f' })
      })

      test('answers with the id of the live product that holds the key', async () => {
        const first = await create(database, newId, [item('Phone')])
        const second = await create(database, newId, [
          item(' phone ', { model: 'm-PHONE' }),
          item('Other'),
        ])
        expect(second[0]).toEqual({ outcome: 'existing', id: idsOf(first)[0] })
        expect(second[1]).toMatchObject({ outcome: 'created' })
        expect(await liveCount()).toBe(2)
      })

      test('an item that repeats an earlier one of its batch gets its id', async () => {
        const outcomes = await create(database, newId, [item('A'), item('B'), item('a'), item('A')])
        expect(outcomes.map(({ outcome }) => outcome)).toEqual([
          'created',
          'created',
          'existing',
          'existing',
        ])
        expect(new Set(idsOf(outcomes)).size).toBe(2)
        expect(await liveCount()).toBe(2)
      })

      test('rejects items that can never be products, and goes on with the others', async () => {
        const outcomes = await create(database, newId, [
          item('A'),
          item(''),
          item('B', { price: 'free' }),
          item('C', { brand: 'Nobody' }),
          item('x'.repeat(131)),
          item('D'),
        ])
        expect(outcomes.map(({ outcome }) => outcome)).toEqual([
          'created',
          'rejected',
          'rejected',
          'rejected',
          'rejected',
          'created',
        ])
        expect(outcomes[3]).toEqual({ outcome: 'rejected', reason: 'unknown brand "Nobody"' })
        expect(await liveCount()).toBe(2)
      })

      test('rejects every item of a user who cannot be stored', async () => {
        const outcomes = await create(database, newId, [item('A')], {
          user: { id: '1', name: 'x'.repeat(31) },
        })
        expect(outcomes).toEqual([
          { outcome: 'rejected', reason: 'user name has 31 characters, at most 30 are allowed' },
        ])
        expect(await liveCount()).toBe(0)
      })

      test('takes a full chunk, with texts of any script and of full length', async () => {
        const long = '手'.repeat(126)
        const items = Array.from({ length: MAX_CHUNK_SIZE }, (_, i) => item(`${long}${i}`))
        const outcomes = await create(database, newId, items)
        expect(outcomes.every(({ outcome }) => outcome === 'created')).toBe(true)
        const again = await create(database, newId, items)
        expect(idsOf(again)).toEqual(idsOf(outcomes))
        expect(await audit(database)).toEqual({ liveProducts: MAX_CHUNK_SIZE, ...CLEAN })
      })

      test('keeps apart what only a case-blind or accent-blind collation would mix', async () => {
        const names = ['Cafe', 'Café', 'a b', 'ab', '📱', '☎', 'x\u0301', 'x', '小米', '小末']
        const outcomes = await create(
          database,
          newId,
          names.map((text) => item(text, { model: 'M' })),
        )
        expect(new Set(idsOf(outcomes)).size).toBe(names.length)
      })

      test('writes nothing when the work beside it fails', async () => {
        const failing = arrivedChunk([item('A')])
        failing.group = 'x'.repeat(1000)
        await expect(answer(database, newId, failing)).rejects.toThrow()
        expect(await database.knex('product').select()).toEqual([])
        expect(await database.knex('product_unique').select()).toEqual([])
        expect(await database.knex('copy_result').select()).toEqual([])
      })
    })

    describe('the strict policy', () => {
      test('refuses a batch with a duplicate, and writes nothing of it', async () => {
        const [existing] = await create(database, newId, [item('B')])
        const outcomes = await create(database, newId, [item('A'), item('B'), item('')], {
          policy: 'fail',
        })
        expect(outcomes).toEqual([
          { outcome: 'failed', reason: expect.stringContaining('may be tried again') },
          { outcome: 'rejected', reason: DUPLICATE_ERROR, existingId: idsOf([existing!])[0] },
          { outcome: 'rejected', reason: 'name is empty' },
        ])
        expect(DUPLICATE_ERROR).toBe('duplicate products detected, refresh and retry')
        expect(await liveCount()).toBe(1)
      })

      test('refuses a batch that repeats an item', async () => {
        const outcomes = await create(database, newId, [item('A'), item('a')], { policy: 'fail' })
        expect(outcomes.map(({ outcome }) => outcome)).toEqual(['failed', 'rejected'])
        expect(outcomes[1]).not.toHaveProperty('existingId')
        expect(await liveCount()).toBe(0)
      })

      test('writes a batch without duplicates', async () => {
        const outcomes = await create(database, newId, [item('A'), item('B')], { policy: 'fail' })
        expect(outcomes.map(({ outcome }) => outcome)).toEqual(['created', 'created'])
      })
    })

    describe('at the same time', () => {
      const ROUNDS = 200
      const at14 = (name: string, policy: DuplicatePolicy) =>
        Promise.all(
          Array.from({ length: 14 }, () => create(database, newId, [item(name)], { policy })),
        )

      test('14 creations of one product make one, and 13 are told its id', async () => {
        for (let round = 0; round < ROUNDS; round++) {
          const answers = (await at14(`P${round}`, 'return-existing')).flat()
          const [created, ...more] = answers.filter(({ outcome }) => outcome === 'created')
          expect(more).toEqual([])
          const others = answers.filter((answer) => answer !== created)
          expect(others).toEqual(Array(13).fill({ ...created, outcome: 'existing' }))
        }
        expect(await audit(database)).toEqual({ liveProducts: ROUNDS, ...CLEAN })
      })

      test('14 strict creations of one product make one, and 13 are refused with its id', async () => {
        for (let round = 0; round < ROUNDS; round++) {
          const answers = (await at14(`P${round}`, 'fail')).flat()
          const [created, ...more] = answers.filter(({ outcome }) => outcome === 'created')
          expect(more).toEqual([])
          const others = answers.filter((answer) => answer !== created)
          const existingId = idsOf([created!])[0]
          const refused = { outcome: 'rejected', reason: DUPLICATE_ERROR, existingId }
          expect(others).toEqual(Array(13).fill(refused))
        }
        expect(await audit(database)).toEqual({ liveProducts: ROUNDS, ...CLEAN })
      })

      test('overlapping batches in any order create each product once', async () => {
        const random = seededRandom('overlapping batches')
        const names = Array.from({ length: 300 }, (_, i) => `P${i}`)
        const batches = Array.from({ length: 24 }, () => shuffled(names, random).slice(0, 100))
        const answers = await Promise.all(
          batches.map((batch) =>
            create(
              database,
              newId,
              batch.map((text) => item(text)),
            ),
          ),
        )
        const idOf = new Map<string, string>()
        for (const [index, outcomes] of answers.entries()) {
          for (const [position, id] of idsOf(outcomes).entries()) {
            const text = batches[index]![position]!
            expect(idOf.get(text) ?? id).toBe(id)
            idOf.set(text, id)
          }
        }
        expect(await audit(database)).toEqual({ liveProducts: idOf.size, ...CLEAN })
      })

      test('creations and deletions of the same products leave no doubt', async () => {
        const random = seededRandom('creations and deletions')
        const names = Array.from({ length: 10 }, (_, i) => `P${i}`)
        const client = async () => {
          for (let i = 0; i < 30; i++) {
            const some = shuffled(names, random).slice(0, 4)
            const ids = idsOf(
              await create(
                database,
                newId,
                some.map((text) => item(text)),
              ),
            )
            if (random() < 0.7) await deleteProduct(database, ids[0]!)
          }
        }
        await Promise.all(Array.from({ length: 6 }, client))
        const result = await audit(database)
        expect(result).toEqual({ liveProducts: result.liveProducts, ...CLEAN })
        expect(result.liveProducts).toBeLessThanOrEqual(10)
      })

      /** A database whose first `times` reads miss what another writer has just committed. */
      const staleReads = (times: number, between = () => Promise.resolve()): Database => ({
        ...database,
        dialect: {
          ...database.dialect,
          async findKeyOwners(trx, keys) {
            return times-- > 0 ? [] : database.dialect.findKeyOwners(trx, keys)
          },
        },
        async inTransaction(work) {
          await between()
          return database.inTransaction(work)
        },
      })

      test('a batch that loses a key is told the winner', async () => {
        const [winner] = await create(database, newId, [item('B')])
        const outcomes = await create(staleReads(1), newId, [item('A'), item('B'), item('C')])
        expect(outcomes.map(({ outcome }) => outcome)).toEqual(['created', 'existing', 'created'])
        expect(outcomes[1]).toEqual({ outcome: 'existing', id: idsOf([winner!])[0] })
        expect(await audit(database)).toEqual({ liveProducts: 3, ...CLEAN })
      })

      test('a strict batch that loses a key is refused', async () => {
        await create(database, newId, [item('B')])
        const outcomes = await create(staleReads(1), newId, [item('A'), item('B')], {
          policy: 'fail',
        })
        expect(outcomes.map(({ outcome }) => outcome)).toEqual(['failed', 'rejected'])
        expect(await liveCount()).toBe(1)
      })

      test('a winner that is deleted again by then makes way', async () => {
        const [winner] = await create(database, newId, [item('B')])
        let rounds = 0
        const between = async () => {
          rounds++
          if (rounds === 2) await deleteProduct(database, idsOf([winner!])[0]!)
        }
        const outcomes = await create(staleReads(2, between), newId, [item('B')])
        expect(outcomes[0]).toMatchObject({ outcome: 'created' })
        expect(await audit(database)).toEqual({ liveProducts: 1, ...CLEAN })
      })

      test('a batch that loses again and again gives up, and has written nothing', async () => {
        await create(database, newId, [item('B')])
        await expect(
          create(staleReads(Number.POSITIVE_INFINITY), newId, [item('A'), item('B')]),
        ).rejects.toMatchObject({ code: 'contended' })
        expect(await liveCount()).toBe(1)
      })
    })

    describe('an id that was given out twice', () => {
      /** Gives these ids first, as a process whose worker id another one has too. */
      const giving = (ids: string[]): NewId => {
        const left = [...ids]
        return () => left.shift() ?? newId()
      }

      test('of a live product: the batch gets new ids, and is no duplicate', async () => {
        const [live] = await create(database, newId, [item('A')])
        const id = idsOf([live!])[0]!
        for (const policy of ['return-existing', 'fail'] as const) {
          const outcomes = await create(
            database,
            giving([newId(), id]),
            [item(`B ${policy}`), item(`C ${policy}`)],
            { policy },
          )
          expect(outcomes.map(({ outcome }) => outcome)).toEqual(['created', 'created'])
          expect(idsOf(outcomes)).not.toContain(id)
        }
        expect(await audit(database)).toEqual({ liveProducts: 5, ...CLEAN })
      })

      test('of a deleted product: the same', async () => {
        const [deleted] = await create(database, newId, [item('A')])
        const id = idsOf([deleted!])[0]!
        await deleteProduct(database, id)
        const [outcome] = await create(database, giving([id]), [item('A')])
        expect(outcome).toMatchObject({ outcome: 'created' })
        expect(idsOf([outcome!])).not.toEqual([id])
        expect(await audit(database)).toEqual({ liveProducts: 1, ...CLEAN })
      })

      test('again and again: the batch gives up, and has written nothing', async () => {
        const [live] = await create(database, newId, [item('A')])
        const id = idsOf([live!])[0]!
        await expect(create(database, () => id, [item('B')])).rejects.toMatchObject({
          code: 'contended',
        })
        expect(await liveCount()).toBe(1)
      })

      test('of a brand or a request: those get another one', async () => {
        const brands = await ensureBrands(database, newId, ['Aurora'])
        const taken = brands.get('aurora')!.id
        const more = await ensureBrands(database, giving([taken]), ['Borealis'])
        expect(more.get('borealis')!.id).not.toBe(taken)
        const request = {
          sourceBrand: 'Acme',
          targetBrands: ['Aurora'],
          nameTemplate: '{brand} {name}',
          policy: 'return-existing' as const,
          user: USER,
        }
        const first = await recordCopyRequest(database, newId, request)
        for (const requestKey of [undefined, 'key']) {
          const second = await recordCopyRequest(database, giving([first.id]), {
            ...request,
            requestKey,
          })
          expect(second).toMatchObject({ repeated: false })
          expect(second.id).not.toBe(first.id)
        }
      })
    })

    describe('deleting', () => {
      test('frees the key: the product can be created again the third and the tenth time', async () => {
        const ids = new Set<string>()
        for (let time = 1; time <= 10; time++) {
          const [outcome] = await create(database, newId, [item('Phone')])
          expect(outcome).toMatchObject({ outcome: 'created' })
          const id = idsOf([outcome!])[0]!
          ids.add(id)
          expect(await deleteProduct(database, id)).toBe('deleted')
          expect(await audit(database)).toEqual({ liveProducts: 0, ...CLEAN })
        }
        expect(ids.size).toBe(10)
        const kept = await database
          .knex('product')
          .where({ delete_status: 1 })
          .pluck<string[]>('id')
        expect(new Set(kept)).toEqual(ids)
      })

      test('twice changes nothing the second time, not even for the next product', async () => {
        const [first] = await create(database, newId, [item('Phone')])
        const id = idsOf([first!])[0]!
        await deleteProduct(database, id)
        const [second] = await create(database, newId, [item('Phone')])
        expect(await deleteProduct(database, id)).toBe('already-deleted')
        expect(await create(database, newId, [item('Phone')])).toEqual([
          { outcome: 'existing', id: idsOf([second!])[0] },
        ])
      })

      test('takes no other product, however near its id', async () => {
        const items = Array.from({ length: 64 }, (_, i) => item(`P${i}`))
        const ids = idsOf(await create(database, newId, items))
        await deleteProduct(database, ids[31]!)
        const live = await database
          .knex('product')
          .where({ delete_status: 0 })
          .pluck<string[]>('id')
        expect(live.sort()).toEqual(ids.filter((id) => id !== ids[31]).sort())
        expect(await audit(database)).toEqual({ liveProducts: 63, ...CLEAN })
      })

      test('of an unknown product says so', async () => {
        expect(await deleteProduct(database, '42')).toBe('unknown')
      })
    })

    describe('a chunk', () => {
      const stored = () =>
        database.knex('copy_result').select<{ body: string; published_at: Date | null }[]>()

      test('that comes twice is given the same answer, which is published again', async () => {
        const chunk = arrivedChunk([item('A'), item('')])
        expect(await answer(database, newId, chunk)).toBe('answered')
        const [first] = await stored()
        await database.knex('copy_result').update({ published_at: database.dialect.now() })
        await deleteProduct(
          database,
          (JSON.parse(first!.body) as { outcomes: { id: string }[] }).outcomes[0]!.id,
        )
        expect(await answer(database, newId, chunk)).toBe('repeated')
        expect(await stored()).toMatchObject([{ body: first!.body, published_at: null }])
        expect(await liveCount()).toBe(0)
      })

      test('in eight hands at once is answered once', async () => {
        const chunk = arrivedChunk([item('A'), item('B')])
        const answers = await Promise.all(
          Array.from({ length: 8 }, () => answer(database, newId, chunk)),
        )
        expect(answers.filter((answer) => answer === 'answered')).toHaveLength(1)
        expect(await stored()).toHaveLength(1)
        expect(await liveCount()).toBe(2)
      })

      test('with the name of another one is not given its answer', async () => {
        await answer(database, newId, arrivedChunk([item('A')]))
        await expect(answer(database, newId, arrivedChunk([item('B')]))).rejects.toMatchObject({
          code: 'unreadable-message',
          message: expect.stringContaining('answered before with other content'),
        })
        expect(await liveCount()).toBe(1)
      })
    })

    describe('transactions', () => {
      const deadlock = Object.assign(
        new Error('deadlock detected'),
        name === 'mysql' ? { errno: 1213 } : { code: '40P01' },
      )

      test('are run again after a deadlock, from the start', async () => {
        let attempts = 0
        await database.inTransaction(async (trx) => {
          attempts++
          await trx('brand').insert({ id: newId(), name: 'X', name_key: 'x' })
          if (attempts < 3) throw deadlock
        })
        expect(attempts).toBe(3)
        expect(await database.knex('brand').where({ name: 'X' })).toHaveLength(1)
      })

      test('give up after ten attempts', async () => {
        let attempts = 0
        const failing = database.inTransaction(() => {
          attempts++
          return Promise.reject(deadlock)
        })
        await expect(failing).rejects.toBe(deadlock)
        expect(attempts).toBe(10)
      })

      test('are not run again for anything else', async () => {
        let attempts = 0
        const failing = database.inTransaction(() => {
          attempts++
          return Promise.reject(new Error('bug'))
        })
        await expect(failing).rejects.toThrow('bug')
        expect(attempts).toBe(1)
      })
    })

    test('what is wrong with the rows does not pass for a database that is away', async () => {
      const bad = [
        { id: newId(), name: 'x'.repeat(101), name_key: 'a' },
        { id: newId(), name: null, name_key: 'a' },
        { id: 'no number', name: 'a', name_key: 'a' },
      ]
      for (const row of bad) {
        const error = await database
          .knex('brand')
          .insert(row)
          .catch((thrown: unknown) => thrown)
        expect(error).toHaveProperty('code')
        expect(database.dialect.isAway(error)).toBe(false)
        expect(database.dialect.isRetryable(error)).toBe(false)
      }
      for (const code of ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND']) {
        expect(database.dialect.isAway(Object.assign(new Error(), { code }))).toBe(true)
      }
    })

    test('errors have the words of the database, without the statement', async () => {
      const wrong = { 'a - b': 1 }
      const alone = database.knex('product').where(wrong).select()
      await expect(alone).rejects.toThrow(/^(?!select).*a - b/)
      const inside = database.inTransaction((trx) => trx('product').insert(wrong))
      await expect(inside).rejects.toThrow(/^(?!insert).*a - b/)
    })

    describe('the outbox', () => {
      const outbox: Outbox = { table: 'copy_result', mark: 'published_at', topic: 'T' }
      const put = async (count: number) => {
        for (let no = 1; no <= count; no++) {
          await answer(database, newId, arrivedChunk([item(`P${no}`)], { chunkNo: no }))
        }
      }
      const waiting = () =>
        database.knex('copy_result').whereNull('published_at').pluck<number[]>('chunk_no')

      test('publishes each row once, with its body and group', async () => {
        await put(3)
        const bodies: string[] = []
        const publisher = {
          publish: async ({
            topic,
            group,
            body,
          }: {
            topic: string
            group: string
            body: string
          }) => {
            await sleep(1)
            bodies.push(`${topic} ${group} ${body}`)
          },
        }
        expect(await publishWaiting(database, publisher, outbox, 2)).toBe(2)
        expect(await publishWaiting(database, publisher, outbox, 2)).toBe(1)
        expect(await publishWaiting(database, publisher, outbox, 2)).toBe(0)
        expect(bodies).toHaveLength(3)
        expect(new Set(bodies).size).toBe(3)
        expect(bodies[0]).toMatch(/^T shard-1 \{.*"requestId":"mall-1","chunkNo":1/)
        expect(await waiting()).toEqual([])
      })

      test('what the broker refuses rests, comes again, and does not hold up the rest', async () => {
        await put(4)
        const published: string[] = []
        let bad = true
        const publisher = {
          publish: ({ body }: { body: string }) => {
            const { chunkNo } = JSON.parse(body) as { chunkNo: number }
            if (bad && chunkNo <= 2) return Promise.reject(new Error('too large'))
            published.push(String(chunkNo))
            return Promise.resolve()
          },
        }
        await expect(publishWaiting(database, publisher, outbox, 2)).rejects.toThrow('too large')
        expect(await publishWaiting(database, publisher, outbox, 2)).toBe(2)
        expect(await publishWaiting(database, publisher, outbox, 2)).toBe(0)
        expect(published).toEqual(['3', '4'])
        expect(await waiting()).toEqual([1, 2])
        bad = false
        await database.knex('copy_result').update({ claimed_until: database.dialect.now(-1) })
        expect(await publishWaiting(database, publisher, outbox, 10)).toBe(2)
        expect(await waiting()).toEqual([])
      })

      test('a row that is to be published once more while it is on its way comes again', async () => {
        await put(1)
        const repeating = {
          publish: async () => {
            await answer(database, newId, arrivedChunk([item('P1')], { chunkNo: 1 }))
          },
        }
        expect(await publishWaiting(database, repeating, outbox, 10)).toBe(1)
        expect(await waiting()).toEqual([1])
      })

      test('chunks without an answer are sent again, ever more rarely', async () => {
        const minutesAgo = [9, 11, 11, 21, 10_000, 10_000]
        const sends = [1, 1, 2, 2, 8, 9]
        for (const [index, minutes] of minutesAgo.entries()) {
          const at = database.dialect.now(-minutes * 60_000)
          const chunk = { request_id: 1, chunk_no: index, message_group: 'g', body: 'x', items: 1 }
          const sent = { content_hash: 'h', sent_at: at, sends: sends[index] }
          await database.knex('copy_chunk').insert({ ...chunk, ...sent })
        }
        expect(await sendOverdueAgain(database)).toBe(4)
        const open = database.knex('copy_chunk').whereNull('sent_at').orderBy('chunk_no')
        expect(await open.pluck('chunk_no')).toEqual([1, 3, 4, 5])
        const again: Outbox = { table: 'copy_chunk', mark: 'sent_at', topic: 'T' }
        expect(await publishWaiting(database, { publish: () => Promise.resolve() }, again, 9)).toBe(
          4,
        )
        const counts = database.knex('copy_chunk').orderBy('chunk_no').pluck<number[]>('sends')
        expect(await counts).toEqual([1, 2, 2, 3, 9, 10])
      })

      test('rows in the hands of one process are not taken by another, until their claim ends', async () => {
        await put(2)
        let release = () => {}
        const held = new Promise<void>((resolve) => (release = resolve))
        const slow = publishWaiting(database, { publish: () => held }, outbox, 10)
        const other = { publish: () => Promise.resolve() }
        await sleep(200)
        expect(await publishWaiting(database, other, outbox, 10)).toBe(0)
        await database.knex('copy_result').update({ claimed_until: database.dialect.now(-1) })
        expect(await publishWaiting(database, other, outbox, 10)).toBe(2)
        release()
        expect(await slow).toBe(2)
      })
    })

    describe('the outbox of chunks', () => {
      test('marks no other chunk, however near its request’s id', async () => {
        const first = BigInt(newId())
        const ids = Array.from({ length: 40 }, (_, i) => String(first + BigInt(i)))
        await database.knex('copy_chunk').insert(
          ids.map((id) => ({
            request_id: id,
            chunk_no: 1,
            message_group: 'g',
            body: '{}',
            content_hash: 'h',
            items: 1,
          })),
        )
        const outbox: Outbox = { table: 'copy_chunk', mark: 'sent_at', topic: 'T' }
        const publisher = { publish: () => Promise.resolve() }
        expect(await publishWaiting(database, publisher, outbox, 2)).toBe(2)
        const waiting = await database
          .knex('copy_chunk')
          .whereNull('sent_at')
          .whereNull('claimed_until')
          .orderBy('request_id')
          .pluck<string[]>('request_id')
        expect(waiting).toEqual(ids.slice(2))
      })
    })

    describe('brands', () => {
      test('of several names with one canonical form are one, at the same time too', async () => {
        const all = await Promise.all(
          ['NAXA', 'Naxa', ' naxa '].map((text) => ensureBrands(database, newId, [text])),
        )
        expect(new Set(all.map((brands) => brands.get('naxa')!.id)).size).toBe(1)
      })

      test('are listed with their live products', async () => {
        await create(database, newId, [item('A'), item('B')])
        await ensureBrands(database, newId, ['Zen'])
        expect(await listBrands(database)).toEqual([
          { name: 'Acme', liveProducts: 2 },
          { name: 'Zen', liveProducts: 0 },
        ])
      })
    })

    describe('the audit', () => {
      const plant = async (text: string, key: { name: string; model: string } | null) => {
        const id = newId()
        await database.knex('product').insert({
          id,
          brand_id: 1,
          name: text,
          model: 'M',
          attributes: '{}',
          user_id: USER.id,
          user_name: USER.name,
        })
        if (key) {
          await database
            .knex('product_unique')
            .insert({ id, ...key, user_id: USER.id, user_name: USER.name })
        }
        return id
      }

      test('is clean for sound tables', async () => {
        await create(database, newId, [item('A'), item('B')])
        expect(await audit(database)).toEqual({ liveProducts: 2, ...CLEAN })
      })

      test('finds live products without a key', async () => {
        await plant('A', null)
        expect(await audit(database)).toEqual({ liveProducts: 1, ...CLEAN, productsWithoutKey: 1 })
      })

      test('finds a key that two live products share, of which one holds it', async () => {
        await plant('A', { name: 'a', model: 'm' })
        await plant(' a', null)
        await plant('a  ', null)
        expect(await audit(database)).toEqual({
          liveProducts: 3,
          ...CLEAN,
          duplicateKeys: 1,
          productsWithoutKey: 2,
        })
      })

      test('finds a key that two live products share, of which none holds it', async () => {
        await plant('A', null)
        await plant('a', { name: 'wrong', model: 'm' })
        expect(await audit(database)).toEqual({
          liveProducts: 2,
          ...CLEAN,
          duplicateKeys: 1,
          productsWithoutKey: 1,
          mismatchedKeys: 1,
        })
      })

      test('finds keys without a live product', async () => {
        const deleted = await plant('A', { name: 'a', model: 'm' })
        await database.knex('product').where({ id: deleted }).update({ delete_status: 1 })
        await database
          .knex('product_unique')
          .insert({ id: newId(), name: 'b', model: 'm', user_id: '1', user_name: 'x' })
        expect(await audit(database)).toEqual({ liveProducts: 0, ...CLEAN, keysWithoutProduct: 2 })
      })

      test('finds keys that are not their product’s', async () => {
        await plant('A', { name: 'b', model: 'm' })
        expect(await audit(database)).toEqual({ liveProducts: 1, ...CLEAN, mismatchedKeys: 1 })
      })
    })

    test('the key columns refuse NULL, which would escape the unique key', async () => {
      for (const missing of ['name', 'model']) {
        const row = { id: newId(), name: 'n', model: 'm', user_id: '1', user_name: 'x' }
        await expect(
          database.knex('product_unique').insert({ ...row, [missing]: null }),
        ).rejects.toThrow()
      }
    })
  })
}
