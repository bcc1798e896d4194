import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { expectFlawless, expectReadds, runCompare } from '../contract/compare.ts'
import { runCli } from '../support/cli.ts'

const SHOWN = [
  ...['check-then-insert', 'unique-index', 'unique-index-status', 'upsert'],
  ...['dedup-lenient', 'dedup-strict'],
]

test('on the embedded database, with a picture, and nothing is left', async () => {
  const folder = process.env['TEST_FOLDER']!
  const chart = path.join(folder, 'compare.svg')
  const args = ['--products', '100', '--ways', SHOWN.join(), '--chart', chart]
  const of = await runCompare({ TMPDIR: folder }, ...args)
  expectReadds(of)
  expectFlawless(of('dedup-lenient'))
  expectFlawless(of('dedup-strict'))
  expect(of('dedup-lenient').server.deadlocks).toBe('not visible')
  expect((await readdir(folder)).filter((name) => /compare-/.test(name))).toEqual([])

  const svg = await readFile(chart, 'utf8')
  expect(svg).toMatch(/^<svg [^]*prefers-color-scheme: dark[^]*<\/svg>\n$/)
  for (const way of SHOWN) expect(svg).toContain(`>${way}<`)
})

test('a way that cannot run is listed with its reason', async () => {
  const run = await runCli(['compare', '--ways', 'insert-ignore,redis-lock'], 'unused')
  expect(run.code).toBe(0)
  expect(run.stdout).toContain('not run: redis-lock: needs REDIS_URL')
  expect(run.stdout).toContain('not run: insert-ignore: PostgreSQL has none')
})

test.each([
  [['--products', '99'], '--products is "99"; it must be a whole number from 100 to 100000'],
  [['--products', '1e3'], '--products is "1e3"'],
  [['--clients', '0'], '--clients is "0"; it must be a whole number from 1 to 64'],
  [['--rounds', '1.5'], '--rounds is "1.5"; it must be a whole number from 1 to 100'],
  [['--seed', '-1'], '--seed is "-1"; it must be a whole number from 0 to 2147483647'],
  [['--ways', 'dedup-lenient,magic'], '--ways has "magic"; allowed are check-then-insert, '],
  [['--ways', ''], '--ways has ""'],
  [['--chart', '.'], '--chart "." is a folder'],
  [['--chart', 'no/such/folder.svg'], '--chart "no/such/folder.svg" cannot be written: '],
])('bad input is one line, and exit 2: %j', async (args, message) => {
  const run = await runCli(['compare', ...args], 'unused')
  expect(run).toMatchObject({ code: 2, stdout: '' })
  expect(run.stderr).toMatch(/^product-copy: [^\n]*\n$/)
  expect(run.stderr).toContain(message)
})
