import type { Command } from 'commander'
import { ensureBrands, listBrands } from '../../products/brands.ts'
import { EXIT, print, printEither, type ExitCode, type Run } from '../output.ts'
import { withDatabase, withSession } from '../session.ts'

export function addBrands(program: Command, run: Run) {
  const brands = program
    .command('brands')
    .description('list the brands with their live products, or add some')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', '\nExample:\n  product-copy brands add Aurora Borealis')
    .action((options: { json?: boolean }) => run(() => list(options.json)))
  brands
    .command('add')
    .description('add brands; one that is there already stays as it is')
    .argument('<names...>')
    .option('--json', 'print one JSON object')
    .action((names: string[], _, command: Command) =>
      run(() => add(names, command.optsWithGlobals<{ json?: boolean }>().json)),
    )
}

function list(json: boolean | undefined): Promise<ExitCode> {
  return withDatabase({ create: false }, async ({ database }) => {
    for (const brand of await listBrands(database)) {
      if (json) await print(JSON.stringify(brand))
      else await print(`${String(brand.liveProducts).padStart(9)}  ${brand.name}`)
    }
    return EXIT.done
  })
}

function add(names: string[], json: boolean | undefined): Promise<ExitCode> {
  return withSession({ create: true, quiet: json }, async ({ database, newId }) => {
    const brands = [...(await ensureBrands(database, newId, names)).values()]
    const list = brands.map(({ name }) => name)
    await printEither(json, { brands: list }, `Brands: ${list.join(', ')}`)
    return EXIT.done
  })
}
