import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Command, CommanderError } from 'commander'
import { errorLines, errorText } from '../errors.ts'
import { packageRoot } from '../platform/package-root.ts'
import { EXIT, exitCodeOf, stopPrinting, type Run } from './output.ts'

type Add = (program: Command, run: Run) => void

const { version } = JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')) as {
  version: string
}

/** Each adds itself to the program. In the order of the help. */
const COMMANDS: Record<string, () => Promise<Add>> = {
  preflight: async () => (await import('./commands/preflight.ts')).addPreflight,
  migrate: async () => (await import('./commands/migrate.ts')).addMigrate,
  import: async () => (await import('./commands/import.ts')).addImport,
  brands: async () => (await import('./commands/brands.ts')).addBrands,
  copy: async () => (await import('./commands/copy.ts')).addCopy,
  status: async () => (await import('./commands/status.ts')).addStatus,
  results: async () => (await import('./commands/results.ts')).addResults,
  audit: async () => (await import('./commands/audit.ts')).addAudit,
  adopt: async () => (await import('./commands/adopt.ts')).addAdopt,
  merge: async () => (await import('./commands/merge.ts')).addMerge,
  'dead-letters': async () => (await import('./commands/dead-letters.ts')).addDeadLetters,
  compare: async () => (await import('./commands/compare.ts')).addCompare,
  serve: async () => (await import('./commands/serve.ts')).addServe,
}

const program = new Command('product-copy')
  .version(version)
  .description("Copies products in bulk, without duplicates and near the database's own speed.")
  .addHelpText(
    'after',
    `
Exit codes: 0 done, 1 done with rejected or failed items or with duplicates left, 2 wrong use or bad
input, 3 could not run.
The embedded database lies in the folder DATA_DIR (default ./data).

Example:
  product-copy import catalogue.csv
  product-copy brands add Aurora Borealis
  product-copy copy --from Samsung --to Aurora,Borealis --watch
  product-copy audit`,
  )
  .exitOverride()
  .showSuggestionAfterError(false)

/** Runs a command's work; a foreseen error is one line for whoever can mend it. */
const run: Run = async (work) => {
  try {
    process.exitCode = await work()
  } catch (error) {
    for (const line of errorLines(error)) process.stderr.write(`product-copy: ${line}\n`)
    process.exitCode = exitCodeOf(error)
  }
}

// Where a command is named no other is loaded: each brings libraries of its own.
const name = process.argv[2] ?? ''
const wanted = Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]!] : Object.values(COMMANDS)
for (const load of wanted) (await load())(program, run)

/** Makes wrong use of each command one line, which ends with the help that says what is right. */
function hintAtHelp(command: Command, name: string): void {
  command.configureOutput({
    outputError: (text, write) => {
      const line = text.trim().replace(/^error: |[.]$/g, '')
      write(`product-copy: ${line}; "${name} --help" shows what there is\n`)
    },
  })
  for (const part of command.commands) hintAtHelp(part, `${name} ${part.name()}`)
}
hintAtHelp(program, program.name())

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return stopPrinting()
  process.stderr.write(`product-copy: the output cannot be written: ${errorText(error)}\n`)
  process.exit(EXIT.couldNotRun)
})
process.stderr.on('error', () => undefined)

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.badInput
}
// The work is done and all is closed. What a client library still keeps open must not keep us.
process.stdout.write('', () => setTimeout(() => process.exit(), 300).unref())
