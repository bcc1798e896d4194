import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { publishWaiting, sendOverdueAgain, type Outbox } from '../../src/copy/outbox.ts'
import type { Database, NewId } from '../../src/database.ts'
import { audit } from '../../src/products/audit.ts'
import { deleteProduct } from '../../src/products/delete-product.ts'
import type { TestDatabase } from '../support/database.ts'
import { answer, arrivedChunk, item } from '../support/products.ts'

/** What every database has to do for chunks that are answered, and for what waits to be published. */
export function outboxTests(fixture: TestDatabase): void {
  describe('answers and the outbox', () => {
    let database: Database
    let newId: NewId
    beforeAll(() => {
      ;({ database, newId } = fixture)
    })

    const liveCount = async () => (await audit(database)).liveProducts

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
  })
}
