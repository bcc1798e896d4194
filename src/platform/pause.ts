import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits so many milliseconds, or until the signal.
 * @param ref whether the wait keeps the process running (default: true)
 * @returns whether the whole time has passed
 */
export const pause = (
  ms: number,
  signal: AbortSignal | undefined,
  { ref = true } = {},
): Promise<boolean> => sleep(ms, true, { ref, ...(signal && { signal }) }).catch(() => false)

/**
 * How long to wait after so many failures in a row: the first pause, doubled with each further one,
 * up to the longest. In milliseconds, without jitter.
 * @param failures 1 after the first
 */
export const backoff = (
  { first, longest }: { first: number; longest: number },
  failures: number,
): number => Math.min(longest, first * 2 ** (failures - 1))
