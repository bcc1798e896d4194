import path from 'node:path'
import { parseArgs } from 'node:util'
import { EXIT, exitCodeOf } from '../src/cli/output.ts'
import { badInput, errorText } from '../src/errors.ts'
import { down, partNames, StackError, status, up, type PartStatus, type Stack } from './commands.ts'
import { startGuard } from './guard.ts'
import { PART_NAMES } from './part.ts'
import { defaultFolder } from './state.ts'

const HELP = `Runs MariaDB (or MySQL), PostgreSQL, Redis and RocketMQ from this machine's own programs, for trying and testing.

  npm run stack -- up         starts them, and prints where they are as lines for the environment
  npm run stack -- status     shows each part
  npm run stack -- down       ends them and removes their data

  npm run --silent stack -- up > .env.stack && set -a && . ./.env.stack && set +a

  --only PARTS     up: some of ${PART_NAMES.join(',')}
  --folder FOLDER  where the stack is; the default is one in the system's temporary folder
  --json           up, status: one JSON object

Exit codes: 0 done, 1 a part does not answer, 2 wrong use, 3 could not run, or not up.
`

const say = (line: string) => process.stderr.write(`stack: ${line}\n`)

async function main(): Promise<number> {
  const { command, json, help, folder, names } = readArguments()
  if (help) {
    process.stdout.write(HELP)
    return EXIT.done
  }
  switch (command ?? '') {
    case 'up':
      return runUp(folder, names, json)
    case 'down':
      say((await down(folder)) ? 'ended' : `nothing is up in ${folder}`)
      return EXIT.done
    case 'status':
      return showStatus(await status(folder), json)
    default:
      throw badInput(`${command ? `"${command}"` : 'nothing'} to do: say up, down or status`)
  }
}

async function runUp(folder: string, names: ReturnType<typeof partNames>, json: boolean) {
  const guard = startGuard()
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => {
      say('interrupted, ending what was started')
      void guard.undo().then(() => process.exit(code))
    })
  }
  try {
    const before = await status(folder)
    const stack = await up(folder, names, guard)
    guard.release()
    const changed = stack.parts.filter(
      (part) => !before.parts.some(({ name, answers }) => name === part.name && answers),
    )
    for (const { name, version, port } of changed) say(`${name} ${version} on port ${port}`)
    if (changed.length === 0) say('it is up already')
    process.stdout.write(json ? `${JSON.stringify(stack)}\n` : environment(stack))
    return EXIT.done
  } catch (error) {
    await guard.undo()
    throw error
  }
}

const environment = ({ folder, env }: Stack): string =>
  [
    `# the stack in ${folder}; "npm run stack -- down${folder === defaultFolder() ? '' : ` --folder ${folder}`}" ends it`,
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    '',
  ].join('\n')

function showStatus(stack: Stack, json: boolean): number {
  if (json) process.stdout.write(`${JSON.stringify(stack)}\n`)
  else if (!stack.up) say(`nothing is up in ${stack.folder}`)
  else process.stdout.write(stack.parts.map(line).join(''))
  if (!stack.up) return EXIT.couldNotRun
  return stack.parts.every(({ answers }) => answers) ? EXIT.done : EXIT.withLosses
}

function line({ name, port, processes, answers, version }: PartStatus): string {
  const pids = Object.entries(processes).map(([of, pid]) => `${of} ${pid ?? 'has ended'}`)
  const state = answers ? `answers, ${version}` : 'does not answer'
  return `${name.padEnd(9)} port ${port}  ${pids.join(', ').padEnd(29)}  ${state}\n`
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        only: { type: 'string' },
        folder: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (positionals.length > 1) throw badInput(`one thing at a time, not ${positionals.join(' ')}`)
    return {
      command: positionals[0],
      json: values.json === true,
      help: values.help === true,
      folder: path.resolve(values.folder ?? defaultFolder()),
      names: values.only === undefined ? [...PART_NAMES] : partNames(values.only),
    }
  } catch (error) {
    throw badInput(errorText(error))
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  const lines = error instanceof StackError ? error.lines : [errorText(error)]
  for (const text of lines) say(text)
  process.exitCode = error instanceof StackError ? EXIT.couldNotRun : exitCodeOf(error)
}
