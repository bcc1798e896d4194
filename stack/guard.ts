import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { ProductCopyError } from '../src/errors.ts'
import { signalProcess, type ProcessId } from './processes.ts'

/** What is undone, latest first. */
export type Undo =
  { end: ProcessId; signal: NodeJS.Signals } | { run: string[] } | { remove: string }

/**
 * Undoes what this process has begun, when it ends before it is done, in whatever way. A process of
 * its own waits for the end of a pipe, which the system closes even after SIGKILL.
 */
export interface Guard {
  /** @throws when everything is being undone already: nothing may be begun any more */
  add(undo: Undo): void
  /** Undoes everything now; resolves when that is done. */
  undo(): Promise<void>
  /** Undoes nothing. */
  release(): void
}

const GUARD = fileURLToPath(new URL('./guard-process.ts', import.meta.url))

export function startGuard(): Guard {
  // Detached: a Ctrl-C in the terminal goes to all processes of the group.
  const child = spawn(process.execPath, ['--import', 'tsx', GUARD], {
    cwd: path.dirname(path.dirname(GUARD)),
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // Without a guard all goes well unless we are killed.
  child.on('error', () => undefined)
  child.stdin.on('error', () => undefined)
  child.unref()
  const ended = once(child, 'exit').catch(() => undefined)
  let over = false

  return {
    add(undo) {
      if (over) {
        if ('end' in undo) signalProcess(undo.end, 'SIGKILL')
        throw new ProductCopyError('could-not-run', 'interrupted')
      }
      child.stdin.write(`${JSON.stringify(undo)}\n`)
    },
    async undo() {
      over = true
      child.ref()
      child.stdin.end()
      await ended
    },
    release() {
      child.stdin.end('"release"\n')
    },
  }
}
