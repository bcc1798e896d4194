import { setImmediate as nextTurn } from 'node:timers/promises'
import { backoff, pause } from './pause.ts'
import type { DatabaseWatch } from './database-watch.ts'
import { createFaultLog } from './fault-log.ts'
import type { Logger } from './logger.ts'

export interface Loop {
  /** Ends after the step in hand. */
  stop(): Promise<void>
}

export interface LoopOptions {
  logger: Logger
  /** No step is begun while the database is away. */
  watch: DatabaseWatch
  /** Milliseconds before the next step when there was nothing to do. */
  idleMs: number
}

const BACKOFF_MS = { first: 100, longest: 5000 }

/**
 * Runs a step again and again until it is stopped: at once while there is work, after `idleMs` when
 * the step says that there was none. A step that fails is tried again after a growing pause.
 */
export function startLoop(
  name: string,
  { logger, watch, idleMs }: LoopOptions,
  step: () => Promise<'worked' | 'idle'>,
): Loop {
  const stopping = new AbortController()
  const fault = createFaultLog(logger.child({ loop: name }), {
    fails: 'step failed, trying again',
    over: 'steps succeed again',
  })

  async function run(): Promise<void> {
    let failures = 0
    while (!stopping.signal.aborted) {
      try {
        await watch.ready(stopping.signal)
        const did = await step()
        if (did === 'idle') {
          await pause(idleMs, stopping.signal)
          continue
        }
        // Only a step that had work to do shows that the fault is over.
        failures = 0
        fault.worked()
        watch.worked()
        // Even a loop that always has work lets timers and signals have their turn.
        await nextTurn()
      } catch (error) {
        if (stopping.signal.aborted) return
        if (await watch.isAway(error)) continue
        fault.failed(error)
        await pause(backoff(BACKOFF_MS, ++failures), stopping.signal)
      }
    }
  }

  const running = run()
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}
