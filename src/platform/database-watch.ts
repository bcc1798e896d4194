import type { Database } from '../database.ts'
import { backoff, pause } from './pause.ts'
import { createFaultLog } from './fault-log.ts'
import type { Logger } from './logger.ts'

const PROBE_MS = { first: 200, longest: 2000 }
/** How long nothing is tried on a database that answers and cannot do its work. */
const UNFIT_MS = { first: 500, longest: 10_000 }
const POLL_MS = 250

/** Whether the database can be worked with. All parties of a process share one watch, and one log of the fault. */
export interface DatabaseWatch {
  /** Resolves at once while the database is there, and otherwise when it is to be tried again. */
  ready: (stopping: AbortSignal) => Promise<void>
  /**
   * Whether an error came because the database is away, for everybody and still at this moment: then
   * `ready` waits from now on. One that answers again by now leaves the error to its owner.
   */
  isAway: (error: unknown) => Promise<boolean>
  /** Whether it is known by now that the database does not answer: asking it would only take time. */
  isGone: () => boolean
  /** To be told of work that succeeded: a fault is over then. */
  worked: () => void
}

export function watchDatabase(database: Database, logger: Logger): DatabaseWatch {
  const { dialect } = database
  const fault = createFaultLog(logger, {
    fails: 'the database is away: nothing is taken on until it works',
    over: 'the database works again',
  })
  let away = false
  let gone = false
  let probing: Promise<unknown> | undefined
  /** Faults in a row of a database that answers. */
  let unfit = 0

  /** @returns the error, when it does not answer. Its time-outs are the pool's. */
  const probe = (): Promise<unknown> =>
    database.knex.raw('select 1').then(
      () => undefined,
      (error: unknown) => error,
    )

  async function waitUntilBack(firstError: unknown): Promise<void> {
    let error: unknown = firstError
    gone = true
    for (let failures = 1; error !== undefined; failures++) {
      fault.failed(error)
      await pause(backoff(PROBE_MS, failures), undefined, { ref: false })
      error = await probe()
    }
    gone = false
    away = false
  }

  /** Read-only, full, not migrated: only the work itself can show that this is over. */
  async function waitWhileUnfit(error: unknown): Promise<void> {
    fault.failed(error)
    await pause(backoff(UNFIT_MS, ++unfit), undefined, { ref: false })
    away = false
  }

  return {
    async ready(stopping) {
      while (away) {
        if (stopping.aborted) throw new Error('stopped while the database is away')
        await pause(POLL_MS, stopping, { ref: false })
      }
    },
    async isAway(error) {
      if (!dialect.isAway(error)) return false
      if (away) return true
      if (dialect.isUnfit(error)) {
        away = true
        void waitWhileUnfit(error)
        return true
      }
      // Many are hit by one fault at once; one question serves them all.
      probing ??= probe().finally(() => (probing = undefined))
      const failure = await probing
      if (failure === undefined) return false
      if (away) return true
      away = true
      void waitUntilBack(failure)
      return true
    },
    isGone: () => gone,
    worked() {
      unfit = 0
      fault.worked()
    },
  }
}
