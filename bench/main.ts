import { checkChartFile, writeChartFile } from '../src/cli/chart-file.ts'
import { EXIT, exitCodeOf } from '../src/cli/output.ts'
import { badInput, errorText, quoted } from '../src/errors.ts'
import { createTopics, deleteTopics, down, status, up } from '../stack/commands.ts'
import { startGuard, type Guard } from '../stack/guard.ts'
import type { Env } from '../stack/part.ts'
import { defaultFolder } from '../stack/state.ts'
import { HELP, readArguments } from './arguments.ts'
import { describeFairness, measureFairness } from './fairness.ts'
import { drawGrowth } from './growth-chart.ts'
import { describeGrowth } from './growth-table.ts'
import { measureGrowth } from './growth.ts'
import { measure } from './measure.ts'
import { describeProfile, takeProfile } from './profile.ts'
import { ratiosOf } from './ratios.ts'
import { describe } from './table.ts'
import { allWays } from './ways.ts'

type Arguments = ReturnType<typeof readArguments>

async function main(): Promise<number> {
  const given = readArguments()
  if (given.help) {
    process.stdout.write(HELP)
    return EXIT.done
  }
  if (given.chart !== undefined) await checkChartFile(given.chart)
  const run = given.mode === undefined ? runWays : RUNS[given.mode]
  process.stdout.write(await onStack((env, guard) => run(given, env, guard)))
  return EXIT.done
}

async function runWays({ json, only, products, rounds }: Arguments, env: Env, guard: Guard) {
  const wanted = only.split(';').map((text) => text.trim())
  const ways = allWays(products, guard).filter(({ name }) =>
    wanted.some((text) => name.includes(text)),
  )
  if (ways.length === 0) throw badInput(`--only ${quoted(only)}: no way has this in its name`)
  const rows = await measure(ways, { rounds, env })
  const found = ratiosOf(rows)
  const ratios = Object.fromEntries(found.map(({ name, ratio }) => [name, ratio]))
  return json ? line({ products, rounds, rows, ratios }) : describe(rows, found)
}

async function runProfile({ json, products }: Arguments, env: Env, guard: Guard) {
  const profile = await takeProfile(products, env, guard)
  return json ? line(profile) : describeProfile(profile)
}

async function runGrowth({ json, chart, ...options }: Arguments, env: Env, guard: Guard) {
  const growth = await measureGrowth(options, env, guard)
  if (chart !== undefined) await writeChartFile(chart, drawGrowth(growth))
  return json ? line(growth) : describeGrowth(growth)
}

async function runFairness({ json, products }: Arguments, env: Env, guard: Guard) {
  const fairness = await measureFairness(products, env, guard)
  return json ? line(fairness) : describeFairness(fairness)
}

const RUNS = { profile: runProfile, growth: runGrowth, fairness: runFairness }

const line = (result: object): string => `${JSON.stringify(result)}\n`

async function onStack<T>(work: (env: Env, guard: Guard) => Promise<T>): Promise<T> {
  const folder = defaultFolder()
  const before = await status(folder)
  const guard = startGuard()
  try {
    process.stderr.write('starting MariaDB or MySQL, PostgreSQL, Redis and RocketMQ\n')
    const { env } = await up(folder, ['mysql', 'postgres', 'redis', 'rocketmq'], guard)
    const prefix = `bench_${process.pid}_`
    await createTopics(env['ROCKETMQ_NAMESRV']!, prefix)
    try {
      return await work({ ...env, ROCKETMQ_PREFIX: prefix, LOG_LEVEL: 'info' }, guard)
    } finally {
      await deleteTopics(env['ROCKETMQ_NAMESRV']!, prefix)
    }
  } finally {
    if (before.up) guard.release()
    else await down(folder)
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`bench: ${errorText(error)}\n`)
  process.exitCode = exitCodeOf(error)
}
