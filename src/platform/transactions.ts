import { setTimeout as sleep } from 'node:timers/promises'
import type { Knex } from 'knex'
import type { Database, Dialect, Transaction } from '../database.ts'

/** How often a transaction is run at the most, when it keeps meeting deadlocks and lock time-outs. */
const MAX_ATTEMPTS = 10
/** After so long it is not run again: who waits for a lock that somebody keeps is told so. */
const RETRY_MS = 20_000
const BACKOFF_MS = { first: 5, longest: 500 }

/**
 * The one place where transactions are retried: the whole of them, bounded in number and in time, with
 * jitter. knex rolls back whatever throws, a lock time-out too, after which MySQL would go on. A single
 * statement the database undoes by itself.
 *
 * @param retryMs milliseconds from the first attempt's beginning in which another one may begin
 */
export function transactions(
  knex: Knex,
  dialect: Pick<Dialect, 'isRetryable'>,
  retryMs = RETRY_MS,
): Pick<Database, 'inTransaction' | 'inStatement' | 'inSnapshot'> {
  async function retried<T>(run: () => PromiseLike<T>): Promise<T> {
    const started = performance.now()
    for (let attempt = 1; ; attempt++) {
      try {
        return await run()
      } catch (error) {
        const pause = backoff(attempt)
        const late = performance.now() - started + pause > retryMs
        if (attempt === MAX_ATTEMPTS || late || !dialect.isRetryable(error)) throw error
        await sleep(pause)
      }
    }
  }
  return {
    // Every session is READ COMMITTED from its start; to say so again is one more round trip.
    inTransaction: (work) => retried(() => runOnce(knex, work, {})),
    inStatement: (statement) => retried(() => statement(knex)),
    // Not `readOnly`: knex leaves out the comma that MySQL wants there.
    inSnapshot: (work) => runOnce(knex, work, { isolationLevel: 'repeatable read' }),
  }
}

/** @throws what `work` threw, even when the ROLLBACK fails, as it does on a lost connection */
async function runOnce<T>(
  knex: Knex,
  work: (trx: Transaction) => Promise<T>,
  config: Knex.TransactionConfig,
): Promise<T> {
  let failure: { error: unknown } | undefined
  const remembering = (trx: Transaction) =>
    work(trx).catch((error: unknown) => {
      failure = { error }
      throw error
    })
  try {
    return await knex.transaction(remembering, config)
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
