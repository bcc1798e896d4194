import { badInput } from '../src/errors.ts'
import { audit } from '../src/products/audit.ts'
import { ensureBrands } from '../src/products/brands.ts'
import { recordCopyRequest } from '../src/copy/record-request.ts'
import { importCatalogue } from '../src/products/import-catalogue.ts'
import { DEFAULT_NAME_TEMPLATE } from '../src/copy/name-template.ts'
import { createProgress } from '../src/cli/progress.ts'
import { withSession, type Session } from '../src/cli/session.ts'
import { carryOut, sumCounts } from '../src/cli/carry-out.ts'
import { DATA_PATH } from '../src/parties.ts'
import type { Config } from '../src/platform/config.ts'
import { devices } from './devices.ts'

export interface DemoOptions {
  quiet: boolean
  interrupted: AbortSignal
}

export const SOURCE_BRAND = 'Samsung'
export const TARGET_BRANDS = ['Aurora', 'Borealis', 'Cirrus', 'Dune', 'Ember']
/** The mall's bug: each request is recorded twice. */
export const RECORDINGS = 2
const USER = { id: 'demo', name: 'demo' }

export interface DemoResult {
  catalog: { total: number; created: number; existing: number; rejected: number }
  copy: {
    requests: number
    items: number
    created: number
    existing: number
    rejected: number
    failed: number
  }
  audit: {
    liveProducts: number
    duplicateKeys: number
    productsWithoutKey: number
    keysWithoutProduct: number
  }
  /** From the start of the process to the end of the audit. */
  seconds: number
  /** Items that were answered in a second while copying. */
  productsPerSecond: number
}

/** @returns undefined when it was interrupted */
export function runDemo(config: Config, options: DemoOptions): Promise<DemoResult | undefined> {
  return withSession({ create: true, quiet: options.quiet, config }, async (session) => {
    const products = await session.database.knex('product').limit(1).pluck<string[]>('id')
    if (products.length > 0)
      throw badInput('DATABASE_URL holds products: the demo needs an empty database')
    const catalog = await importDevices(session, options)
    const started = performance.now()
    const copy = await copyBrands(session, options)
    const copySeconds = (performance.now() - started) / 1000
    if (options.interrupted.aborted) return undefined
    const audited = await audit(session.database)
    const { liveProducts, duplicateKeys, productsWithoutKey, keysWithoutProduct } = audited
    return {
      catalog,
      copy,
      audit: { liveProducts, duplicateKeys, productsWithoutKey, keysWithoutProduct },
      seconds: Math.round(process.uptime() * 10) / 10,
      productsPerSecond: Math.round(copy.items / copySeconds),
    }
  })
}

async function importDevices({ database, newId }: Session, options: DemoOptions) {
  const progress = createProgress('import', options)
  const items = function* () {
    for (const device of devices) if (!options.interrupted.aborted) yield device
  }
  const { total, created, existing, rejected } = await importCatalogue(database, items(), {
    newId,
    user: USER,
    onProgress: (result) => progress.update(result.total, devices.length),
    onRejected: () => undefined,
  }).finally(progress.end)
  return { total, created, existing, rejected }
}

async function copyBrands(session: Session, options: DemoOptions) {
  const { database, newId } = session
  await ensureBrands(database, newId, TARGET_BRANDS)
  const ids: string[] = []
  for (const brand of TARGET_BRANDS) {
    for (let recording = 0; recording < RECORDINGS; recording++) {
      const { id } = await recordCopyRequest(database, newId, {
        sourceBrand: SOURCE_BRAND,
        targetBrands: [brand],
        nameTemplate: DEFAULT_NAME_TEMPLATE,
        policy: 'return-existing',
        user: USER,
      })
      ids.push(id)
    }
  }
  const statuses = await carryOut(session, ids, { ...options, parties: DATA_PATH })
  const { items, created, existing, rejected, failed } = sumCounts(statuses)
  return { requests: ids.length, items, created, existing, rejected, failed }
}
