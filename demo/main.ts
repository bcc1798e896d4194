import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { badInput, errorText } from '../src/errors.ts'
import { EXIT, exitCodeOf } from '../src/cli/output.ts'
import { onSignal } from '../src/cli/signals.ts'
import { readConfig, type Config } from '../src/platform/config.ts'
import { holdsDatabase } from '../src/platform/embedded-database.ts'
import { runDemo } from './demo.ts'
import { onStack } from './on-stack.ts'
import { describe, isSound, type Kept } from './describe.ts'

const HELP = `Imports a catalogue of real products and copies a brand into five others, each request recorded twice.

  npm run demo                           in a new temporary folder that is removed at the end
  npm run demo -- --stack                on RocketMQ, MariaDB or MySQL, and Redis ("npm run stack")
  npm run --silent demo -- --json        one JSON object
  DATA_DIR=./demo-data npm run demo      in a new folder of yours, which is kept
  DATABASE_URL=... npm run demo          on your own parts, in an empty database, which is kept
`

async function main(): Promise<number> {
  const { json, help, stack } = readArguments()
  if (help) {
    process.stdout.write(HELP)
    return EXIT.done
  }
  if (stack)
    return onStack((config, stays) => run(config, json, stays ? 'on-running-stack' : 'on-no-stack'))
  if (readConfig().DATABASE_URL !== undefined) return run(readConfig(), json, 'on-server')
  const own = process.env['DATA_DIR']
  if (own !== undefined && holdsDatabase(own)) {
    throw badInput(`DATA_DIR ${JSON.stringify(own)} holds a database: the demo needs a new folder`)
  }
  const folder = own ?? (await mkdtemp(path.join(tmpdir(), 'product-copy-demo-')))
  try {
    const config = { ...readConfig(), DATA_DIR: folder }
    return await run(config, json, own === undefined ? 'nowhere' : { folder: own })
  } finally {
    if (own === undefined && existsSync(folder)) await rm(folder, { recursive: true })
  }
}

async function run(config: Config, json: boolean, kept: Kept): Promise<number> {
  const result = await runDemo(config, { quiet: json, interrupted: onSignal() })
  if (!result) return EXIT.couldNotRun
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : describe(result, kept))
  return isSound(result) ? EXIT.done : EXIT.withLosses
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean' },
        stack: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    const { json = false, stack = false, help = false } = values
    return { json, stack, help }
  } catch (error) {
    throw badInput(errorText(error))
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`demo: ${errorText(error)}\n`)
  process.exitCode = exitCodeOf(error)
}
