import type { Item } from '../messages.ts'
import { keyText, productKey } from '../products/product-key.ts'
import { countError, watchErrors, type ErrorCounts } from './errors.ts'
import { askedFor, READDED, type Load, type Operation } from './load.ts'
import type { Answer, Site, Way, Writer } from './way.ts'

/** Products in a second: what was asked for, and what there is afterwards that was not there before. */
export interface Speed {
  asked: number
  created: number
  seconds: number
  askedPerSecond: number
  createdPerSecond: number
}

/** What became of the creations after one more deletion, of all products. */
export interface Readd {
  /** A new row, and no other one is live. */
  created: number
  /** An old row is live again. */
  revived: number
  /** None of both: it is not there, or its deletion was refused. */
  not: number
}

/** The live product's id, another one, an answer without an id, or an error. */
export interface Answers {
  right: number
  wrong: number
  none: number
  error: number
}

export interface Measured {
  single: Speed
  bulk: Speed
  /** Live products beyond one for each key, in all that was done. */
  duplicates: number
  /** Products that were asked for, and never deleted, and are not there. */
  missing: number
  /** After the first, the second, ... deletion. */
  readds: Readd[]
  /** Rows of deleted products that are still there, of those that should be. */
  deletedRows: { kept: number; of: number }
  /** What callers were told of each product, one by one and in bulk. */
  answers: Answers
  /** What callers got to see instead of an answer, by name. */
  errors: ErrorCounts
  /** Every error with which the database answered, by name. */
  databaseErrors: ErrorCounts
}

export interface MeasureOptions {
  clients: number
  signal: AbortSignal
  /** Called after each request. */
  onRequest: () => void
}

/** How many requests `measure` makes. */
export const requestsOf = (load: Load): number =>
  [load.warmUp, load.readds, load.single, load.bulk, load.mixed].reduce((n, l) => n + l.length, 0)

/** Runs one way under the load. @throws the reason of the signal when that is aborted */
export async function measure(
  way: Way,
  site: Site,
  load: Load,
  options: MeasureOptions,
): Promise<Measured> {
  const writer = await way.open(site)
  const watch = watchErrors(site.database)
  const run: Run = { ...options, site, writer, told: [], errors: {} }
  try {
    await runAll(run, load.warmUp)
    run.told = []
    const readds = await runReadds(run, load.readds)
    const deletedRows = await countDeleted(run, load.readds)
    const single = await runTimed(run, load.single)
    const bulk = await runTimed(run, load.bulk)
    const live = await liveProducts(run)
    const told = run.told.splice(0)
    await runAll(run, load.mixed)
    const end = await liveProducts(run)
    return {
      single,
      bulk,
      duplicates: [...end.values()].reduce((sum, ids) => sum + ids.length - 1, 0),
      missing: keysOf([...load.single, ...load.bulk]).filter((key) => !live.has(key)).length,
      readds,
      deletedRows,
      answers: judge(told, live, single.asked + bulk.asked),
      errors: run.errors,
      databaseErrors: watch.counts,
    }
  } finally {
    watch.stop()
    await writer.close?.()
  }
}

interface Run extends MeasureOptions {
  site: Site
  writer: Writer
  /** What callers were told since it was emptied. */
  told: { key: string; answer: Answer }[]
  errors: ErrorCounts
}

/** All clients take the next operation from the list until there is none. */
async function runAll(run: Run, operations: Operation[]): Promise<void> {
  const queue = operations.values()
  await runClients(run, async () => {
    for (const operation of queue) {
      await attempt(run, async () => {
        if ('remove' in operation) return run.writer.remove(operation.remove)
        const answers = await run.writer.create(operation.create)
        for (const [at, answer] of answers.entries()) {
          run.told.push({ key: keyOf(operation.create[at]!), answer })
        }
      })
      run.onRequest()
    }
  })
  await settle(run)
}

async function runTimed(run: Run, operations: Operation[]): Promise<Speed> {
  const started = performance.now()
  await runAll(run, operations)
  const seconds = (performance.now() - started) / 1000
  const live = await liveProducts(run)
  const asked = askedFor(operations)
  const created = keysOf(operations).filter((key) => live.has(key)).length
  return {
    asked,
    created,
    seconds: Number(seconds.toFixed(3)),
    askedPerSecond: Math.round(asked / seconds),
    createdPerSecond: Math.round(created / seconds),
  }
}

/** Each product goes through its lives one after the other; the clients have one of them each. */
async function runReadds(run: Run, items: Item[]): Promise<Readd[]> {
  const readds = Array.from({ length: READDED.times }, () => ({ created: 0, revived: 0, not: 0 }))
  const queue = items.values()
  await runClients(run, async () => {
    for (const item of queue) {
      const seen = new Set<string>()
      await createAndLook(run, item, seen)
      for (const readd of readds) {
        await attempt(run, () => run.writer.remove(item))
        await settle(run)
        const deleted = (await liveIdsOf(run, item)).length === 0
        const became = await createAndLook(run, item, seen)
        readd[deleted ? became : 'not']++
      }
      run.onRequest()
    }
  })
  return readds
}

async function createAndLook(run: Run, item: Item, seen: Set<string>): Promise<keyof Readd> {
  await attempt(run, () => run.writer.create([item]))
  await settle(run)
  const [id, ...others] = await liveIdsOf(run, item)
  if (id === undefined || others.length > 0) return 'not'
  if (seen.has(id)) return 'revived'
  seen.add(id)
  return 'created'
}

const runClients = async ({ clients }: Run, client: () => Promise<void>): Promise<void> => {
  // Each is waited for, whatever comes of another: the database is removed next.
  const ended = await Promise.allSettled(Array.from({ length: clients }, client))
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}

/** What a caller gets to see is counted, and is no reason to stop. */
async function attempt({ errors, signal }: Run, work: () => Promise<unknown>): Promise<void> {
  signal.throwIfAborted()
  try {
    await work()
  } catch (error) {
    countError(errors, error)
  }
}

async function settle({ writer, errors }: Run): Promise<void> {
  for (const error of (await writer.settled?.()) ?? []) countError(errors, error)
}

interface ProductRow {
  id: string
  name: string
  model: string
}

/**
 * The ids of the live products, by key. The keys are made anew from the texts, so that no way is judged
 * by what it thinks of them.
 */
async function liveProducts({ site, writer }: Run): Promise<Map<string, string[]>> {
  const rows = await site.database
    .knex(writer.table)
    .where('delete_status', 0)
    .select<ProductRow[]>('id', 'name', 'model')
  const live = new Map<string, string[]>()
  for (const { id, name, model } of rows) {
    const key = keyText(productKey(name, model))
    live.set(key, [...(live.get(key) ?? []), id])
  }
  return live
}

const liveIdsOf = ({ site, writer }: Run, { name, model }: Item): Promise<string[]> =>
  site.database.knex(writer.table).where({ name, model, delete_status: 0 }).pluck<string[]>('id')

async function countDeleted({ site, writer }: Run, items: Item[]) {
  const rows = await site.database
    .knex(writer.table)
    .where('delete_status', 1)
    .whereIn(
      'name',
      items.map(({ name }) => String(name)),
    )
    .count<{ kept: string }[]>({ kept: '*' })
  return { kept: Number(rows[0]!.kept), of: items.length * READDED.times }
}

function judge(told: Run['told'], live: Map<string, string[]>, asked: number): Answers {
  const counts = { right: 0, wrong: 0, none: 0, error: asked - told.length }
  for (const { key, answer } of told) {
    if (answer.outcome === 'none') counts.none++
    else if (live.get(key)?.includes(answer.id)) counts.right++
    else counts.wrong++
  }
  return counts
}

const keyOf = ({ name, model }: Item): string => keyText(productKey(String(name), String(model)))

const keysOf = (operations: Operation[]): string[] => [
  ...new Set(operations.flatMap((one) => ('create' in one ? one.create.map(keyOf) : []))),
]
