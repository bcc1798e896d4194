import { setTimeout as sleep } from 'node:timers/promises'
import type { Knex } from 'knex'
import type { Database, Dialect, Transaction } from '../database.ts'

/** How often a transaction is run at the most, when it keeps meeting deadlocks and lock time-outs. */
const MAX_ATTEMPTS = 10
const BACKOFF_MS = { first: 5, longest: 500 }

/**
 * The one place where transactions are retried: the whole of them, a bounded number of times, with
 * jitter. knex rolls back whatever throws, a lock time-out too, after which MySQL would go on.
 */
export function transactions(
  knex: Knex,
  dialect: Pick<Dialect, 'isRetryable'>,
): Pick<Database, 'inTransaction' | 'inSnapshot'> {
  return {
    async inTransaction(work) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await runOnce(knex, work, 'read committed')
        } catch (error) {
          if (attempt === MAX_ATTEMPTS || !dialect.isRetryable(error)) throw error
          await sleep(backoff(attempt))
        }
      }
    },
    // Not `readOnly`: knex leaves out the comma that MySQL wants there.
    inSnapshot: (work) => runOnce(knex, work, 'repeatable read'),
  }
}

/** @throws what `work` threw, even when the ROLLBACK fails, as it does on a lost connection */
async function runOnce<T>(
  knex: Knex,
  work: (trx: Transaction) => Promise<T>,
  isolationLevel: Knex.IsolationLevels,
): Promise<T> {
  let failure: { error: unknown } | undefined
  const remembering = (trx: Transaction) =>
    work(trx).catch((error: unknown) => {
      failure = { error }
      throw error
    })
  try {
    return await knex.transaction(remembering, { isolationLevel })
  } catch (error) {
    throw failure ? failure.error : error
  }
}

const backoff = (attempt: number): number =>
  Math.random() * Math.min(BACKOFF_MS.longest, BACKOFF_MS.first * 2 ** attempt)

/**
 * knex puts the whole statement before the database's own words. Errors reach logs, dead letters and
 * callers, who need the words. Takes `compileSqlOnError: false`, or the rows' values come before too.
 */
export function keepDatabaseWords(knex: Knex): void {
  knex.on('query-error', (error: Error, query: { sql: string }) => {
    const statement = `${query.sql} - `
    if (error.message.startsWith(statement)) error.message = error.message.slice(statement.length)
  })
}
