import type { Command } from 'commander'
import { parse } from 'csv-parse/sync'
import { recordCopyRequest } from '../../copy/record-request.ts'
import { DEFAULT_NAME_TEMPLATE } from '../../copy/name-template.ts'
import { badInput, quoted } from '../../errors.ts'
import type { DuplicatePolicy } from '../../messages.ts'
import { DATA_PATH } from '../../parties.ts'
import { carryOut } from '../carry-out.ts'
import { EXIT, exitCodeFor, print, printEither, type ExitCode, type Run } from '../output.ts'
import { withSession, type Session } from '../session.ts'
import { describeStatus } from '../status-text.ts'
import { addUserOptions, userOf, type UserOptions } from '../user-options.ts'
import { onSignal } from '../signals.ts'

interface Options extends UserOptions {
  from: string
  to: string
  policy: string
  name: string
  key?: string
  watch?: boolean
  json?: boolean
}

export function addCopy(program: Command, run: Run) {
  const command = program
    .command('copy')
    .description('record a request to copy the products of a brand into other brands')
    .requiredOption('--from <brand>', 'the brand whose live products are copied')
    .requiredOption(
      '--to <brands>',
      'the brands that get them, separated by commas; one with a comma in quotes',
    )
    .option(
      '--policy <policy>',
      'about products that are there: return-existing or fail',
      'return-existing',
    )
    .option('--name <template>', 'the names of the copies', DEFAULT_NAME_TEMPLATE)
    .option('--key <key>', 'your own key: the same key and content is the same request')
    .option(
      '--watch',
      'show progress until it is done; without ROCKETMQ_ENDPOINTS also carry it out',
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  product-copy copy --from Samsung --to Aurora,Borealis --watch',
    )
  addUserOptions(command).action((options: Options) => run(() => copy(options)))
}

function copy(options: Options): Promise<ExitCode> {
  const user = userOf(options)
  return withSession({ create: false }, async (session) => {
    const { id, repeated } = await recordCopyRequest(session.database, session.newId, {
      sourceBrand: options.from,
      targetBrands: brandList(options.to),
      nameTemplate: options.name,
      policy: options.policy as DuplicatePolicy,
      user,
      requestKey: options.key,
    })
    if (options.watch) return watch(session, id, options)
    const recorded = repeated ? 'was recorded before' : 'is recorded'
    await printEither(
      options.json,
      { id, repeated },
      `Request ${id} ${recorded}. "product-copy serve" carries it out, "product-copy status ${id}" shows how it stands.`,
    )
    return EXIT.done
  })
}

async function watch(session: Session, id: string, { json }: Options): Promise<ExitCode> {
  if (!json) await print(`Request ${id}`)
  const [status] = await carryOut(session, [id], {
    // Without a broker that other processes share, who watches also does the work.
    parties: session.config.ROCKETMQ_ENDPOINTS === undefined ? DATA_PATH : [],
    quiet: json === true,
    interrupted: onSignal(),
  })
  await printEither(json, status, describeStatus(status!))
  if (status!.state === 'done') return exitCodeFor(status!)
  process.stderr.write('product-copy: interrupted; "product-copy serve" goes on with it\n')
  return EXIT.couldNotRun
}

/** Reads names separated by commas or line ends, as in CSV: a name with a comma is quoted. */
function brandList(text: string): string[] {
  try {
    return parse(text, { trim: true, relax_column_count: true }).flat()
  } catch {
    throw badInput(`brands ${quoted(text)} are not separated by commas: write A,B,"C, Inc."`)
  }
}
