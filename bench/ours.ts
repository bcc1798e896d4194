import { ensureBrands } from '../src/products/brands.ts'
import { createProducts } from '../src/products/create-products.ts'
import { recordCopyRequest } from '../src/copy/record-request.ts'
import { copyRequestStatus } from '../src/copy/request-status.ts'
import { DEFAULT_NAME_TEMPLATE } from '../src/copy/name-template.ts'
import type { Database, NewId } from '../src/database.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { SOURCE, sourceProduct, TARGETS, USER } from './catalogue.ts'
import { openPlace } from './place.ts'
import { startWorker, type Worker } from './processes.ts'
import type { Guard } from '../stack/guard.ts'
import type { SqlPart } from '../stack/sql.ts'
import type { Place, Run, Way } from './way.ts'

const POLL_MS = 20

export interface OursOptions {
  database: SqlPart
  products: number
  consumers: number
  /** (Default: the product's own) */
  chunkSize?: number
  guard: Guard
}

/** The whole path: copy request recorded, job, ordered messages, transaction, result topic, request completed. */
export function ours(options: OursOptions): Way {
  const { database, products, consumers, chunkSize } = options
  const size = chunkSize === undefined ? 'default chunks' : `chunks of ${chunkSize}`
  const many = consumers === 1 ? '1 consumer' : `${consumers} consumers`
  return {
    name: `product-copy, ${database}, ${many}, ${size}`,
    database,
    products,
    run: (place) => {
      const settings = chunkSize === undefined ? {} : { CHUNK_SIZE: String(chunkSize) }
      return run(options, { ...place, env: { ...place.env, ...settings } })
    },
  }
}

async function run({ consumers, guard }: OursOptions, place: Place): Promise<Run> {
  const { database, newId, close } = await openPlace(place)
  const workers: Worker[] = []
  try {
    await fillSource(database, newId, Math.ceil(place.products / TARGETS.length))
    const start = (only: string) =>
      startWorker(['dist/src/cli/main.js', 'serve', '--only', only], place.env, '"serving"', guard)
    workers.push(await start('job,relay,result'))
    for (let i = 0; i < consumers; i++) workers.push(await start('consumer'))
    const before = workers.map((worker) => worker.usage())
    const started = performance.now()
    const id = await request(database, newId)
    await untilDone(database, id, place.products)
    const seconds = (performance.now() - started) / 1000
    const after = workers.map((worker) => worker.usage())
    return {
      seconds,
      cpuSeconds: after.reduce(
        (sum, { cpuSeconds }, i) => sum + cpuSeconds - before[i]!.cpuSeconds,
        0,
      ),
      peakMiB: Math.max(...after.map(({ peakMiB }) => peakMiB)),
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.end()))
    await close()
  }
}

async function fillSource(database: Database, newId: NewId, products: number): Promise<void> {
  const brands = await ensureBrands(database, newId, [SOURCE, ...TARGETS])
  for (let start = 0; start < products; start += 1000) {
    const length = Math.min(1000, products - start)
    const items = Array.from({ length }, (_, i) => ({ brand: SOURCE, ...sourceProduct(start + i) }))
    await createProducts(
      database,
      { items, policy: 'fail', user: USER },
      { newId, brands: () => Promise.resolve(brands) },
    )
  }
}

async function request(database: Database, newId: NewId): Promise<string> {
  const { id } = await recordCopyRequest(database, newId, {
    sourceBrand: SOURCE,
    targetBrands: TARGETS,
    nameTemplate: DEFAULT_NAME_TEMPLATE,
    policy: 'return-existing',
    user: USER,
  })
  return id
}

/** @throws unless every item was created */
async function untilDone(database: Database, id: string, items: number): Promise<void> {
  const done = () =>
    database.knex('copy_request').where({ id }).whereNotNull('completed_at').first<object>('id')
  while (!(await done())) await sleep(POLL_MS)
  const status = await copyRequestStatus(database, id)
  if (status.created !== items) throw new Error(`not all were created: ${JSON.stringify(status)}`)
}
