import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterAll } from '@jest/globals'
import type { Env } from '../../stack/part.ts'
import { ensureBrands } from '../../src/products/brands.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { openServerDatabase } from '../../src/platform/server-database.ts'
import { createSnowflake } from '../../src/platform/snowflake.ts'
import { startCli } from './cli.ts'
import type { TestDatabase } from './database.ts'
import { newDatabase, newPrefix } from './own-names.ts'
import { part, type Reach } from './parts.ts'
import { createPhones, ensureAcme } from './products.ts'

/** Real parts for processes of the product, with a database, topics and groups of their own. */
export interface OwnStack extends TestDatabase {
  /** For the processes. */
  env: Env
  /** Starts `serve` with some parties, and resolves when it serves; `onLine` gets every line of its log. */
  serve(only: string, env?: Env, onLine?: (line: string) => void): Promise<ChildProcess>
}

export interface OwnStackParts {
  /** (Default: a new one on the run's MySQL or MariaDB) */
  databaseUrl?: string
  rocketmq?: Reach['rocketmq']
  redisUrl?: string
}

/** The worker id of the test itself, which no process leases: theirs begin at a random one. */
const TEST_WORKER_ID = 1023

const opened: TestDatabase[] = []
afterAll(async () => {
  for (const { database } of opened.splice(0)) await database.close()
})

/** Take it after `newDatabase` and others: what is opened last is closed first. */
export async function newStack(parts: OwnStackParts = {}): Promise<OwnStack> {
  const { rocketmq = part('rocketmq')!, redisUrl = part('redis')! } = parts
  const url = parts.databaseUrl ?? (await newDatabase('mysql'))
  const env = {
    DATABASE_URL: url,
    REDIS_URL: redisUrl,
    ROCKETMQ_ENDPOINTS: rocketmq.endpoints,
    ROCKETMQ_PREFIX: await newPrefix(parts.rocketmq),
  }
  const database = await openServerDatabase(url, { poolSize: 4 })
  const opening = { database, newId: createSnowflake({ workerId: TEST_WORKER_ID }) }
  opened.push(opening)
  await migrate(database)
  return {
    ...opening,
    env,
    async serve(only, more, onLine) {
      const logged = { LOG_LEVEL: 'info', ...env, ...more }
      const child = startCli(['serve', '--only', only], 'unused', logged)
      if (onLine) createInterface({ input: child.stderr! }).on('line', onLine)
      await serving(child)
      return child
    },
  }
}

/** Resolves when a process says that it serves. @throws with its words when it ends instead */
async function serving(child: ChildProcess): Promise<void> {
  let words = ''
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`it ended with ${code}: ${words}`)
  })
  const ready = new Promise<void>((resolve) => {
    child.stderr!.on('data', (text: Buffer) => {
      words = (words + text.toString()).slice(-4000)
      if (words.includes('"serving"')) resolve()
    })
  })
  // Nobody reads what it prints, and a full pipe would stop it.
  child.stdout!.resume()
  await Promise.race([ready, ended])
  ended.catch(() => undefined)
}

/** The brand Acme with so many products, and brands to copy them into. */
export async function fillAcme(
  fixture: TestDatabase,
  products: number,
  targets: string[],
): Promise<void> {
  await ensureAcme(fixture.database, fixture.newId)
  await ensureBrands(fixture.database, fixture.newId, targets)
  await createPhones(fixture, products)
}
