import { pino } from 'pino'
import { carryOut } from '../../src/cli/carry-out.ts'
import { recordCopyRequest, type CopyRequest } from '../../src/copy/record-request.ts'
import { copyResults, type ItemResult } from '../../src/copy/copy-results.ts'
import { DEFAULT_NAME_TEMPLATE } from '../../src/copy/name-template.ts'
import type { Database } from '../../src/database.ts'
import { readConfig } from '../../src/platform/config.ts'
import type { TestDatabase } from './database.ts'
import { BRAND, USER } from './products.ts'

export const silent = pino({ level: 'silent' })

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
export async function finish(fixture: TestDatabase, ids: string[], chunkSize = 50) {
  const session = {
    ...fixture,
    config: { ...readConfig({}), CHUNK_SIZE: chunkSize },
    logger: silent,
  }
  const interrupted = AbortSignal.timeout(40_000)
  const statuses = await carryOut(session, ids, { quiet: true, interrupted })
  if (interrupted.aborted) throw new Error(`not done: ${JSON.stringify(statuses)}`)
  return statuses
}

export async function resultsOf(database: Database, id: string): Promise<ItemResult[]> {
  const results: ItemResult[] = []
  for await (const result of copyResults(database, id)) results.push(result)
  return results
}
