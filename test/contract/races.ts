import { beforeAll, describe, expect, test } from '@jest/globals'
import { recordCopyRequest } from '../../src/copy/record-request.ts'
import type { Database, NewId } from '../../src/database.ts'
import type { DuplicatePolicy } from '../../src/messages.ts'
import { audit } from '../../src/products/audit.ts'
import { ensureBrands } from '../../src/products/brands.ts'
import { DUPLICATE_ERROR } from '../../src/products/create-products.ts'
import { deleteProduct } from '../../src/products/delete-product.ts'
import type { TestDatabase } from '../support/database.ts'
import { CLEAN } from '../support/exact.ts'
import { create, idsOf, item, USER } from '../support/products.ts'
import { seededRandom, shuffled } from '../support/random.ts'

/** What every database has to do when several want the same keys, or the same ids. */
export function raceTests(fixture: TestDatabase): void {
  describe('at the same time', () => {
    let database: Database
    let newId: NewId
    beforeAll(() => {
      ;({ database, newId } = fixture)
    })

    const liveCount = async () => (await audit(database)).liveProducts

    describe('writers of the same products', () => {
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
  })
}
