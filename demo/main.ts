import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { badInput, errorText } from '../src/errors.ts'
import { EXIT, exitCodeOf } from '../src/cli/output.ts'
import { onSignal } from '../src/cli/signals.ts'
import { readConfig } from '../src/platform/config.ts'
import { holdsDatabase } from '../src/platform/embedded-database.ts'
import { runDemo } from './demo.ts'
import { describe, isSound } from './describe.ts'

const HELP = `Imports a catalogue of real products and copies a brand into five others, each request recorded twice.

  npm run demo                           in a new temporary folder that is removed at the end
  npm run --silent demo -- --json        one JSON object
  DATA_DIR=./demo-data npm run demo      in a new folder of yours, which is kept
`

async function main(): Promise<number> {
  const { json, help } = readArguments()
  if (help) {
    process.stdout.write(HELP)
    return EXIT.done
  }
  const own = process.env['DATA_DIR']
  if (own !== undefined && holdsDatabase(own)) {
    throw badInput(`DATA_DIR ${JSON.stringify(own)} holds a database: the demo needs a new folder`)
  }
  const folder = own ?? (await mkdtemp(path.join(tmpdir(), 'product-copy-demo-')))
  try {
    const config = { ...readConfig(), DATA_DIR: folder }
    const result = await runDemo(config, { quiet: json, interrupted: onSignal() })
    if (!result) return EXIT.couldNotRun
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : describe(result, own))
    return isSound(result) ? EXIT.done : EXIT.withLosses
  } finally {
    if (own === undefined && existsSync(folder)) await rm(folder, { recursive: true })
  }
}

function readArguments() {
  try {
    const options = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const
    const { values } = parseArgs({ options })
    return { json: values.json === true, help: values.help === true }
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
