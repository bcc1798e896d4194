import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import type { Command } from 'commander'
import { badInput, quoted } from '../../errors.ts'
import { DATA_PATH, PARTIES, type Party } from '../../parties.ts'
import { readConfig, type Config } from '../../platform/config.ts'
import { createLogger, type Logger } from '../../platform/logger.ts'
import { withParties } from '../carry-out.ts'
import { EXIT, type ExitCode, type Run } from '../output.ts'
import { checkStart } from '../preflight.ts'
import { reportOpenRequests } from '../report-open-requests.ts'
import { withSession } from '../session.ts'
import { onSignal } from '../signals.ts'

/** What takes longer is left to others, to whom its messages come again. Orchestrators kill after more. */
const STOP_MS = 4500

interface Options {
  only?: string
  json?: boolean
}

export function addServe(program: Command, run: Run) {
  program
    .command('serve')
    .description('carry out the recorded requests and serve the HTTP API until SIGINT or SIGTERM')
    .option('--only <parties>', `some alone, separated by commas: ${PARTIES.join(', ')}`)
    .option('--json', 'print the progress of each request as JSON lines')
    .addHelpText('after', '\nExample:\n  product-copy serve\n  product-copy serve --only consumer')
    .action((options: Options) => run(() => serve(options)))
}

async function serve({ only, json }: Options): Promise<ExitCode> {
  keepHeapSmall()
  const config = readConfig()
  const parties = readParties(only, config)
  // Before anything is begun: what is not yet connected may take long to give up.
  const signal = onSignal()
  signal.addEventListener('abort', () => endInTime(createLogger(config.LOG_LEVEL)))
  try {
    await withSession({ create: true, quiet: json, config }, async (session) => {
      await checkStart(session, parties)
      await withParties(session, parties, async () => {
        session.logger.info({ parties, pid: process.pid }, 'serving')
        // Who completes requests reports them. A report that hangs must not hold up the stop.
        const reporting = parties.includes('result') && !signal.aborted
        const report = reporting
          ? reportOpenRequests(session, { json: json === true, signal })
          : aborted(signal)
        await Promise.race([report, aborted(signal)])
      })
      session.logger.info('stopped')
    })
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return EXIT.done
}

/** What V8 counts as a large heap, and the young generation, which the limit has in it. */
const LARGE_HEAP_BYTES = 2 ** 31 + 2 ** 26
const MUCH_MEMORY_BYTES = 160 * 2 ** 20
const LOOK_MS = 100

/**
 * V8 lets a large heap grow to four times what is in use before it collects its garbage, and others to twice as much
 * at the most (`MemoryController::MaxGrowingFactor`). So it is three times here: a consumer that was given a million
 * products had 302 to 313 MiB, and has 243 to 254. Not before there is much, for that costs 3% of the first seconds' speed.
 */
function keepHeapSmall(): void {
  if (getHeapStatistics().heap_size_limit < LARGE_HEAP_BYTES) return
  const looking = setInterval(() => {
    if (process.memoryUsage.rss() < MUCH_MEMORY_BYTES) return
    setFlagsFromString('--heap-growing-percent=200')
    clearInterval(looking)
  }, LOOK_MS)
  looking.unref()
}

/** @throws ProductCopyError `bad-input` */
function readParties(text: string | undefined, config: Config): readonly Party[] {
  if (text === undefined) return PARTIES
  const names = new Set(text.split(',').map((name) => name.trim()))
  for (const name of names) {
    if (!(PARTIES as readonly string[]).includes(name)) {
      throw badInput(`party ${quoted(name)} is not known; allowed are ${PARTIES.join(', ')}`)
    }
  }
  const parties = PARTIES.filter((party) => names.has(party))
  const left = DATA_PATH.filter((party) => !names.has(party)).length
  const some = left > 0 && left < DATA_PATH.length
  if (some && config.ROCKETMQ_ENDPOINTS === undefined) {
    throw badInput(
      '--only needs ROCKETMQ_ENDPOINTS: without it the broker is in this process alone',
    )
  }
  return parties
}

/** Nothing is lost: it is as if the process had been killed. */
function endInTime(logger: Logger): void {
  logger.info('stopping')
  setTimeout(() => {
    logger.warn(`what was in hand did not end within ${STOP_MS} ms, and comes again elsewhere`)
    process.exit(EXIT.done)
  }, STOP_MS).unref()
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
