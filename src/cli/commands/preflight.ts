import type { Command } from 'commander'
import { readConfig } from '../../platform/config.ts'
import { createLogger } from '../../platform/logger.ts'
import { EXIT, print, type ExitCode, type Run } from '../output.ts'
import { preflight } from '../preflight.ts'

export function addPreflight(program: Command, run: Run) {
  program
    .command('preflight')
    .description(
      'check database, broker and Redis, and say what mends each fault; exit code 3 with one',
    )
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', '\nExample:\n  product-copy preflight')
    .action((options: { json?: boolean }) => run(() => check(options.json)))
}

async function check(json: boolean | undefined): Promise<ExitCode> {
  const config = readConfig()
  let sound = true
  for await (const result of preflight(config, createLogger(config.LOG_LEVEL))) {
    if (!result.ok) sound = false
    const { part, ok, found } = result
    await print(json ? JSON.stringify(result) : `${ok ? 'ok  ' : 'FAIL'}  ${part}: ${found}`)
  }
  return sound ? EXIT.done : EXIT.couldNotRun
}
