import { setTimeout as sleep } from 'node:timers/promises'
import { loadPeer } from './load-peer.ts'
import { bulksOf, type Job } from './job.ts'
import { openPlace } from './place.ts'
import { peerWorker, runWithWorkers, type PeerOptions } from './peer.ts'
import type { Pass, Place, Way } from './way.ts'

interface GraphileWorker {
  run(options: {
    connectionString: string
    concurrency: number
    pollInterval: number
    noHandleSignals: boolean
    logger: unknown
    taskList: Record<string, (job: Job) => Promise<unknown>>
  }): Promise<{ stop(): Promise<void> }>
  runMigrations(options: { connectionString: string; logger: unknown }): Promise<void>
  Logger: new (factory: () => () => void) => unknown
}

const TASK = 'copy'
const POLL_MS = 20

const load = () => {
  const worker = loadPeer<GraphileWorker>('graphile-worker')
  return { ...worker, logger: new worker.Logger(() => () => undefined) }
}

/** graphile-worker: jobs and products in one PostgreSQL database; a completed job is gone. */
export const graphileWorker = (options: PeerOptions): Way => ({
  name: `graphile-worker, ${options.jobSize} a job`,
  kind: 'graphile-worker',
  database: 'postgres',
  products: options.products,
  async run(place) {
    const connectionString = place.env['DATABASE_URL']!
    const worker = load()
    await worker.runMigrations({ connectionString, logger: worker.logger })
    return runWithWorkers(peerWorker('graphile-worker', options.jobSize), options, place, () =>
      submitter(place, options.jobSize),
    )
  },
})

async function submitter(place: Place, jobSize: number): Promise<Pass> {
  const { database, close } = await openPlace(place)
  const { knex } = database
  const add = (jobs: Job[]) =>
    knex.raw(
      `select 1 from graphile_worker.add_jobs(array(
         select json_populate_recordset(null::graphile_worker.job_spec, ?::text::json)))`,
      [JSON.stringify(jobs.map((payload) => ({ identifier: TASK, payload })))],
    )
  const open = async () => knex('graphile_worker.jobs').limit(1).select('id')
  return {
    async pass(range) {
      for (const jobs of bulksOf(range, jobSize)) await add(jobs)
      while ((await open()).length > 0) await sleep(POLL_MS)
    },
    close,
  }
}

export async function workForGraphileWorker(
  connectionString: string,
  handle: (job: Job) => Promise<number>,
): Promise<() => Promise<void>> {
  const worker = load()
  const runner = await worker.run({
    connectionString,
    concurrency: 4,
    pollInterval: 100,
    noHandleSignals: true,
    logger: worker.logger,
    taskList: { [TASK]: handle },
  })
  return () => runner.stop()
}
