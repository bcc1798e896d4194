import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, open, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openEmbeddedDatabase } from '../../src/platform/embedded-database.ts'
import { finished, root, runCli, startCli, startNode, type Run } from '../support/cli.ts'
import { allRows, newDataFolder } from '../support/database.ts'

let files: string
const put = async (name: string, content: string | Buffer): Promise<string> => {
  const file = path.join(files, name)
  await writeFile(file, content)
  return file
}
const json = (run: Run) => JSON.parse(run.stdout) as Record<string, unknown>

const CATALOGUE = [
  { brand: 'Acme', name: 'Phone 1', model: 'M1', price: 9.9, color: 'red' },
  { brand: 'Acme', name: 'Phone 2', model: 'M2' },
  { brand: 'Acme', name: 'phone  1', model: 'm1' },
]
const ndjson = (products: unknown[]) => products.map((one) => JSON.stringify(one)).join('\n')

beforeAll(async () => {
  files = await mkdtemp(path.join(process.env['TEST_FOLDER']!, 'files-'))
  await put('good.ndjson', ndjson(CATALOGUE))
})

describe('a first day with it', () => {
  let data: string
  const cli = (...args: string[]) => runCli(args, data)
  beforeAll(async () => {
    data = await newDataFolder()
  })

  test('migrate says which tables there are', async () => {
    const run = await cli('migrate', '--json')
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(json(run)).toEqual({ applied: ['001_tables.sql', '002_merged_into.sql'] })
  })

  test('import, brands, copy --watch, status, results, audit', async () => {
    expect(await cli('import', path.join(files, 'good.ndjson'))).toEqual({
      code: 0,
      stdout: '3 products: 2 created, 1 existing, 0 rejected\n',
      stderr: '',
    })
    expect((await cli('brands', 'add', 'Aurora', 'Dune')).stdout).toBe('Brands: Aurora, Dune\n')
    const copied = await cli('copy', '--from', 'acme', '--to', 'Aurora,Dune', '--watch', '--json')
    expect(copied).toMatchObject({ code: 0, stderr: '' })
    const status = json(copied)
    expect(status).toMatchObject({ state: 'done', items: 4, created: 4, pending: 0 })
    const id = String(status['id'])
    expect(json(await cli('status', id, '--json'))).toEqual(status)
    const results = await cli('results', id)
    expect(results.code).toBe(0)
    const lines = results.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(lines).toHaveLength(4)
    expect(lines[0]).toMatchObject({ item: 1, outcome: 'created', id: expect.any(String) })
    const audited = await cli('audit', '--json')
    expect(audited.code).toBe(0)
    expect(json(audited)).toMatchObject({ liveProducts: 6, duplicateKeys: 0 })
    expect((await cli('brands')).stdout).toMatch(/ 2 {2}Acme\n +2 {2}Aurora\n +2 {2}Dune\n/)
  })

  test('a brand with a comma in its name is quoted', async () => {
    await cli('brands', 'add', 'Foo, Inc.')
    const run = await cli('copy', '--from', 'Acme', '--to', 'Dune, "foo, inc."', '--json')
    expect(run).toMatchObject({ code: 0, stderr: '' })
    const status = await cli('status', String(json(run)['id']), '--json')
    expect(json(status)['targetBrands']).toEqual(['Dune', 'Foo, Inc.'])
  })

  test('brands may stand on lines of their own', async () => {
    const run = await cli('copy', '--from', 'Acme', '--to', 'Dune\nAurora\n', '--json')
    const status = await cli('status', String(json(run)['id']), '--json')
    expect(json(status)['targetBrands']).toEqual(['Dune', 'Aurora'])
  })

  test('copy with the same key and content is the same request, with other content an error', async () => {
    const copy = (...more: string[]) =>
      cli('copy', '--from', 'Acme', '--key', 'k1', '--json', ...more)
    const first = json(await copy('--to', 'Aurora'))
    expect(first).toMatchObject({ repeated: false })
    expect(json(await copy('--to', 'aurora'))).toEqual({ id: first['id'], repeated: true })
    const other = await copy('--to', 'Dune')
    expect(other.code).toBe(2)
    expect(other.stderr).toContain('request key "k1" was used for other content')
  })

  test('a strict copy of what is there is done, with exit code 1', async () => {
    const run = await cli(
      ...['copy', '--from', 'Acme', '--to', 'Aurora', '--policy', 'fail', '--watch', '--json'],
    )
    expect(run.code).toBe(1)
    expect(json(run)).toMatchObject({ items: 2, rejected: 2, created: 0 })
    const results = await cli('results', String(json(run)['id']))
    expect(results.stdout).toContain('duplicate products detected, refresh and retry')
  })

  test('serve carries recorded requests out until SIGTERM, and exits 0', async () => {
    const { id } = json(await cli('copy', '--from', 'Acme', '--to', 'Dune', '--json'))
    expect(await cli('results', String(id))).toMatchObject({
      stdout: '',
      stderr: `product-copy: not all items of request ${String(id)} are made yet; "product-copy serve" does that\n`,
    })
    const child = startCli(['serve'], data)
    const run = finished(child)
    child.stdout!.on('data', (text: string) => {
      if (text.includes(`request ${String(id)}: done, 2 of 2 items`)) child.kill('SIGTERM')
    })
    expect((await run).code).toBe(0)
    expect(json(await cli('status', String(id), '--json'))).toMatchObject({
      state: 'done',
      existing: 2,
    })
  })

  test('a reader that has seen enough is no fault', async () => {
    const child = startCli(['import', await put('r.ndjson', '{"brand":"A"}')], data)
    const run = finished(child)
    child.stdout!.destroy()
    expect(await run).toMatchObject({ code: 1, stderr: '' })
  })
})

test('--version, by the file that npx runs in a checkout', async () => {
  const run = await finished(startNode([path.join(root, 'bin/product-copy.js'), '--version']))
  expect(run).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' })
})

describe('catalogue files', () => {
  test('.csv: quotes, other columns as attributes, empty cells, a byte order mark, CRLF', async () => {
    const data = await newDataFolder()
    const file = await put(
      'c.csv',
      '\ufeffBrand,NAME,model,price,Color,size,,\r\nAcme,"Phone, ""big""",M1,9.90,red,,,\r\nAcme,Phone,M2,,,,,\r\n,,,,,,,\r\n',
    )
    expect((await runCli(['import', file, '--json'], data)).stdout).toBe(
      '{"total":2,"created":2,"existing":0,"rejected":0,"failed":0,"rejections":[]}\n',
    )
  })

  test('.json: an array; items that can be no product are rejected with their number', async () => {
    const data = await newDataFolder()
    const file = await put(
      'c.json',
      JSON.stringify([
        ...CATALOGUE,
        { brand: 'Acme', name: '', model: 'M' },
        { brand: 'Acme', name: 'X', model: 'X', price: 'free' },
      ]),
    )
    const run = await runCli(['import', file], data)
    expect(run).toEqual({
      code: 1,
      stdout: [
        'rejected item 4: name is empty',
        'rejected item 5: price is "free", not a price: at most 10 digits, a point and 2 digits are allowed',
        '5 products: 2 created, 1 existing, 2 rejected',
        '',
      ].join('\n'),
      stderr: '',
    })
  })

  test('a rejected line is named by its number in the file, empty lines counted', async () => {
    const data = await newDataFolder()
    const lines = [
      '',
      JSON.stringify(CATALOGUE[0]),
      '',
      '{"brand":"A","name":"a\\u0000","model":"m"}',
    ]
    const run = await runCli(['import', await put('n.ndjson', lines.join('\r\n')), '--json'], data)
    expect(run.code).toBe(1)
    expect(json(run)['rejections']).toEqual([
      { at: 4, reason: 'name "a\\u0000" has a control character (U+0000)' },
    ])
  })
})

describe('bad input is one line on stderr, exit 2, and nothing is written', () => {
  let data: string
  let before: unknown
  beforeAll(async () => {
    data = await newDataFolder()
    await runCli(['import', path.join(files, 'good.ndjson')], data)
    await put('broken.json', '[{"brand":')
    await put('object.json', '{"brand":"A"}')
    await put('broken.ndjson', `${ndjson(CATALOGUE)}\n{"brand":\n`)
    await put('number.ndjson', `${ndjson(CATALOGUE)}\n42\n`)
    await put('broken.csv', 'brand,name,model\nA,B,C\nA,"B,C\n')
    await put('ragged.csv', 'brand,name,model\nA,B,C\nA,B\n')
    await put('header.csv', 'brand,title,model\nA,B,C\n')
    await put('twice.csv', 'brand,name,model,name\nA,B,C,D\n')
    await put('latin1.csv', Buffer.from('brand,name,model\nA,Caf\xe9,C\n', 'latin1'))
    await put('list.txt', 'x')
    await put('nothing.ndjson', '\n\n')
    await put('empty.csv', '')
    await put('semicolons.csv', 'brand;name;model\nA;B;C\n')
    await mkdir(path.join(files, 'folder.csv'))
    before = await rows(data)
  })
  afterAll(async () => {
    expect(await rows(data)).toEqual(before)
  })

  const COPY = ['copy', '--from', 'Acme', '--to']
  test.each<[string[], string | RegExp]>([
    [[...COPY, 'Nobody'], 'unknown brand "Nobody"'],
    [['copy', '--from', 'Nobody', '--to', 'Acme'], 'unknown brand "Nobody"'],
    [[...COPY, ''], 'no target brand is given'],
    [[...COPY, ' , '], 'no target brand is given'],
    [[...COPY, 'ACME'], 'brand "Acme" cannot be copied into itself'],
    [[...COPY, 'Acme', '--name', '{brand} x'], 'name template "{brand} x" lacks {name}'],
    [[...COPY, 'Acme', '--name', '{name} {size}'], 'has {size}; allowed are {brand} and {name}'],
    [
      [...COPY, 'Acme', '--policy', 'maybe'],
      'policy "maybe" is not known; allowed are return-existing and fail',
    ],
    [[...COPY, 'Acme', '--key', 'a b'], 'request key "a b" is not allowed'],
    [[...COPY, 'Acme', '--user-name', 'x'.repeat(31)], 'user name has 31 characters'],
    [
      ['copy', '--to', 'Acme'],
      `required option '--from <brand>' not specified; "product-copy copy --help" shows`,
    ],
    [['status', '12345'], 'unknown request "12345"'],
    [['status', 'abc'], 'request "abc" is not an id'],
    [
      ['status', '9999999999999999999'],
      'is not an id: whole numbers up to 9223372036854775807 are',
    ],
    [['results', '12345'], 'unknown request "12345"'],
    [['status'], "missing required argument 'id'"],
    [['import', 'missing.csv'], 'file "missing.csv" does not exist'],
    [['import', 'list.txt'], 'file "list.txt" is not allowed: .json, .ndjson and .csv are'],
    [['import', 'folder.csv'], /"folder.csv" is not a file/],
    [['import', 'broken.json'], /file "broken.json" is not JSON: /],
    [['import', 'object.json'], 'is not an array of products'],
    [['import', 'broken.ndjson'], /file "broken.ndjson", line 4 is not JSON: /],
    [['import', 'number.ndjson'], 'line 4 is not an object: 42'],
    [['import', 'nothing.ndjson'], 'file "nothing.ndjson" holds no products'],
    [['import', 'empty.csv'], 'file "empty.csv" holds no products'],
    [['import', 'semicolons.csv'], 'its first line is "brand;name;model"'],
    [[...COPY, '"Dune'], 'brands "\\"Dune" are not separated by commas'],
    [['copy', '--from', 'Acme', '--to', 'Aurora', 'Dune'], 'too many arguments for '],
    [['import', 'broken.csv'], /file "broken.csv": .*line/],
    [['import', 'ragged.csv'], 'file "ragged.csv", line 3 has 2 values, the header has 3'],
    [['import', 'header.csv'], 'has no column "name"'],
    [['import', 'twice.csv'], 'has column "name" twice'],
    [['import', 'latin1.csv'], 'is not UTF-8 text'],
    [['fly'], `unknown command 'fly'; "product-copy --help" shows what there is`],
    [['constructor'], `unknown command 'constructor'; "product-copy --help" shows what there is`],
    [['audit', '--fast'], `unknown option '--fast'; "product-copy audit --help" shows`],
    [['dead-letters', 'fly'], `unknown command 'fly'; "product-copy dead-letters --help" shows`],
    [['dead-letters', 'show'], `argument 'id'; "product-copy dead-letters show --help" shows`],
    [['brands', 'add', ' '], 'brand is empty'],
  ])('%j', async (args, message) => {
    // There, since a long path would be cut in the message.
    const run = await finished(startCli(args, data, {}, { cwd: files }))
    expect(run.stderr).toMatch(typeof message === 'string' ? literal(message) : message)
    expect(run.stderr.trim().split('\n')).toHaveLength(1)
    expect(run.stderr).not.toMatch(/^\s+at /m)
    expect(run).toMatchObject({ code: 2, stdout: '' })
  })

  test('in a folder without a database none is made', async () => {
    const empty = path.join(files, 'empty')
    for (const args of [['status', '1'], ['audit'], [...COPY, 'Acme'], ['import', 'missing.csv']]) {
      const run = await runCli(args, empty)
      expect(run.code).toBe(2)
      expect(run.stderr.trim().split('\n')).toHaveLength(1)
    }
    expect(existsSync(empty)).toBe(false)
  })
})

describe('what cannot run is one line on stderr, and exit 3', () => {
  test('an output that cannot be written', async () => {
    if (!existsSync('/dev/full')) return
    const full = await open('/dev/full', 'w')
    const child = startCli(['migrate'], await newDataFolder(), {}, { stdout: full.fd })
    const run = await finished(child)
    await full.close()
    expect(run).toMatchObject({ code: 3 })
    expect(run.stderr).toMatch(/^product-copy: the output cannot be written: [^\n]*\n$/)
  })

  test('wrong variables, a line for each of them', async () => {
    const run = await runCli(['audit'], 'unused', { CHUNK_SIZE: '0', SHARDS: 'x' })
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toMatch(
      /^product-copy: CHUNK_SIZE is "0"; [^\n]*\nproduct-copy: SHARDS is "x"; [^\n]*\n$/,
    )
  })

  test('a data folder that is a file', async () => {
    const file = await put('file', 'x')
    for (const args of [['migrate'], ['audit']]) {
      expect(await runCli(args, file)).toMatchObject({
        code: 3,
        stdout: '',
        stderr: `product-copy: data folder "${file}" (DATA_DIR) cannot be used: it is a file\n`,
      })
    }
  })

  test('a database of a later version, which stays as it is', async () => {
    const data = await newDataFolder()
    const database = await openEmbeddedDatabase(data, { create: false })
    await database.knex('schema_migration').insert({ version: 999, name: '999_later.sql' })
    await database.close()
    const run = await runCli(['audit'], data)
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toMatch(/schema version 999, this program knows 2: [^\n]*\n$/)
  })
})

const literal = (text: string) => new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))

/** Every row of every table. */
async function rows(data: string): Promise<unknown> {
  const database = await openEmbeddedDatabase(data, { create: false })
  try {
    return await allRows(database)
  } finally {
    await database.close()
  }
}
