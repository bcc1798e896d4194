import { pino } from 'pino'
import { watchRequests } from '../../src/cli/watch.ts'
import type { ChunkSettings } from '../../src/copy/chunks.ts'
import { recordCopyRequest, type CopyRequest } from '../../src/copy/record-request.ts'
import { copyResults, type ItemResult } from '../../src/copy/copy-results.ts'
import { DEFAULT_NAME_TEMPLATE } from '../../src/copy/name-template.ts'
import type { Database } from '../../src/database.ts'
import { startParties } from '../../src/parties.ts'
import type { TestDatabase } from './database.ts'
import { BRAND, USER } from './products.ts'

export const silent = pino({ level: 'silent' })
export const SETTINGS: ChunkSettings = { chunkSize: 50, shards: 8 }

/** Records a request that copies the brand Acme. @returns its id */
export async function request(
  { database, newId }: TestDatabase,
  targetBrands: string[],
  change: Partial<CopyRequest> = {},
): Promise<string> {
  const { id } = await recordCopyRequest(database, newId, {
    sourceBrand: BRAND,
    targetBrands,
    nameTemplate: DEFAULT_NAME_TEMPLATE,
    policy: 'return-existing',
    user: USER,
    ...change,
  })
  return id
}

/** Runs all parties until the requests are done. */
export async function carryOut({ database, newId }: TestDatabase, ids: string[]) {
  const parties = await startParties({ database, newId, settings: SETTINGS, logger: silent })
  try {
    const giveUp = AbortSignal.timeout(40_000)
    const statuses = await watchRequests(database, ids, () => undefined, giveUp)
    if (giveUp.aborted) throw new Error(`not done: ${JSON.stringify(statuses)}`)
    return statuses
  } finally {
    await parties.stop()
  }
}

export async function resultsOf(database: Database, id: string): Promise<ItemResult[]> {
  const results: ItemResult[] = []
  for await (const result of copyResults(database, id)) results.push(result)
  return results
}
