import type { Command } from 'commander'
import { drawChart } from '../../compare/chart.ts'
import { compare, type CompareOptions, type Comparison } from '../../compare/compare.ts'
import { describeComparison } from '../../compare/describe.ts'
import { openEmbeddedPlace, openServerPlace } from '../../compare/place.ts'
import { WAYS } from '../../compare/ways/all.ts'
import type { Way } from '../../compare/way.ts'
import { badInput, ProductCopyError, quoted } from '../../errors.ts'
import { readConfig, type Config } from '../../platform/config.ts'
import { createLogger } from '../../platform/logger.ts'
import { connectRedis, type RedisConnection } from '../../platform/redis.ts'
import { checkChartFile, writeChartFile } from '../chart-file.ts'
import { EXIT, printEither, type ExitCode, type Run } from '../output.ts'
import { createProgress } from '../progress.ts'
import { untilSignal } from '../signals.ts'
import { within } from '../within.ts'

const NAMES = WAYS.map(({ name }) => name)

interface Options {
  products: string
  clients: string
  rounds: string
  seed: string
  ways?: string
  chart?: string
  json?: boolean
}

export function addCompare(program: Command, run: Run) {
  program
    .command('compare')
    .description(
      'run every way to prevent duplicates under the same load, and show what comes of it',
    )
    .option(
      '--products <n>',
      '100 to 100000, asked for one by one; ten times as many in bulk',
      '500',
    )
    .option('--clients <n>', '1 to 64 callers at the same time, each with a connection', '14')
    .option('--rounds <n>', 'how often all of it is done; speeds are medians', '3')
    .option('--seed <n>', 'the same seed makes the same requests', '1')
    .option('--ways <names>', `some of ${NAMES.join(',')} (default: all)`)
    .option('--chart <file>', 'also write a picture (SVG)')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
It works in databases of its own on the server of DATABASE_URL, named product_copy_compare_..., and
removes them; without DATABASE_URL in an embedded one. redis-lock needs REDIS_URL.

Example:
  product-copy compare --ways check-then-insert,dedup-lenient`,
    )
    .action((options: Options) => run(() => runComparison(options)))
}

async function runComparison({ chart, json, ...options }: Options): Promise<ExitCode> {
  const settings = {
    products: within('--products', options.products, { least: 100, most: 100_000 }),
    clients: within('--clients', options.clients, { least: 1, most: 64 }),
    rounds: within('--rounds', options.rounds, { least: 1, most: 100 }),
    seed: within('--seed', options.seed, { least: 0, most: 2 ** 31 - 1 }),
    ways: options.ways === undefined ? WAYS : readWays(options.ways),
  }
  if (chart !== undefined) await checkChartFile(chart)
  const progress = createProgress('compare', { quiet: json === true })
  const comparison = await untilSignal((signal) =>
    onPlace(readConfig(), settings.clients, (parts) =>
      compare({ ...settings, ...parts, signal, onProgress: progress.update }),
    ),
  ).finally(progress.end)
  await printEither(json, comparison, describeComparison(comparison))
  if (chart !== undefined) await writeChartFile(chart, drawChart(comparison))
  return EXIT.done
}

async function onPlace(
  config: Config,
  clients: number,
  work: (parts: Pick<CompareOptions, 'place' | 'redis'>) => Promise<Comparison>,
): Promise<Comparison> {
  const redis = await openRedis(config)
  try {
    const place =
      config.DATABASE_URL === undefined
        ? await openEmbeddedPlace()
        : await openServerPlace(config.DATABASE_URL, clients)
    try {
      return await work(redis ? { place, redis } : { place })
    } finally {
      await place.close()
    }
  } finally {
    await redis?.close()
  }
}

async function openRedis({ REDIS_URL, LOG_LEVEL }: Config): Promise<RedisConnection | undefined> {
  if (REDIS_URL === undefined) return undefined
  const redis = connectRedis(REDIS_URL, createLogger(LOG_LEVEL))
  await redis.firstAttempt
  const fault = redis.fault()
  if (fault === undefined) return redis
  await redis.close()
  throw new ProductCopyError('could-not-run', `REDIS_URL: Redis does not answer: ${fault}`)
}

/** @returns the ways that are named, in the order in which they are always shown */
function readWays(text: string): Way[] {
  const names = text.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !NAMES.includes(name))
  if (unknown === undefined) return WAYS.filter(({ name }) => names.includes(name))
  throw badInput(`--ways has ${quoted(unknown)}; allowed are ${NAMES.join(', ')}`)
}
