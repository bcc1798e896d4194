import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Database, NewId, Transaction } from '../../src/database.ts'
import { adopt } from '../../src/products/adopt.ts'
import { audit } from '../../src/products/audit.ts'
import { changeProduct, restoreProduct } from '../../src/products/change-product.ts'
import { deleteProduct } from '../../src/products/delete-product.ts'
import { findLeftovers, readGroups, readUnadoptable } from '../../src/products/duplicates.ts'
import { mergeAll, planMerges, type Keep, type Merge } from '../../src/products/merge.ts'
import { productKey } from '../../src/products/product-key.ts'
import { useAcmeDatabase } from '../support/acme.ts'
import {
  adoptAll,
  collect,
  failingAt,
  putProducts,
  type LegacyProduct,
} from '../support/adoption.ts'
import { allRows, type TestDatabase } from '../support/database.ts'
import { create, idsOf, item, USER } from '../support/products.ts'
import { CLEAN } from '../support/exact.ts'
import { seededRandom } from '../support/random.ts'

/** What every database has to do with products that other programs wrote into `product` alone. */
export function adoptionTests(name: string, open: () => Promise<TestDatabase>): void {
  describe(`${name}: adoption`, () => {
    const fixture = useAcmeDatabase(open)
    let database: Database
    let newId: NewId
    beforeAll(() => {
      ;({ database, newId } = fixture)
    })

    const legacy = (text: string | null, more: Partial<LegacyProduct> = {}): LegacyProduct => ({
      id: newId(),
      name: text,
      model: `M-${text}`,
      ...more,
    })
    const put = async (...products: LegacyProduct[]): Promise<string[]> => {
      await putProducts(database, newId, products)
      return products.map(({ id }) => id)
    }
    const many = (count: number) => Array.from({ length: count }, (_, i) => legacy(`Phone ${i}`))
    /** [kept, others] of each group that is left. */
    const groups = async (left: Parameters<typeof readGroups>[1]) =>
      (await collect(readGroups(database.knex, left))).map((group) => [
        group.owner.id,
        group.duplicates.map(({ id }) => id),
      ])
    /** @returns how many products were merged */
    const mergePlans = async (plans: AsyncIterable<Merge>, on: Database = database) =>
      (await collect(mergeAll(on, plans))).flatMap(({ merged }) => merged).length
    const merge = async (keep: Keep, on: Database = database): Promise<number> =>
      mergePlans(planMerges(database, await findLeftovers(database), keep), on)
    const mergedInto = (id: string) =>
      database.knex('product').where({ id }).first('delete_status', 'merged_into')

    test('every live product gets its key, whatever the number of batches; again changes nothing', async () => {
      const products = many(1203)
      await put(...products, legacy('Phone 1', { delete_status: 1 }))
      expect(await audit(database)).toEqual({
        liveProducts: 1203,
        ...CLEAN,
        productsWithoutKey: 1203,
      })
      const shown: number[][] = []
      const adoption = await adopt(database, {
        onProgress: (done, total) => shown.push([done, total]),
      })
      expect(adoption).toMatchObject({ adopted: 1203, released: 0, settled: true })
      expect(shown.at(-1)).toEqual([2408, 2408])
      expect(await audit(database)).toEqual({ liveProducts: 1203, ...CLEAN })
      expect(await create(database, newId, [item('PHONE 7')])).toEqual([
        { outcome: 'existing', id: products[7]!.id },
      ])
      const before = await allRows(database)
      expect(await adoptAll(database)).toEqual({
        adopted: 0,
        released: 0,
        settled: true,
        duplicates: new Map(),
        unadoptable: [],
      })
      expect(await allRows(database)).toEqual(before)
    })

    test('duplicates: the first id keeps the key, within a batch and across; the others are reported', async () => {
      const first = many(700)
      const createDate = new Date('2020-01-02T03:04:05.678Z')
      const again = [
        legacy(' phone  3', { model: 'm-PHONE 3', create_date: createDate }),
        legacy('PHONE 3', { model: 'm-phone 3 ' }),
        legacy('phone 650', { model: 'M-Phone 650' }),
      ]
      await put(...first, ...again)
      const adoption = await adoptAll(database)
      expect(adoption).toMatchObject({ adopted: 700, settled: true })
      const found = await collect(readGroups(database.knex, adoption))
      expect(found).toHaveLength(2)
      expect(found[0]).toMatchObject({
        key: productKey('Phone 3', 'M-Phone 3'),
        owner: { id: first[3]!.id, name: 'Phone 3', model: 'M-Phone 3', brand: 'Acme' },
        duplicates: [
          { id: again[0]!.id, name: ' phone  3', model: 'm-PHONE 3', createDate },
          { id: again[1]!.id, name: 'PHONE 3' },
        ],
      })
      expect(found[1]).toMatchObject({
        owner: { id: first[650]!.id },
        duplicates: [{ id: again[2]!.id }],
      })
      expect(await audit(database)).toEqual({
        liveProducts: 703,
        ...CLEAN,
        duplicateKeys: 2,
        productsWithoutKey: 3,
      })
    })

    test('a half-full table: who has a key keeps it, even with a greater id', async () => {
      const [a, b] = await put(legacy('A'), legacy('B'))
      const [keeper, other] = idsOf(await create(database, newId, [item('A'), item('C')]))
      const adoption = await adoptAll(database)
      expect(adoption).toMatchObject({ adopted: 1, released: 0 })
      expect(await groups(adoption)).toEqual([[keeper, [a]]])
      const keyed = await database.knex('product_unique').orderBy('id').pluck('id')
      expect(keyed).toEqual([b, keeper, other])
    })

    test('texts that can be no key are reported with the reason, and not written', async () => {
      const mysql = database.dialect.name === 'mysql'
      const change = (type: string, nullable: boolean) =>
        database.knex.raw(
          mysql
            ? `alter table product modify name ${type} ${nullable ? 'null' : 'not null'}`
            : `alter table product alter name type ${type}, alter name ${nullable ? 'drop' : 'set'} not null`,
        )
      await change('varchar(200)', true)
      try {
        const ids = await put(
          legacy('  '),
          legacy('x'.repeat(131)),
          legacy('a\u0007b'),
          legacy(null),
          legacy('B', { model: '' }),
          legacy('Good'),
        )
        const adoption = await adoptAll(database)
        expect(adoption).toMatchObject({ adopted: 1, settled: true })
        const reported = await collect(readUnadoptable(database.knex, adoption))
        expect(reported.map(({ product, reason }) => [product.id, reason]).sort()).toEqual([
          [ids[0], 'name is empty'],
          [ids[1], 'name has 131 characters, at most 130 are allowed'],
          [ids[2], 'name "a\\u0007b" has a control character (U+0007)'],
          [ids[3], 'name is missing'],
          [ids[4], 'model is empty'],
        ])
        expect(await database.knex('product_unique').pluck('id')).toEqual([ids[5]])
        expect(await audit(database)).toEqual({ liveProducts: 6, ...CLEAN, productsWithoutKey: 5 })
        expect(await merge('oldest')).toBe(0)
      } finally {
        await database.knex('product').delete()
        await change('varchar(130)', false)
      }
    })

    test('keys whose product another program deleted, removed or renamed stand in nobody’s way', async () => {
      const ids = idsOf(
        await create(
          database,
          newId,
          ['A', 'B', 'C', 'D', 'E', 'F'].map((text) => item(text)),
        ),
      )
      const { knex } = database
      await knex('product').where({ id: ids[0] }).update({ delete_status: 1 })
      await knex('product').where({ id: ids[1] }).delete()
      await knex('product').where({ id: ids[2] }).update({ name: 'X' })
      await knex('product').where({ id: ids[3] }).update({ delete_status: 1 })
      await knex('product').where({ id: ids[5] }).update({ name: '' })
      const [a, b, c, f] = await put(...['A', 'B', 'C', 'F'].map((text) => legacy(text)))
      const [x] = await put(legacy('X', { model: 'M-C' }))
      expect(await audit(database)).toEqual({
        liveProducts: 8,
        duplicateKeys: 1,
        productsWithoutKey: 5,
        keysWithoutProduct: 3,
        mismatchedKeys: 2,
      })
      const adoption = await adoptAll(database)
      expect(adoption).toMatchObject({ released: 5, unadoptable: [ids[5]], settled: true })
      expect(await groups(adoption)).toEqual([[ids[2], [x]]])
      expect(await knex('product_unique').orderBy('id').pluck('id')).toEqual(
        [ids[2], ids[4], a, b, c, f].sort(),
      )
      expect(await merge('oldest')).toBe(1)
      expect(await audit(database)).toEqual({ liveProducts: 7, ...CLEAN, productsWithoutKey: 1 })
    })

    test.each(['begin', 'end'] as const)(
      'killed in any transaction (at its %s) and run again, it comes out the same',
      async (when) => {
        await put(...many(1100), legacy('phone 1'), legacy('phone 1'), legacy('phone 600'))
        for (let nth = 1; nth <= 3; nth++) {
          await expect(adoptAll(failingAt(database, nth, when))).rejects.toThrow('killed')
          expect(await audit(database)).toMatchObject({ keysWithoutProduct: 0, mismatchedKeys: 0 })
        }
        const adoption = await adoptAll(database)
        expect(adoption.settled).toBe(true)
        expect((await groups(adoption)).map(([, ids]) => ids!.length)).toEqual([2, 1])
        await expect(merge('oldest', failingAt(database, 1, when))).rejects.toThrow('killed')
        expect(await audit(database)).toMatchObject({ liveProducts: 1103, productsWithoutKey: 3 })
        expect(await merge('oldest')).toBe(3)
        expect(await audit(database)).toEqual({ liveProducts: 1100, ...CLEAN })
      },
    )

    test('merge keeps the oldest by date, then by id; twice changes nothing', async () => {
      const date = (year: number) => ({ create_date: new Date(Date.UTC(year, 0)) })
      const [a, b, c] = await put(
        legacy('A', date(2021)),
        legacy('a', date(2020)),
        legacy('A ', date(2020)),
      )
      const [d, e] = await put(legacy('D', date(2022)), legacy('d', date(2022)))
      await adoptAll(database)
      const before = await allRows(database)
      const plans = planMerges(database, await findLeftovers(database), 'oldest')
      expect(
        (await collect(plans)).map(({ kept, merged }) => [kept.id, merged.map(({ id }) => id)]),
      ).toEqual([
        [b, [a, c]],
        [d, [e]],
      ])
      expect(await allRows(database)).toEqual(before)

      expect(await merge('oldest')).toBe(3)
      for (const [id, kept] of [
        [a, b],
        [c, b],
        [e, d],
      ]) {
        expect(await mergedInto(id!)).toEqual({ delete_status: 1, merged_into: kept })
      }
      expect(await audit(database)).toEqual({ liveProducts: 2, ...CLEAN })
      expect(await create(database, newId, [item('A')])).toEqual([{ outcome: 'existing', id: b }])
      const after = await allRows(database)
      expect(await merge('oldest')).toBe(0)
      expect(await adoptAll(database)).toMatchObject({ adopted: 0, released: 0 })
      expect(await allRows(database)).toEqual(after)

      // A merged product comes back when its key is free, and is no merged one then.
      expect(await restoreProduct(database, a!, USER)).toEqual({
        result: 'duplicate',
        existingId: b,
      })
      await deleteProduct(database, b!)
      expect(await restoreProduct(database, a!, USER)).toMatchObject({ result: 'done' })
      expect(await mergedInto(a!)).toEqual({ delete_status: 0, merged_into: null })
      expect(await audit(database)).toEqual({ liveProducts: 2, ...CLEAN })
    })

    test('merge keeps the newest, which gets the key: also of a group of more than one transaction', async () => {
      const ids = await put(
        ...Array.from({ length: 1102 }, (_, i) =>
          legacy('A', { create_date: new Date(i === 700 ? 2000 : 1000) }),
        ),
        ...['B', 'B', 'C'].map((text) => legacy(text)),
      )
      await adoptAll(database)
      await expect(merge('newest', failingAt(database, 2, 'end'))).rejects.toThrow('killed')
      expect(await audit(database)).toMatchObject({ keysWithoutProduct: 0, mismatchedKeys: 0 })
      expect(await merge('newest')).toBe(602)
      const live = await database.knex('product').where('delete_status', 0).orderBy('id')
      expect(live.map(({ id }: { id: string }) => id)).toEqual([ids[700], ids[1103], ids[1104]])
      const into = await database
        .knex('product')
        .distinct('merged_into')
        .whereNotNull('merged_into')
      expect(into.map((row: { merged_into: string }) => row.merged_into).sort()).toEqual([
        ids[700],
        ids[1103],
      ])
      expect(await audit(database)).toEqual({ liveProducts: 3, ...CLEAN })
    })

    test('what changed after it was found is left alone', async () => {
      const texts = ['A', 'A', 'A', 'B', 'B', 'C', 'C', 'D', 'D']
      const ids = await put(...texts.map((text) => legacy(text)))
      const { knex } = database
      await adoptAll(database)
      const found = await findLeftovers(database)
      const plans = await collect(planMerges(database, found, 'oldest'))
      expect(plans).toHaveLength(4)
      await changeProduct(database, ids[1]!, { name: 'Other' }, USER)
      await knex('product').where({ id: ids[3] }).update({ name: 'Legacy' })
      await deleteProduct(database, ids[5]!)
      await deleteProduct(database, ids[8]!)
      expect(await mergePlans(eachOf(plans))).toBe(1)
      expect(await mergedInto(ids[2]!)).toMatchObject({ merged_into: ids[0] })
      for (const id of [1, 3, 4, 5, 6, 7, 8]) {
        expect(await mergedInto(ids[id]!)).toMatchObject({ merged_into: null })
      }
      await adoptAll(database)
      expect(await merge('newest')).toBe(0)
      expect(await audit(database)).toEqual({ liveProducts: 6, ...CLEAN })
    })

    /** What another writer does in a transaction that stays open for a while; begun when this returns. */
    const slowly = async (work: (trx: Transaction) => Promise<unknown>) => {
      let begun: () => void
      const beginning = new Promise<void>((resolve) => (begun = resolve))
      const done = database.inTransaction(async (trx) => {
        await work(trx)
        begun()
        await sleep(500)
      })
      await Promise.race([beginning, done])
      return { done }
    }

    test('who is deleting a product is waited for, and it gets no key', async () => {
      const [a, b] = await put(legacy('A'), legacy('B'))
      const { done } = await slowly((trx) =>
        trx('product').where({ id: a }).update({ delete_status: 1 }),
      )
      expect(await adoptAll(database)).toMatchObject({ adopted: 1 })
      await done
      expect(await database.knex('product_unique').pluck('id')).toEqual([b])
    })

    test('who is renaming a product is waited for, and it is not merged', async () => {
      const [a, b] = await put(legacy('A'), legacy('A'))
      await adoptAll(database)
      const found = await findLeftovers(database)
      const plans = await collect(planMerges(database, found, 'oldest'))
      const { done } = await slowly((trx) =>
        trx('product').where({ id: b }).update({ name: 'Other' }),
      )
      expect(await mergePlans(eachOf(plans))).toBe(0)
      await done
      expect(await mergedInto(b!)).toEqual({ delete_status: 0, merged_into: null })
      expect(await mergedInto(a!)).toEqual({ delete_status: 0, merged_into: null })
    })

    test('writers of all kinds go on meanwhile, and with the last of them all comes out right', async () => {
      const random = seededRandom(`${name} adoption among writers`)
      const pick = <T>(values: T[]): T => values[Math.floor(random() * values.length)]!
      const text = () => pick(['Hot', 'HOT ', ' hot']) + ` ${Math.floor(random() * 150)}`
      const ids = await put(...Array.from({ length: 1500 }, () => legacy(text())))
      const ours = [
        async () => void ids.push(...idsOf(await create(database, newId, [item(text())]))),
        () => deleteProduct(database, pick(ids)),
        () => changeProduct(database, pick(ids), { name: text() }, USER),
        () => restoreProduct(database, pick(ids), USER),
      ]
      const product = (id: string) => database.knex('product').where({ id })
      const theirs = [
        async () => void ids.push(...(await put(legacy(text())))),
        () => product(pick(ids)).update({ delete_status: 1 }),
        () => product(pick(ids)).update({ name: text() }),
        () => product(pick(ids)).delete(),
      ]
      const during = async (
        work: () => Promise<unknown>,
        kinds: (() => PromiseLike<unknown>)[],
      ) => {
        let running = true
        const writer = async () => {
          while (running) await pick(kinds)()
        }
        const writers = [writer(), writer(), writer()]
        try {
          await work()
        } finally {
          running = false
          await Promise.all(writers)
        }
      }
      await during(() => adoptAll(database), [...ours, ...theirs])
      await adoptAll(database)
      await during(() => merge(pick(['oldest', 'newest'])), ours)
      await adoptAll(database)
      const before = await audit(database)
      expect(before).toEqual({
        ...CLEAN,
        liveProducts: before.liveProducts,
        duplicateKeys: before.duplicateKeys,
        productsWithoutKey: before.productsWithoutKey,
      })
      await merge('oldest')
      const after = await audit(database)
      expect(after).toEqual({
        ...CLEAN,
        liveProducts: before.liveProducts - before.productsWithoutKey,
      })
    })
  })
}

async function* eachOf<T>(values: T[]): AsyncGenerator<T> {
  yield* await Promise.resolve(values)
}
