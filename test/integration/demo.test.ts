import { readFileSync } from 'node:fs'
import { mkdtemp, readdir } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { openEmbeddedDatabase } from '../../src/platform/embedded-database.ts'
import { finished, startDemo } from '../support/cli.ts'
import { resultsOf } from '../support/parties.ts'

const EXPECTED = {
  catalog: { total: 39_037, created: 34_837, existing: 3_045, rejected: 1_155 },
  copy: { requests: 10, items: 27_170, created: 13_585, existing: 13_585, rejected: 0, failed: 0 },
  audit: { liveProducts: 48_422, duplicateKeys: 0, productsWithoutKey: 0, keysWithoutProduct: 0 },
}
const scratch = () => mkdtemp(path.join(process.env['TEST_FOLDER']!, 'demo-'))

test('prints one JSON object with exact numbers, stays small, and leaves nothing behind', async () => {
  const folder = await scratch()
  const child = startDemo(['--json'], { TMPDIR: folder })
  const run = finished(child)
  let peak = 0
  const watching = setInterval(() => (peak = Math.max(peak, peakMemory(child.pid!))), 200)
  const { code, stdout, stderr } = await run
  clearInterval(watching)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.trim().split('\n')).toHaveLength(1)
  const { seconds, productsPerSecond, ...numbers } = JSON.parse(stdout) as Record<string, unknown>
  expect(numbers).toEqual(EXPECTED)
  expect(Number(seconds)).toBeGreaterThan(0)
  expect(Number(productsPerSecond)).toBeGreaterThan(0)
  // tsx keeps what it compiled in a folder of its own.
  const left = (await readdir(folder)).filter((name) => !name.startsWith('tsx-'))
  expect(left).toEqual([])
  if (process.platform === 'linux') {
    process.stderr.write(`demo: ${Math.round(peak / 1024)} MiB at the most\n`)
    expect(peak).toBeGreaterThan(0)
    expect(peak).toBeLessThan(1.2 * 1024 * 1024)
  }
})

test('for a person: of two recordings each product is created once and existing once, with one id', async () => {
  const folder = path.join(await scratch(), 'data')
  const run = await finished(startDemo([], { DATA_DIR: folder }))
  expect(run.code).toBe(0)
  expect(run.stdout).toMatch(/39,037 devices were imported/)
  expect(run.stdout).toMatch(/13,585 existing: the other recording/)
  expect(run.stdout).toContain('Every live product is unique.')
  expect(run.stdout).toContain(`DATA_DIR=${folder} npx product-copy audit`)

  const database = await openEmbeddedDatabase(folder, { create: false })
  try {
    const requests = await database.knex('copy_request').orderBy('id').pluck<string[]>('id')
    const pairs = new Map<unknown, { outcome: string; id?: string }[]>()
    for (const id of requests) {
      for (const one of await resultsOf(database, id)) {
        const product = `${String(one.name)}\n${String(one.model)}`
        pairs.set(product, [...(pairs.get(product) ?? []), one])
      }
    }
    expect(pairs.size).toBe(13_585)
    const odd = [...pairs.values()].filter(
      ([a, b, ...more]) =>
        more.length > 0 || a!.id !== b?.id || `${a!.outcome}${b?.outcome}`.length !== 15,
    )
    expect(odd).toEqual([])
  } finally {
    await database.close()
  }
})

test('bad use is one line and exit 2', async () => {
  const run = await finished(startDemo(['--fast']))
  expect(run).toMatchObject({ code: 2, stdout: '' })
  expect(run.stderr).toMatch(/^demo: [^\n]*--fast[^\n]*\n$/)
})

/** Peak resident memory in KiB, or 0 when the process is gone. */
function peakMemory(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
