import { RECORDINGS, SOURCE_BRAND, TARGET_BRANDS, type DemoResult } from './demo.ts'

/** Whether the promise holds, and nothing failed. */
export function isSound({ copy, audit }: DemoResult): boolean {
  const { duplicateKeys, productsWithoutKey, keysWithoutProduct } = audit
  return duplicateKeys + productsWithoutKey + keysWithoutProduct + copy.failed === 0
}

/** Where the demo's data is: in a folder, on a server; or it is gone, with or without the stack. */
export type Kept = { folder: string } | 'on-server' | 'nowhere' | 'on-no-stack' | 'on-running-stack'

/** A demo's result for a person. */
export function describe(result: DemoResult, kept: Kept): string {
  const { catalog, copy, audit } = result
  const unpaired = audit.productsWithoutKey + audit.keysWithoutProduct
  const n = (value: number) => value.toLocaleString('en').padStart(7)
  return `
Catalogue: ${n(catalog.total)} devices were imported
           ${n(catalog.created)} created
           ${n(catalog.existing)} existing: an earlier device has the same name and model
           ${n(catalog.rejected)} rejected: they have no name

Copy:      ${n(copy.requests)} requests: ${SOURCE_BRAND} into ${TARGET_BRANDS.join(', ')}, each recorded ${RECORDINGS} times
           ${n(copy.items)} products were asked for
           ${n(copy.created)} created
           ${n(copy.existing)} existing: the other recording of the request had created them
           ${n(copy.rejected)} rejected
           ${n(copy.failed)} failed
           ${n(result.productsPerSecond)} a second

Audit:     ${n(audit.liveProducts)} live products
           ${n(audit.duplicateKeys)} keys are held by more than one of them
           ${n(unpaired)} products without a key, or keys without a product
           ${unpaired + audit.duplicateKeys === 0 ? 'Every live product is unique.' : 'THE PROMISE IS BROKEN.'}

It took ${result.seconds} s from start to end.

${next(kept)}`
}

function next(kept: Kept): string {
  if (kept === 'on-server') {
    return `What to try next: the data is kept in DATABASE_URL.
  npx product-copy brands
  npx product-copy serve
  npx product-copy copy --from Sony --to Aurora,Dune --watch      beside it
`
  }
  if (kept === 'on-no-stack' || kept === 'on-running-stack') {
    const state = kept === 'on-running-stack' ? 'still runs' : 'has been ended'
    return `The demo's database and topics are removed; the stack ${state}.
What to try next: work on the stack yourself.
  npm run --silent stack -- up > .env.stack
  set -a; . ./.env.stack; set +a
  npx product-copy migrate
  npm run demo                                                    keeps its data there
  npm run stack -- down                                           ends it
`
  }
  if (kept === 'nowhere') {
    return `What to try next: keep the data, and look into it.
  DATA_DIR=./demo-data npm run demo
  DATA_DIR=./demo-data npx product-copy copy --from Sony --to Aurora,Dune --watch
`
  }
  const { folder } = kept
  return `What to try next: the data is kept in ${folder}.
  DATA_DIR=${folder} npx product-copy brands
  DATA_DIR=${folder} npx product-copy copy --from Sony --to Aurora,Dune --watch
  DATA_DIR=${folder} npx product-copy audit
`
}
