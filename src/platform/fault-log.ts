import { errorText } from '../errors.ts'
import type { Logger } from './logger.ts'

export interface FaultLog {
  failed: (error: unknown) => void
  /** To be called again and again: a fault is over when this has been so for `STEADY_MS`. */
  worked: () => void
}

/** Where failures and successes alternate, each of them would be logged otherwise. */
export const STEADY_MS = 3000

/**
 * Logs a fault that repeats when it begins, at its 2nd, 4th, 8th ... repetition, and when it ends, so
 * that a part which is away for a day does not fill the log.
 */
export function createFaultLog(logger: Logger, texts: { fails: string; over: string }): FaultLog {
  let failures = 0
  let since = 0
  let last = 0
  return {
    failed(error) {
      if (failures === 0) since = Date.now()
      failures++
      last = Date.now()
      if (!Number.isInteger(Math.log2(failures))) return
      logger.error({ failures, err: errorText(error) }, texts.fails)
    },
    worked() {
      if (failures === 0 || Date.now() - last < STEADY_MS) return
      const seconds = Math.round((Date.now() - since) / 100) / 10
      logger.info({ failures, seconds }, texts.over)
      failures = 0
    },
  }
}
