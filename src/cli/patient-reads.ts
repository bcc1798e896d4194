import { isForeseen } from '../errors.ts'
import { createFaultLog } from '../platform/fault-log.ts'
import type { Logger } from '../platform/logger.ts'

/**
 * Reads progress for somebody who goes on looking: when there is nothing to show, that is no reason
 * to end.
 * @returns a function that gives undefined instead of what cannot be read
 */
export function patientReads(logger: Logger) {
  const fault = createFaultLog(logger, {
    fails: 'progress cannot be read, trying again',
    over: 'progress can be read again',
  })
  return async <T>(read: () => Promise<T>): Promise<T | undefined> => {
    try {
      const value = await read()
      fault.worked()
      return value
    } catch (error) {
      if (isForeseen(error)) throw error
      fault.failed(error)
      return undefined
    }
  }
}
