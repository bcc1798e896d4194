import { Redis } from 'ioredis'
import { loadPeer } from './load-peer.ts'
import { bulksOf, type Job } from './job.ts'
import { peerWorker, runWithWorkers, type PeerOptions } from './peer.ts'
import type { Pass, Way } from './way.ts'

interface Connection {
  connection: { url: string }
  prefix: string
}
interface BullMq {
  Queue: new (
    name: string,
    options: Connection & { defaultJobOptions: object },
  ) => {
    addBulk(jobs: { name: string; data: Job }[]): Promise<unknown>
    close(): Promise<void>
  }
  QueueEvents: new (
    name: string,
    options: Connection,
  ) => {
    waitUntilReady(): Promise<unknown>
    on(event: 'completed', listen: (job: { returnvalue: unknown }) => void): void
    on(event: 'failed', listen: (job: { failedReason: string }) => void): void
    close(): Promise<void>
  }
  Worker: new (
    name: string,
    work: (job: { data: Job }) => Promise<number>,
    options: Connection & { concurrency: number },
  ) => { waitUntilReady(): Promise<unknown>; close(): Promise<void> }
}

const QUEUE = 'copy'
const CONCURRENCY = 4

const connect = (redis: string, prefix: string): Connection => ({
  connection: { url: redis },
  prefix,
})

/** BullMQ: jobs in Redis, products in MySQL or MariaDB; results come back as its events. */
export const bullmq = (options: PeerOptions): Way => ({
  name: `BullMQ, ${options.jobSize} a job, ${options.database}`,
  kind: 'bullmq',
  database: options.database,
  products: options.products,
  run: (place) =>
    runWithWorkers(peerWorker('bullmq', options.jobSize), options, place, (prefix) =>
      submitter(place.env['REDIS_URL']!, prefix, options.jobSize),
    ),
})

async function submitter(redis: string, prefix: string, jobSize: number): Promise<Pass> {
  const { Queue, QueueEvents } = loadPeer<BullMq>('bullmq')
  const defaultJobOptions = { removeOnComplete: true }
  const queue = new Queue(QUEUE, { ...connect(redis, prefix), defaultJobOptions })
  const events = new QueueEvents(QUEUE, connect(redis, prefix))
  let created = 0
  let expected = 0
  let tell = () => undefined as void
  let fail: (reason: Error) => void = () => undefined
  events.on('failed', ({ failedReason }) => fail(new Error(failedReason)))
  events.on('completed', ({ returnvalue }) => {
    created += Number(returnvalue)
    if (created === expected) tell()
  })
  await events.waitUntilReady()
  return {
    async pass(range) {
      created = 0
      expected = range.products
      const done = new Promise<void>((resolve, reject) => {
        tell = resolve
        fail = reject
      })
      for (const jobs of bulksOf(range, jobSize)) {
        await queue.addBulk(jobs.map((data) => ({ name: 'copy', data })))
      }
      await done
    },
    async close() {
      await events.close()
      await queue.close()
      await removeKeys(redis, prefix)
    },
  }
}

export async function workForBullMq(
  redis: string,
  prefix: string,
  handle: (job: Job) => Promise<number>,
): Promise<() => Promise<void>> {
  const { Worker } = loadPeer<BullMq>('bullmq')
  const worker = new Worker(QUEUE, ({ data }) => handle(data), {
    ...connect(redis, prefix),
    concurrency: CONCURRENCY,
  })
  await worker.waitUntilReady()
  return () => worker.close()
}

async function removeKeys(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url)
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
    if ((keys as string[]).length > 0) await redis.del(keys as string[])
  }
  redis.disconnect()
}
