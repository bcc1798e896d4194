import path from 'node:path'
import type { Guard } from '../stack/guard.ts'
import type { Env } from '../stack/part.ts'
import type { SqlPart } from '../stack/sql.ts'
import { copying, fillSources } from './copy.ts'
import { openPlace } from './place.ts'
import { countCpu, startWorker, type Worker } from './processes.ts'
import { timed, type Place, type Run, type Way } from './way.ts'

const PROFILED = ['--import', 'tsx', '--import', './bench/stages.ts']

export interface OursOptions {
  database: SqlPart
  products: number
  consumers: number
  /** (Default: the product's own) */
  chunkSize?: number
  /** A folder into which each process writes where its time goes: see stages.ts. */
  profile?: string
  guard: Guard
}

/** The whole path: copy request recorded, job, ordered messages, transaction, result topic, request completed. */
export function ours(options: OursOptions): Way {
  const { database, products, consumers, chunkSize } = options
  const parts = [
    `product-copy, ${database}`,
    consumers === 1 ? '1 consumer' : `${consumers} consumers`,
    chunkSize === undefined ? 'default chunks' : `chunks of ${chunkSize}`,
  ]
  return {
    name: parts.join(', '),
    kind: chunkSize === 1 ? 'plain' : 'ours',
    database,
    products,
    run: (place) => {
      const settings: Env = chunkSize === undefined ? {} : { CHUNK_SIZE: String(chunkSize) }
      return run(options, { ...place, env: { ...place.env, ...settings } })
    },
  }
}

async function run({ consumers, guard, profile }: OursOptions, place: Place): Promise<Run> {
  const { database, newId, close } = await openPlace(place)
  const workers = new Map<string, Worker>()
  try {
    await fillSources(database, newId, place)
    const start = async (only: string, name = only) => {
      const args = ['dist/src/cli/main.js', 'serve', '--only', only]
      const own = profile === undefined ? args : [...PROFILED, ...args]
      const env = profile === undefined ? {} : { PROFILE_FILE: path.join(profile, name) }
      workers.set(name, await startWorker(own, { ...place.env, ...env }, '"serving"', guard))
    }
    await start('job,relay,result')
    for (let i = 1; i <= consumers; i++) await start('consumer', `consumer ${i}`)
    const pids = [...workers.values()].map(({ child }) => child.pid!)
    let spent: ReturnType<typeof countCpu> | undefined
    const begin = () => {
      if (profile !== undefined) for (const { child } of workers.values()) child.kill('SIGUSR2')
      spent = countCpu(pids)
    }
    const seconds = await timed(place, copying(database, newId), begin)
    const peaks = [...workers].map(([name, worker]) => [name, worker.usage().peakMiB])
    return { seconds, ...spent!(), peakMiB: Object.fromEntries(peaks) as Run['peakMiB'] }
  } finally {
    await Promise.all([...workers.values()].map((worker) => worker.end()))
    await close()
  }
}
