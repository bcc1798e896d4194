import { setTimeout as sleep } from 'node:timers/promises'
import { loadPeer } from './load-peer.ts'
import { bulksOf, type Job } from './job.ts'
import { openPlace } from './place.ts'
import { peerWorker, runWithWorkers, type PeerOptions } from './peer.ts'
import type { Pass, Place, Way } from './way.ts'

interface Boss {
  start(): Promise<unknown>
  stop(options: { graceful: boolean }): Promise<void>
  createQueue(name: string): Promise<void>
  insert(jobs: { name: string; data: Job }[]): Promise<void>
  work(
    name: string,
    options: { batchSize: number; pollingIntervalSeconds: number },
    work: (jobs: { data: Job }[]) => Promise<unknown>,
  ): Promise<string>
  notifyWorker(id: string): void
  on(event: 'error', listen: (error: Error) => void): void
}

const QUEUE = 'copy'
/** Its least. */
const POLL_S = 0.5
const LOOPS = 4
const POLL_MS = 20

const open = (url: string): Boss => {
  const boss = new (loadPeer<new (url: string) => Boss>('pg-boss'))(url)
  boss.on('error', (error) => process.stderr.write(`pg-boss: ${error.message}\n`))
  return boss
}

/** pg-boss: jobs and products in one PostgreSQL database; the submitter looks until all are completed. */
export const pgBoss = (options: PeerOptions): Way => ({
  name: `pg-boss, ${options.jobSize} a job`,
  kind: 'pg-boss',
  database: 'postgres',
  products: options.products,
  async run(place) {
    const url = place.env['DATABASE_URL']!
    const boss = open(url)
    await boss.start()
    await boss.createQueue(QUEUE)
    try {
      return await runWithWorkers(peerWorker('pg-boss', options.jobSize), options, place, () =>
        submitter(place, boss, options.jobSize),
      )
    } finally {
      await boss.stop({ graceful: false })
    }
  },
})

async function submitter(place: Place, boss: Boss, jobSize: number): Promise<Pass> {
  const { database, close } = await openPlace(place)
  let sent = 0
  const completed = async () => {
    const [row] = await database
      .knex('pgboss.job')
      .where({ name: QUEUE, state: 'completed' })
      .count<{ n: string }[]>({ n: '*' })
    return Number(row!.n)
  }
  return {
    async pass(range) {
      for (const jobs of bulksOf(range, jobSize)) {
        await boss.insert(jobs.map((data) => ({ name: QUEUE, data })))
        sent += jobs.length
      }
      while ((await completed()) < sent) await sleep(POLL_MS)
    },
    close,
  }
}

export async function workForPgBoss(
  url: string,
  batchSize: number,
  handle: (job: Job) => Promise<number>,
): Promise<() => Promise<void>> {
  const boss = open(url)
  await boss.start()
  for (let i = 0; i < LOOPS; i++) {
    const id = await boss.work(
      QUEUE,
      { batchSize, pollingIntervalSeconds: POLL_S },
      async (jobs) => {
        for (const { data } of jobs) await handle(data)
        // Or it waits for the rest of the interval: 16,000 products a second with jobs of 500, not 43,000 to 50,000.
        boss.notifyWorker(id)
      },
    )
  }
  return () => boss.stop({ graceful: false })
}
