import { once } from 'node:events'
import { isForeseen, type ErrorCode } from '../errors.ts'

/** Exit codes: what a shell script can tell apart. */
export const EXIT = { done: 0, withLosses: 1, badInput: 2, couldNotRun: 3 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Runs a command's work, and turns what it returns or throws into the exit code. */
export type Run = (work: () => Promise<ExitCode>) => Promise<void>

const EXIT_OF: Record<ErrorCode, ExitCode> = {
  'bad-input': EXIT.badInput,
  'could-not-run': EXIT.couldNotRun,
  'unreadable-message': EXIT.couldNotRun,
  contended: EXIT.couldNotRun,
}

export const exitCodeOf = (error: unknown): ExitCode =>
  isForeseen(error) ? EXIT_OF[error.code] : EXIT.couldNotRun

/** 1 when items were rejected or failed. */
export const exitCodeFor = (counts: { rejected: number; failed: number }): ExitCode =>
  counts.rejected + counts.failed > 0 ? EXIT.withLosses : EXIT.done

/** Writes to stdout, and waits while its reader is slower than we are. */
export async function print(text: string): Promise<void> {
  if (!process.stdout.write(`${text}\n`)) await once(process.stdout, 'drain')
}

/** Prints for a program, or for a person. */
export const printEither = (
  json: boolean | undefined,
  value: unknown,
  text: string,
): Promise<void> => print(json ? JSON.stringify(value) : text)
