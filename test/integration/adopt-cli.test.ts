import { beforeEach, describe, expect, test } from '@jest/globals'
import { openEmbeddedDatabase } from '../../src/platform/embedded-database.ts'
import { createSnowflake } from '../../src/platform/snowflake.ts'
import { putProducts } from '../support/adoption.ts'
import { runCli } from '../support/cli.ts'
import { allRows, newDataFolder } from '../support/database.ts'
import type { TestDatabase } from '../support/database.ts'

const DATE = '2020-01-02T03:04:05.000Z'

describe('adopt and merge on the command line', () => {
  let data: string
  const cli = (...args: string[]) => runCli(args, data)
  const inside = async <T>(work: (opened: TestDatabase) => Promise<T>): Promise<T> => {
    const database = await openEmbeddedDatabase(data, { create: false })
    try {
      return await work({ database, newId: createSnowflake({ workerId: 0 }) })
    } finally {
      await database.close()
    }
  }
  const put = (...products: [id: string, name: string, model: string][]) =>
    inside(({ database, newId }) =>
      putProducts(
        database,
        newId,
        products.map(([id, name, model]) => ({ id, name, model, create_date: new Date(DATE) })),
      ),
    )
  const rows = () => inside(({ database }) => allRows(database))
  const json = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
  const shown = (id: string, name: string, model: string) => ({
    id,
    name,
    model,
    brand: 'Acme',
    createDate: DATE,
  })

  beforeEach(async () => {
    data = await newDataFolder()
  })

  test('from a full table to a clean one', async () => {
    await put(
      ['1', 'Phone', 'M1'],
      ['2', 'PHONE', 'm1 '],
      ['3', 'phone', 'M1'],
      ['4', 'Tablet', 'T'],
    )
    expect(await cli('audit')).toEqual({
      code: 1,
      stdout: [
        'live products                             4',
        'keys that several live products have      1',
        'live products without their key           4',
        'wrong keys: without a live product        0',
        "wrong keys: not their product's own       0",
        '"product-copy adopt" gives products their keys, and removes wrong keys',
        '"product-copy merge --keep oldest" then shows how duplicates would be merged',
        '',
      ].join('\n'),
      stderr: '',
    })
    const adopted = await cli('adopt')
    expect(adopted.code).toBe(1)
    expect(adopted.stderr).toBe(
      [
        'products that got their key               2',
        'wrong keys removed                        0',
        'keys that several live products have      1',
        'duplicates: products without their key    2',
        'products whose texts can be no key        0',
        '"product-copy merge --keep oldest" shows how they would be merged',
        '',
      ].join('\n'),
    )
    const key = { name: 'phone', model: 'm1' }
    const [first, second, third] = [
      shown('1', 'Phone', 'M1'),
      shown('2', 'PHONE', 'm1 '),
      shown('3', 'phone', 'M1'),
    ]
    expect(json(adopted.stdout)).toEqual([{ key, kept: first, duplicates: [second, third] }])

    const before = await rows()
    const dryRun = await cli('merge', '--keep', 'newest')
    expect(dryRun).toMatchObject({
      code: 1,
      stderr: 'duplicates that would be merged: 2 (--apply does it)\n',
    })
    expect(json(dryRun.stdout)).toEqual([{ key, kept: third, duplicates: [first, second] }])
    expect(await rows()).toEqual(before)

    const merged = await cli('merge', '--keep', 'newest', '--apply')
    expect(merged).toMatchObject({ code: 0, stderr: 'duplicates merged: 2\n' })
    expect(merged.stdout).toBe(dryRun.stdout)
    expect(await cli('audit')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^live products +2\n(.* 0\n){4}each live product is unique, and has its key\n$/,
      ),
    })
    const again = await cli('adopt', '--json')
    expect(again).toMatchObject({ code: 0, stderr: '' })
    expect(json(again.stdout)).toEqual([
      {
        summary: {
          adopted: 0,
          released: 0,
          groups: 0,
          duplicates: 0,
          unadoptable: 0,
          changedMeanwhile: 0,
          settled: true,
        },
      },
    ])
  })

  test('merge shows what is not adopted, and what can have no key; --json ends with the counts', async () => {
    await put(['1', 'Phone', 'M1'], ['2', 'phone', 'M1'], ['3', ' ', 'M'])
    const merge = await cli('merge', '--keep', 'oldest', '--apply')
    expect(merge).toEqual({
      code: 1,
      stdout: '',
      stderr: [
        'duplicates merged: 0',
        'live products not adopted yet: 2 ("product-copy adopt" does it)',
        'live products that can have no key: 1 ("product-copy adopt" says which and why)',
        '',
      ].join('\n'),
    })
    const adopted = await cli('adopt', '--json')
    expect(adopted).toMatchObject({ code: 1, stderr: '' })
    expect(json(adopted.stdout)).toEqual([
      {
        key: { name: 'phone', model: 'm1' },
        kept: shown('1', 'Phone', 'M1'),
        duplicates: [shown('2', 'phone', 'M1')],
      },
      { unadoptable: shown('3', ' ', 'M'), reason: 'name is empty' },
      { summary: expect.objectContaining({ adopted: 1, duplicates: 1, unadoptable: 1 }) },
    ])
    const left = await cli('merge', '--keep', 'oldest', '--apply', '--json')
    expect(left).toMatchObject({ code: 1, stderr: '' })
    expect(json(left.stdout)).toEqual([
      {
        key: { name: 'phone', model: 'm1' },
        kept: shown('1', 'Phone', 'M1'),
        duplicates: [shown('2', 'phone', 'M1')],
      },
      {
        summary: {
          keep: 'oldest',
          applied: true,
          products: 1,
          unadopted: 0,
          unadoptable: 1,
          changedMeanwhile: 0,
        },
      },
    ])
  })

  test.each([
    [['merge'], "required option '--keep <oldest|newest>' not specified"],
    [['merge', '--keep', 'youngest'], '--keep is "youngest"; allowed are oldest and newest'],
    [['merge', '--keep', 'oldest', '--aply'], "unknown option '--aply'"],
    [['adopt', 'everything'], 'too many arguments'],
  ])('wrong use is one line, and nothing is written: %j', async (args, message) => {
    await put(['1', 'Phone', 'M1'], ['2', 'phone', 'M1'])
    const before = await rows()
    const run = await cli(...args)
    expect(run).toMatchObject({ code: 2, stdout: '' })
    expect(run.stderr).toMatch(/^product-copy: [^\n]*\n$/)
    expect(run.stderr).toContain(message)
    expect(await rows()).toEqual(before)
  })

  test('without a database none is made', async () => {
    for (const args of [['adopt'], ['merge', '--keep', 'oldest']]) {
      const run = await runCli(args, `${data}/none`)
      expect(run.code).toBe(2)
      expect(run.stderr).toMatch(/^product-copy: [^\n]*\n$/)
    }
  })
})
