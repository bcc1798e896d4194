import { expect, test } from '@jest/globals'
import type { Comparison, WayResult } from '../../src/compare/compare.ts'
import { deadlocksIn, total } from '../../src/compare/errors.ts'
import { runCli } from '../support/cli.ts'

export type Ran = Exclude<WayResult, { notRun: string }>

/** Runs the command on a small load. */
export async function runCompare(
  env: NodeJS.ProcessEnv,
  ...args: string[]
): Promise<(way: string) => Ran> {
  const run = await runCli(['compare', '--json', '--rounds', '1', ...args], 'unused', env)
  expect(run).toMatchObject({ code: 0, stderr: '' })
  const { ways } = JSON.parse(run.stdout) as Comparison
  return (name) => {
    const found = ways.find(({ way }) => way === name)
    if (!found || 'notRun' in found) throw new Error(`${name} has not run`)
    return found
  }
}

/** What holds everywhere, with one connection too: all but the races. */
export function expectReadds(of: (way: string) => Ran): void {
  const all = { created: 10, revived: 0, not: 0 }
  const none = { created: 0, revived: 0, not: 10 }
  expect(of('check-then-insert').readds).toEqual(Array(10).fill(all))
  // The deleted row holds the key.
  expect(of('unique-index').readds).toEqual(Array(10).fill(none))
  // The second deletion would be the second deleted row with the key.
  expect(of('unique-index-status').readds).toEqual([all, ...Array<typeof none>(9).fill(none)])
  expect(of('unique-index-status').deletedRows).toEqual({ kept: 10, of: 100 })
  expect(of('upsert').readds).toEqual(Array(10).fill({ created: 0, revived: 10, not: 0 }))
  expect(of('upsert').deletedRows.kept).toBe(0)
}

/** No duplicate, nothing missing, each caller answered rightly, created again each time, no error. */
export function expectFlawless(way: Ran): void {
  expect(way).toMatchObject({ duplicates: 0, missing: 0, errors: {} })
  expect(way.readds).toEqual(Array(10).fill({ created: 10, revived: 0, not: 0 }))
  expect(way.deletedRows).toEqual({ kept: 100, of: 100 })
  const asked = way.single.asked + way.bulk.asked
  expect(way.answers).toEqual({ right: asked, wrong: 0, none: 0, error: 0 })
}

/** What a real server shows, where callers are truly at the same time. */
export function compareOnServer(url: () => string, redisUrl: string | undefined): void {
  const like = (of: (way: string) => Ran, env: string) =>
    of(env.startsWith('mysql') ? 'insert-ignore' : 'do-nothing')
  const env = () => ({ DATABASE_URL: url(), REDIS_URL: redisUrl ?? '' })

  test('every way under one load shows what it is', async () => {
    const of = await runCompare(env(), '--products', '150')
    expect(of('check-then-insert').duplicates).toBeGreaterThan(0)
    expectReadds(of)
    for (const way of ['unique-index', 'unique-index-status']) {
      expect(of(way).duplicates).toBe(0)
      expect(total(of(way).errors)).toBeGreaterThan(0)
    }
    const queued = of('one-consumer')
    expect(queued.answers.none).toBe(queued.single.asked + queued.bulk.asked)
    expect(queued).toMatchObject({ duplicates: 0, missing: 0, errors: {} })
    for (const way of [of('swallow-duplicates'), like(of, url())]) {
      expect(way.duplicates).toBe(0)
      expect(way.answers.none).toBeGreaterThan(0)
      expect(way.deletedRows.kept).toBe(0)
    }
    expect(total(of('swallow-duplicates').databaseErrors)).toBeGreaterThan(0)
    expectFlawless(of('dedup-lenient'))
    expectFlawless(of('dedup-strict'))
    if (redisUrl !== undefined) expectFlawless(of('redis-lock'))
  }, 400_000)

  test('rows in no order, and removed meanwhile, are deadlocks where nothing sorts them', async () => {
    const like = url().startsWith('mysql') ? 'insert-ignore' : 'upsert'
    const of = await runCompare(env(), '--products', '300', '--ways', `${like},dedup-lenient`)
    expect(deadlocksIn(of(like).errors)).toBeGreaterThan(0)
    expect(of(like).server.deadlocks).toBeGreaterThan(0)
    expectFlawless(of('dedup-lenient'))
  }, 400_000)
}
