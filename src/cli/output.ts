import { once } from 'node:events'
import { isForeseen, type ErrorCode } from '../errors.ts'

/** Exit codes: what a shell script can tell apart. */
export const EXIT = { done: 0, withLosses: 1, badInput: 2, couldNotRun: 3 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Runs a command's work, and turns what it returns or throws into the exit code. */
export type Run = (work: () => Promise<ExitCode>) => Promise<void>

const EXIT_OF: Record<ErrorCode, ExitCode> = {
  'bad-input': EXIT.badInput,
  'invalid-product': EXIT.badInput,
  'unknown-brand': EXIT.badInput,
  'not-found': EXIT.badInput,
  'key-reused': EXIT.badInput,
  'could-not-run': EXIT.couldNotRun,
  'unreadable-message': EXIT.couldNotRun,
  contended: EXIT.couldNotRun,
}

export const exitCodeOf = (error: unknown): ExitCode =>
  isForeseen(error) ? EXIT_OF[error.code] : EXIT.couldNotRun

/** 1 when items were rejected or failed. */
export const exitCodeFor = (counts: { rejected: number; failed: number }): ExitCode =>
  counts.rejected + counts.failed > 0 ? EXIT.withLosses : EXIT.done

let readerGone = false

/** A reader that has seen enough, such as `head`, is no fault: the work goes on, unprinted. */
export const stopPrinting = (): void => {
  readerGone = true
}

/**
 * Writes to stdout, and waits while its reader is slower than we are.
 * @returns false when nobody reads any more
 */
export async function print(text: string): Promise<boolean> {
  if (!readerGone && !process.stdout.write(`${text}\n`)) {
    // A write that fails is reported by the stream's own listener.
    await once(process.stdout, 'drain').catch(() => undefined)
  }
  return !readerGone
}

/** Prints for a program, or for a person. */
export const printEither = (json: boolean | undefined, value: unknown, text: string) =>
  print(json ? JSON.stringify(value) : text)
