import { setTimeout as sleep } from 'node:timers/promises'
import type { Guard } from '../stack/guard.ts'
import type { Env } from '../stack/part.ts'
import type { Database } from '../src/database.ts'
import { SOURCE, WARM_UP } from './catalogue.ts'
import { fillSource, request, untilDone } from './copy.ts'
import { openPlace, withDatabase } from './place.ts'
import { startWorker, type Worker } from './processes.ts'

const TRIES = 50
const SMALL_ITEMS = 20
const WARM_UP_ITEMS = 20_000
/** Between two tries: so that all of them fall into the time of the big request. */
const EVERY_MS = 50

/** Milliseconds from a small request's record to its completion, by the database's clock. */
export interface Waits {
  median: number
  p95: number
  max: number
}

export interface Fairness {
  bigItems: number
  smallItems: number
  tries: number
  alone: Waits
  /** Those of the tries that were recorded and done while the big request was not done yet. */
  beside: Waits & { tries: number }
}

/** How long a small request takes alone, and while a big one is being copied, on MariaDB or MySQL. */
export async function measureFairness(bigItems: number, env: Env, guard: Guard): Promise<Fairness> {
  const all = bigItems + WARM_UP_ITEMS + 2 * TRIES * SMALL_ITEMS
  return withDatabase('mysql', env, (own) => run(bigItems, own, guard), all)
}

async function run(bigItems: number, env: Env, guard: Guard): Promise<Fairness> {
  const { database, newId, close } = await openPlace({ env })
  const workers: Worker[] = []
  try {
    let first = 0
    const fill = async (brand: string, products: number) => {
      await fillSource(database, newId, brand, { first, products })
      first += products
    }
    await fill(SOURCE, bigItems)
    await fill(WARM_UP, WARM_UP_ITEMS)
    for (let i = 0; i < 2 * TRIES; i++) await fill(`Small ${i}`, SMALL_ITEMS)
    for (const only of ['job,relay,result', 'consumer', 'consumer']) {
      const args = ['dist/src/cli/main.js', 'serve', '--only', only]
      workers.push(await startWorker(args, env, '"serving"', guard))
    }
    const copy = (brand: string) => request(database, newId, brand)
    await untilDone(database, await copy(WARM_UP), WARM_UP_ITEMS)

    const alone: string[] = []
    for (let i = 0; i < TRIES; i++) {
      alone.push(await copy(`Small ${i}`))
      await untilDone(database, alone.at(-1)!, SMALL_ITEMS)
    }
    const big = await copy(SOURCE)
    const beside: string[] = []
    for (let i = TRIES; i < 2 * TRIES; i++) {
      await sleep(EVERY_MS)
      beside.push(await copy(`Small ${i}`))
    }
    for (const id of beside) await untilDone(database, id, SMALL_ITEMS)
    await untilDone(database, big, bigItems)
    const waits = await waitsOf(database, beside, big)
    return {
      bigItems,
      smallItems: SMALL_ITEMS,
      tries: TRIES,
      alone: summary(await waitsOf(database, alone)),
      beside: { ...summary(waits), tries: waits.length },
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.end()))
    await close()
  }
}

/** @param besides only those that were recorded before this one was done */
async function waitsOf({ knex }: Database, ids: string[], besides?: string): Promise<number[]> {
  const waits = await knex('copy_request')
    .whereIn('id', ids)
    .modify((query) => {
      const end = knex('copy_request').where('id', besides!).select('completed_at')
      if (besides !== undefined) void query.where('create_date', '<', end)
    })
    .select<{ ms: string }[]>(
      knex.raw('timestampdiff(microsecond, create_date, completed_at) / 1000 as ms'),
    )
  return waits.map(({ ms }) => Number(ms)).sort((a, b) => a - b)
}

function summary(waits: number[]): Waits {
  const at = (part: number) => Math.round(waits[Math.ceil(waits.length * part) - 1]!)
  return { median: at(0.5), p95: at(0.95), max: at(1) }
}

/** The waits for a person. */
export function describeFairness({ bigItems, smallItems, alone, beside }: Fairness): string {
  const line = (name: string, { median, p95, max }: Waits) =>
    `${name.padEnd(34)} ${[median, p95, max].map((ms) => String(ms).padStart(8)).join('')}`
  return [
    `A request of ${smallItems} products, milliseconds      median     95%     max`,
    line('alone', alone),
    line(`while ${bigItems} are being copied (${beside.tries})`, beside),
    '',
  ].join('\n')
}
