import type { NewId } from '../database.ts'

/** 2026-01-01T00:00:00Z. 41 bits of milliseconds last for 69 years from here. */
const EPOCH_MS = 1_767_225_600_000
const WORKER_BITS = 10n
const SEQUENCE_BITS = 12n
const MAX_SEQUENCE = (1 << Number(SEQUENCE_BITS)) - 1

/** Worker ids are 0 to one less than this. */
export const WORKER_IDS = 1 << Number(WORKER_BITS)

export interface SnowflakeOptions {
  /**
   * 0 to 1023; no two processes may have the same one at the same time. A function is asked for each
   * id, for a worker id that may change.
   */
  workerId: number | (() => number)
  /** Every new id is greater than this one: the greatest that was ever given out, where it is known. */
  after?: string
  /** Milliseconds since 1970. (Default: the system's clock) */
  now?: () => number
}

/**
 * Makes 64-bit ids that grow: milliseconds, worker, sequence. A clock that is set back does not turn
 * them back, and when a millisecond's sequence is used up the next one is borrowed.
 */
export function createSnowflake({ workerId, after, now = Date.now }: SnowflakeOptions): NewId {
  const workerNow = typeof workerId === 'number' ? () => workerId : workerId
  let worker = checked(workerNow())
  let last = after === undefined ? 0 : millisecondsOf(after)
  // An id of the same millisecond may have been given out by another worker: begin with the next one.
  let sequence = MAX_SEQUENCE
  return () => {
    const time = now() - EPOCH_MS
    if (workerNow() !== worker) {
      worker = checked(workerNow())
      // A smaller worker id makes smaller ids within the same millisecond.
      sequence = MAX_SEQUENCE
    }
    if (time > last) {
      last = time
      sequence = 0
    } else if (sequence === MAX_SEQUENCE) {
      last++
      sequence = 0
    } else {
      sequence++
    }
    return id(last, worker, sequence)
  }
}

function checked(workerId: number): number {
  if (!Number.isInteger(workerId) || workerId < 0 || workerId >= WORKER_IDS) {
    throw new RangeError(`worker id ${workerId} is not an integer from 0 to ${WORKER_IDS - 1}`)
  }
  return workerId
}

const id = (time: number, workerId: number, sequence: number): string =>
  (
    (BigInt(time) << (WORKER_BITS + SEQUENCE_BITS)) |
    (BigInt(workerId) << SEQUENCE_BITS) |
    BigInt(sequence)
  ).toString()

const millisecondsOf = (snowflake: string): number =>
  Number(BigInt(snowflake) >> (WORKER_BITS + SEQUENCE_BITS))
