import type { Command } from 'commander'
import { deadLetters, discard, readDeadLetter, redrive } from '../../copy/dead-letters.ts'
import type { Database } from '../../database.ts'
import { badInput } from '../../errors.ts'
import { EXIT, print, printEither, type ExitCode, type Run } from '../output.ts'
import { withDatabase } from '../session.ts'

interface Options {
  json?: boolean
  all?: boolean
}

export function addDeadLetters(program: Command, run: Run) {
  const letters = program
    .command('dead-letters')
    .description(
      'messages that could not be read, or failed too often: list, show, redrive, discard',
    )
    .addHelpText(
      'after',
      '\nExample:\n  product-copy dead-letters list\n  product-copy dead-letters redrive 116274891223552000',
    )
  letters
    .command('list')
    .description('list them, the oldest first')
    .option('--json', 'print one JSON object a line')
    .action((options: Options) => run(() => list(options)))
  letters
    .command('show')
    .description('show one with its body')
    .argument('<id>')
    .option('--json', 'print one JSON object')
    .action((id: string, options: Options) => run(() => show(id, options)))
  letters
    .command('redrive')
    .description(
      'send some to their topic again; the relay of a running "serve" does it within a second',
    )
    .argument('[ids...]')
    .option('--all', 'all that there are')
    .option('--json', 'print one JSON object')
    .action((ids: string[], options: Options) =>
      run(() => each(ids, options, redrive, 'will be sent again')),
    )
  letters
    .command('discard')
    .description('delete some for good')
    .argument('[ids...]')
    .option('--all', 'all that there are')
    .option('--json', 'print one JSON object')
    .action((ids: string[], options: Options) =>
      run(() => each(ids, options, discard, 'discarded')),
    )
}

function list({ json }: Options): Promise<ExitCode> {
  return withDatabase({ create: false }, async ({ database }) => {
    let count = 0
    for await (const letter of deadLetters(database)) {
      count++
      const { id, createDate, topic, attempts, redrive: again, reason } = letter
      const text = `${id}  ${createDate.toISOString()}  ${topic}  attempts ${attempts}${again ? '  to be sent again' : ''}\n    ${reason}`
      if (!(await print(json ? JSON.stringify(letter) : text))) break
    }
    if (count === 0 && !json) await print('There are no dead letters.')
    return EXIT.done
  })
}

function show(id: string, { json }: Options): Promise<ExitCode> {
  return withDatabase({ create: false }, async ({ database }) => {
    const letter = await readDeadLetter(database, id)
    const { topic, group, attempts, createDate, redrive: again, reason, body } = letter
    const text = [
      `Dead letter ${id}${again ? ', to be sent again' : ''}`,
      `  topic     ${topic}`,
      `  group     ${group}`,
      `  attempts  ${attempts}`,
      `  kept at   ${createDate.toISOString()}`,
      `  reason    ${reason}`,
      '',
      body,
    ].join('\n')
    await printEither(json, letter, text)
    return EXIT.done
  })
}

function each(
  ids: string[],
  { all, json }: Options,
  work: (database: Database, id: string) => Promise<void>,
  done: string,
): Promise<ExitCode> {
  if (ids.length > 0 === (all === true)) throw badInput('name the ids, or --all')
  return withDatabase({ create: false }, async ({ database }) => {
    const chosen = new Set(ids)
    if (all) for await (const { id } of deadLetters(database)) chosen.add(id)
    // A mistyped id is told before anything is changed.
    for (const id of ids) await readDeadLetter(database, id)
    for (const id of chosen) await work(database, id)
    const count = chosen.size === 1 ? '1 dead letter' : `${chosen.size} dead letters`
    await printEither(json, { ids: [...chosen] }, `${count}: ${done}`)
    return EXIT.done
  })
}
