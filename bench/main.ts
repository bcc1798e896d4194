import { parseArgs } from 'node:util'
import { EXIT, exitCodeOf } from '../src/cli/output.ts'
import { within } from '../src/cli/within.ts'
import { badInput, errorText, quoted } from '../src/errors.ts'
import { startGuard, type Guard } from '../stack/guard.ts'
import { createTopics, deleteTopics, down, status, up } from '../stack/commands.ts'
import type { Env } from '../stack/part.ts'
import { defaultFolder } from '../stack/state.ts'
import { measure } from './measure.ts'
import { describe } from './table.ts'
import { allWays } from './ways.ts'

const HELP = `Measures the whole path of a copy against the bare database and against other ways, on the stack.

  npm run bench                                      all ways, in turn, 3 rounds
  npm run bench -- --only limit --products 50000     those whose names have this text
  npm run --silent bench -- --json                   one JSON object
`

async function main(): Promise<number> {
  const { help, json, rounds, products, only } = readArguments()
  if (help) {
    process.stdout.write(HELP)
    return EXIT.done
  }
  return onStack(async (env, guard) => {
    const ways = allWays(products, guard).filter(({ name }) => name.includes(only))
    if (ways.length === 0) throw badInput(`--only ${quoted(only)}: no way has this in its name`)
    const rows = await measure(ways, { rounds, env })
    process.stdout.write(json ? `${JSON.stringify({ products, rounds, rows })}\n` : describe(rows))
    return EXIT.done
  })
}

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

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        only: { type: 'string', default: '' },
        rounds: { type: 'string', default: '3' },
        products: { type: 'string', default: '200000' },
      },
    })
    const { rounds, products } = values
    return {
      ...values,
      rounds: within('--rounds', rounds, { least: 1, most: 100 }),
      products: within('--products', products, { least: 1000, most: 10_000_000 }),
    }
  } catch (error) {
    throw badInput(errorText(error))
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`bench: ${errorText(error)}\n`)
  process.exitCode = exitCodeOf(error)
}
