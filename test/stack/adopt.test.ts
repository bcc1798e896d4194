import { setTimeout as sleep } from 'node:timers/promises'
import type { ChildProcess } from 'node:child_process'
import { expect, test } from '@jest/globals'
import { audit, isClean } from '../../src/products/audit.ts'
import type { SqlPart } from '../../stack/sql.ts'
import { putProducts, type LegacyProduct } from '../support/adoption.ts'
import { finished, startCli, type Run } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { memoryOf } from '../support/memory.ts'
import { describeWith } from '../support/parts.ts'
import { create, item } from '../support/products.ts'
import { createServerDatabase } from '../support/server-database.ts'
import { soak } from '../support/soak.ts'
import { until } from '../support/until.ts'

/** CONTRIBUTING.md says how to run it with a million. */
const PRODUCTS = soak(1_000_000, 20_000)
/** What the writer creates, and how many of them are there already. */
const PER_SECOND = 100
const BATCH = 10
const EXISTING_OF_BATCH = 3
const ms = (time: number) => Math.round(time)

for (const name of ['mysql', 'postgres'] as const) describeWith(name, () => adoptUnderLoad(name))

function adoptUnderLoad(name: SqlPart) {
  test(`${PRODUCTS} products with 1% duplicates are adopted and merged while others are created`, async () => {
    const server = await createServerDatabase(name)
    try {
      const watching = await server.open({ poolSize: 2 })
      await fill(watching)
      const stop = startWriter(await server.open({ poolSize: 4 }))
      const cli = (...args: string[]) =>
        startCli([...args, '--json'], 'unused', { DATABASE_URL: server.url })

      const killed = cli('adopt')
      const end = finished(killed)
      const some = PRODUCTS / 4
      const patience = Math.max(60_000, PRODUCTS / 2)
      await until('some are adopted', async () => (await countKeys(watching)) > some, patience)
      killed.kill('SIGKILL')
      expect((await end).stdout).toBe('')
      const adopted = await measured(`${name}: adopt`, cli('adopt'))
      expect(adopted.code).toBe(1)
      expect(summary(adopted)).toMatchObject({ unadoptable: 0, settled: true })

      const dryRun = await measured(`${name}: merge, dry run`, cli('merge', '--keep', 'oldest'))
      expect(dryRun.code).toBe(1)
      const merged = await measured(`${name}: merge`, cli('merge', '--keep', 'oldest', '--apply'))
      expect(merged).toMatchObject({ code: 0, stderr: '' })
      const written = await stop()
      const { duplicates } = summary(adopted)
      expect(duplicates).toBe(PRODUCTS / 100 + written.beside)
      expect(summary(dryRun)).toMatchObject({ products: duplicates, applied: false })
      expect(summary(merged)).toMatchObject({ products: duplicates, applied: true })

      const started = performance.now()
      const audited = await audit(watching.database)
      say(`${name}: audit ${ms(performance.now() - started)} ms`)
      expect(isClean(audited)).toBe(true)
      expect(audited.liveProducts).toBe(PRODUCTS * 0.99 + written.fresh)
      say(
        `${name}: the writer created ${written.fresh + written.beside} products, found ${written.existing}; ` +
          `a batch took ${ms(written.slowest)} ms at most, ${ms(written.mean)} on average`,
      )
    } finally {
      await server.close()
    }
  }, 3_600_000)
}

const say = (text: string) => process.stderr.write(`${text}\n`)

const originalName = (index: number) => `Phone ${index}`

/** Every 100th is another spelling of an earlier one. */
async function fill({ database, newId }: TestDatabase): Promise<void> {
  for (let start = 0; start < PRODUCTS; start += 10_000) {
    const products = Array.from({ length: 10_000 }, (_, i): LegacyProduct => {
      const index = start + i
      const text = originalName(index % 100 === 99 ? Math.floor(index / 200) * 100 : index)
      const given = index % 100 === 99 ? ` ${text.toUpperCase()}` : text
      return { id: newId(), name: given, model: `M-${given.trim()}` }
    })
    await putProducts(database, newId, products)
  }
}

async function countKeys({ database }: TestDatabase): Promise<number> {
  const [row] = await database.knex('product_unique').count<{ n: string }[]>({ n: '*' })
  return Number(row!.n)
}

interface Written {
  /** Products that nobody had. */
  fresh: number
  /** Created beside a product that was not adopted yet: duplicates. */
  beside: number
  existing: number
  /** Milliseconds of a batch. */
  slowest: number
  mean: number
}

/** Creates products as consumers do, so many a second. @returns a function that ends it */
function startWriter(pool: TestDatabase): () => Promise<Written> {
  const written: Written = { fresh: 0, beside: 0, existing: 0, slowest: 0, mean: 0 }
  let running = true
  const work = async () => {
    const started = performance.now()
    let batches = 0
    let total = 0
    while (running) {
      await sleep(Math.max(0, started + (batches * BATCH * 1000) / PER_SECOND - performance.now()))
      const begun = performance.now()
      await writeBatch(pool, batches, written)
      const took = performance.now() - begun
      written.slowest = Math.max(written.slowest, took)
      total += took
      batches++
    }
    return { ...written, mean: total / batches }
  }
  const done = work()
  // Awaited when it is ended; till then it must not end the run.
  done.catch(() => undefined)
  return () => {
    running = false
    return done
  }
}

async function writeBatch({ database, newId }: TestDatabase, no: number, written: Written) {
  const items = Array.from({ length: BATCH }, (_, i) => {
    if (i >= EXISTING_OF_BATCH) return item(`New ${no} ${i}`)
    const index = Math.floor(((no * EXISTING_OF_BATCH + i) * 7919) % (PRODUCTS * 0.99))
    return item(originalName(index - (index % 100 === 99 ? 1 : 0)).toUpperCase())
  })
  const outcomes = await create(database, newId, items)
  for (const [i, { outcome }] of outcomes.entries()) {
    if (outcome === 'existing') written.existing++
    else if (outcome !== 'created') throw new Error(JSON.stringify(outcomes))
    else if (i >= EXISTING_OF_BATCH) written.fresh++
    else written.beside++
  }
}

/** Runs a process to its end, and says how long it took and how much memory it had. */
async function measured(what: string, child: ChildProcess): Promise<Run> {
  const started = performance.now()
  const run = finished(child)
  let memory = 0
  let running = true
  void run.finally(() => (running = false))
  while (running) {
    memory = Math.max(memory, await memoryOf(child).catch(() => 0))
    await sleep(100)
  }
  say(`${what}: ${ms(performance.now() - started)} ms, ${memory} MiB at most`)
  const ended = await run
  say(`${what}: ${ended.stdout.trim().split('\n').at(-1)}`)
  return ended
}

function summary({ stdout }: Run): { duplicates: number; products: number } {
  const last = stdout.trim().split('\n').at(-1)!
  return (JSON.parse(last) as { summary: { duplicates: number; products: number } }).summary
}
