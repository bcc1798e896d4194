import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import { PGlite } from '@electric-sql/pglite'
import knexFactory from 'knex'
import type { Knex } from 'knex'
import type { Database } from '../database.ts'
import { badInput, errorText, ProductCopyError } from '../errors.ts'
import { lockFolder } from './folder-lock.ts'
import { migrate } from './migrate.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { keepDatabaseWords, transactions } from './transactions.ts'

const require = createRequire(import.meta.url)
const PGliteClient = require('knex-pglite') as typeof Knex.Client

const DATABASE_FOLDER = 'pglite'
const BIGINT_OID = 20
const JSONB_OID = 3802
const CREATE_TIMEOUT_MS = 60_000

/**
 * 16 MB of buffers instead of 128 take 110 MB less of the process, and cost nothing measurable. The
 * smaller log is replayed faster after a crash: 2 s a gigabyte.
 */
const START_PARAMS = ['-c', 'shared_buffers=16MB', '-c', 'max_wal_size=128MB']

/** Whether a folder holds an embedded database. */
export const holdsDatabase = (folder: string): boolean =>
  existsSync(path.join(folder, DATABASE_FOLDER, 'PG_VERSION'))

/**
 * Opens the database in a folder, for this process alone, with its tables up to date.
 *
 * It survives the death of the process, but not a power failure: PGlite does not call fsync.
 *
 * @param create whether to create the folder and the database when there is none
 * @param onCreate called before it is created, which takes about 3 s
 * @throws ProductCopyError `could-not-run` when the folder is in use or cannot be used, `bad-input`
 *   when there is no database and none is to be created; the folder is untouched then
 */
export async function openEmbeddedDatabase(
  folder: string,
  { create, onCreate }: { create: boolean; onCreate?: () => void },
): Promise<Database> {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === false) {
    throw unusable(folder, new Error('it is a file'))
  }
  if (!create && !holdsDatabase(folder)) {
    throw badInput(
      `there is no database in data folder ${JSON.stringify(folder)} (DATA_DIR) yet: "product-copy import FILE" makes one`,
    )
  }
  const lock = await takeFolder(folder)
  let database: Database | undefined
  try {
    const location = path.join(folder, DATABASE_FOLDER)
    await removeUnfinished(folder)
    if (!holdsDatabase(folder)) {
      onCreate?.()
      await createDatabase(location)
    }
    database = await connect(location, lock.release)
    await migrate(database)
    return database
  } catch (cause) {
    await (database ? database.close() : lock.release())
    if (cause instanceof ProductCopyError) throw cause
    throw unusable(folder, cause)
  }
}

async function takeFolder(folder: string) {
  try {
    await mkdir(folder, { recursive: true })
    return await lockFolder(folder)
  } catch (cause) {
    if (cause instanceof ProductCopyError) throw cause
    throw unusable(folder, cause)
  }
}

/**
 * Creates the database aside and moves it into place, so that a process that is killed meanwhile
 * leaves no half of one.
 *
 * It happens in a process of its own: creating takes 800 MB, which would stay with this process,
 * where an existing database is opened with 200.
 */
async function createDatabase(location: string): Promise<void> {
  const aside = `${location}.${randomBytes(4).toString('hex')}.new`
  const script = `const { PGlite } = require(${JSON.stringify(require.resolve('@electric-sql/pglite'))})
    PGlite.create(${JSON.stringify(path.resolve(aside))})
      .then((database) => database.close())
      .catch((error) => {
        process.stderr.write(String(error.message))
        process.exitCode = 1
      })`
  const options = { timeout: CREATE_TIMEOUT_MS, env: {} }
  await promisify(execFile)(process.execPath, ['-e', script], options).catch((cause: unknown) => {
    const { stderr, killed } = cause as { stderr: string; killed: boolean }
    const why = killed ? `it took longer than ${CREATE_TIMEOUT_MS} ms` : stderr || errorText(cause)
    throw new Error(`the database could not be created: ${why}`, { cause })
  })
  await rename(aside, location)
}

async function removeUnfinished(folder: string): Promise<void> {
  const unfinished = (await readdir(folder)).filter((name) => /^pglite\..*\.new$/.test(name))
  for (const name of unfinished) await rm(path.join(folder, name), { recursive: true })
}

async function connect(location: string, release: () => Promise<void>): Promise<Database> {
  const pglite = await PGlite.create(location, {
    startParams: [...PGlite.defaultStartParams, ...START_PARAMS],
    // Ids are 64-bit: a number would round them. JSON is parsed by who reads it, on each database.
    parsers: { [BIGINT_OID]: (text: string) => text, [JSONB_OID]: (text: string) => text },
  })
  const knex = knexFactory({
    client: PGliteClient,
    connection: { pglite } as unknown as Knex.StaticConnectionConfig,
    // One connection serves everybody in turn. Who waits for a minute waits for a bug.
    acquireConnectionTimeout: 60_000,
    compileSqlOnError: false,
  })
  keepDatabaseWords(knex)
  const dialect = postgresDialect(knex)
  return {
    knex,
    dialect,
    ...transactions(knex, dialect),
    async close() {
      await knex.destroy()
      if (!pglite.closed) await pglite.close()
      await release()
    },
  }
}

const unusable = (folder: string, cause: unknown) =>
  new ProductCopyError(
    'could-not-run',
    `data folder ${JSON.stringify(folder)} (DATA_DIR) cannot be used: ${errorText(cause)}`,
    { cause },
  )
