import { randomBytes } from 'node:crypto'
import { ensureBrands } from '../src/products/brands.ts'
import type { Guard } from '../stack/guard.ts'
import { SOURCE, TARGETS } from './catalogue.ts'
import { openPlace } from './place.ts'
import { startWorker, usageOf, type Worker } from './processes.ts'
import type { SqlPart } from '../stack/sql.ts'
import type { Place, Run } from './way.ts'

export interface PeerOptions {
  database: SqlPart
  products: number
  /** Products of one job. */
  jobSize: number
  /** Worker processes. */
  workers: number
  guard: Guard
}

/**
 * Starts the workers of a queue, and lets the submitter do its part.
 * @param submit gets a name that no other run has. @returns the seconds until the last result
 */
export async function runWithWorkers(
  queue: string,
  { workers, jobSize, guard }: PeerOptions,
  place: Place,
  submit: (prefix: string) => Promise<number>,
): Promise<Run> {
  const prefix = `bench${randomBytes(4).toString('hex')}`
  const { database, newId, close } = await openPlace(place, 1)
  await ensureBrands(database, newId, [SOURCE, ...TARGETS])
  await close()
  const running: Worker[] = []
  try {
    for (let i = 1; i <= workers; i++) {
      const args = ['--import', 'tsx', 'bench/worker.ts', queue, prefix, String(jobSize)]
      running.push(await startWorker(args, { ...place.env, WORKER_ID: String(i) }, 'ready', guard))
    }
    const cpu = () =>
      [...running.map((worker) => worker.usage()), usageOf(process.pid)].map(
        (one) => one.cpuSeconds,
      )
    const sum = (values: number[]) => values.reduce((a, b) => a + b, 0)
    const before = sum(cpu())
    const seconds = await submit(prefix)
    const peaks = running.map((worker) => worker.usage().peakMiB)
    return { seconds, cpuSeconds: sum(cpu()) - before, peakMiB: Math.max(...peaks) }
  } finally {
    await Promise.all(running.map((worker) => worker.end()))
  }
}
