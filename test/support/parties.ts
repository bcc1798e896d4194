import { carryOut } from '../../src/cli/carry-out.ts'
import type { Session } from '../../src/cli/session.ts'
import { recordCopyRequest, type CopyRequest } from '../../src/copy/record-request.ts'
import { copyResults, type ItemResult } from '../../src/copy/copy-results.ts'
import { DEFAULT_NAME_TEMPLATE } from '../../src/copy/name-template.ts'
import type { Database } from '../../src/database.ts'
import { readConfig } from '../../src/platform/config.ts'
import { DATA_PATH } from '../../src/parties.ts'
import { createLocalProgress } from '../../src/platform/progress-channel.ts'
import type { TestDatabase } from './database.ts'
import { BRAND, USER } from './products.ts'
import { silent } from './silent.ts'

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

/** A session with the broker in memory. */
export const sessionOf = (fixture: TestDatabase, chunkSize = 50): Session => ({
  ...fixture,
  progress: createLocalProgress(silent),
  config: { ...readConfig({}), CHUNK_SIZE: chunkSize },
  logger: silent,
})

/** Runs all parties until the requests are done. */
export async function finish(fixture: TestDatabase, ids: string[], chunkSize = 50) {
  const session = sessionOf(fixture, chunkSize)
  const interrupted = AbortSignal.timeout(150_000)
  const statuses = await carryOut(session, ids, {
    parties: DATA_PATH,
    quiet: true,
    interrupted,
  })
  if (interrupted.aborted) throw new Error(`not done: ${JSON.stringify(statuses)}`)
  return statuses
}

export async function resultsOf(database: Database, id: string): Promise<ItemResult[]> {
  const results: ItemResult[] = []
  for await (const result of copyResults(database, id)) results.push(result)
  return results
}
