import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { errorText } from '../errors.ts'
import type { Logger } from './logger.ts'

export interface Loop {
  /** Ends after the step in hand. */
  stop(): Promise<void>
}

const BACKOFF_MS = { first: 100, longest: 10_000 }

/**
 * Runs a step again and again until it is stopped: at once while there is work, after `idleMs` when
 * the step says that there was none. A step that fails is tried again after a growing pause; the
 * fault is logged when it begins, at its 2nd, 4th, 8th ... repetition, and when it ends.
 */
export function startLoop(
  name: string,
  logger: Logger,
  idleMs: number,
  step: () => Promise<'worked' | 'idle'>,
): Loop {
  const stopping = new AbortController()
  const pause = (ms: number) =>
    sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined)

  async function run(): Promise<void> {
    let failures = 0
    while (!stopping.signal.aborted) {
      try {
        const did = await step()
        if (failures > 0) logger.info({ loop: name, failures }, 'the fault is over')
        failures = 0
        // Even a loop that always has work lets timers and signals have their turn.
        if (did === 'idle') await pause(idleMs)
        else await nextTurn()
      } catch (error) {
        if (stopping.signal.aborted) return
        failures++
        if (Number.isInteger(Math.log2(failures))) {
          logger.error({ loop: name, failures, err: errorText(error) }, 'step failed, trying again')
        }
        await pause(Math.min(BACKOFF_MS.longest, BACKOFF_MS.first * 2 ** (failures - 1)))
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
