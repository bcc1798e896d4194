import { randomBytes } from 'node:crypto'
import { ensureBrands } from '../src/products/brands.ts'
import type { Guard } from '../stack/guard.ts'
import { SOURCE, TARGETS } from './catalogue.ts'
import { openPlace } from './place.ts'
import { countCpu, startWorker, type Worker } from './processes.ts'
import type { SqlPart } from '../stack/sql.ts'
import { timed, type Pass, type Place, type Run } from './way.ts'

export interface PeerOptions {
  database: SqlPart
  products: number
  /** Products of one job. */
  jobSize: number
  /** Worker processes. */
  workers: number
  guard: Guard
}

/** What starts a worker process, and the text that it writes when it works. */
export interface WorkerProgram {
  args: string[]
  ready: string
}

export const peerWorker =
  (queue: string, jobSize: number) =>
  (prefix: string): WorkerProgram => ({
    args: ['--import', 'tsx', 'bench/worker.ts', queue, prefix, String(jobSize)],
    ready: 'ready',
  })

/**
 * Starts workers, and lets the submitter do its part.
 * @param program both are given a name that no other run has
 */
export async function runWithWorkers(
  program: (prefix: string) => WorkerProgram,
  { workers, guard }: Pick<PeerOptions, 'workers' | 'guard'>,
  place: Place,
  open: (prefix: string) => Promise<Pass>,
): Promise<Run> {
  const prefix = `bench${randomBytes(4).toString('hex')}`
  const { database, newId, close } = await openPlace(place, 1)
  await ensureBrands(database, newId, [SOURCE, ...TARGETS])
  await close()
  const running: Worker[] = []
  try {
    for (let i = 1; i <= workers; i++) {
      const { args, ready } = program(prefix)
      running.push(await startWorker(args, { ...place.env, WORKER_ID: String(i) }, ready, guard))
    }
    const submitter = await open(prefix)
    try {
      let spent: ReturnType<typeof countCpu> | undefined
      const pids = [process.pid, ...running.map(({ child }) => child.pid!)]
      const seconds = await timed(
        place,
        (range) => submitter.pass(range),
        () => (spent = countCpu(pids)),
      )
      const peaks = running.map((worker, i) => [`worker ${i + 1}`, worker.usage().peakMiB])
      return {
        seconds,
        ...spent!(),
        peakMiB: Object.fromEntries(peaks) as Run['peakMiB'],
      }
    } finally {
      await submitter.close()
    }
  } finally {
    await Promise.all(running.map((worker) => worker.end()))
  }
}
