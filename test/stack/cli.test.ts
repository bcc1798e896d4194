import { expect, test } from '@jest/globals'
import { runSql } from '../../stack/sql.ts'
import { finished, runCli, startCli, startDemo } from '../support/cli.ts'
import { newDatabase } from '../support/own-names.ts'
import { newStack } from '../support/own-stack.ts'
import { describeWith } from '../support/parts.ts'

describeWith('rocketmq', ({ endpoints }) => {
  test('preflight finds each part as needed, and serve begins', async () => {
    const stack = await newStack()
    const run = await runCli(['preflight', '--json'], 'unused', stack.env)
    const checks = run.stdout.trim().split('\n')
    expect(checks.map((line) => (JSON.parse(line) as { ok: boolean }).ok)).toEqual(
      Array(6).fill(true),
    )
    expect(run.code).toBe(0)
    await stack.serve('consumer')
  })

  test('preflight names each fault with what mends it', async () => {
    const run = await runCli(['preflight'], 'unused', {
      DATABASE_URL: await newDatabase('mysql'),
      ROCKETMQ_ENDPOINTS: endpoints,
      ROCKETMQ_PREFIX: 'none_',
      REDIS_URL: 'redis://Ann:geheim@127.0.0.1:9',
    })
    expect(run.code).toBe(3)
    expect(run.stdout).toContain('FAIL  database: DATABASE_URL: the database has no tables yet')
    expect(run.stdout).toMatch(/topic none_PRODUCT_COPY does not exist, .*: mqadmin updateTopic/)
    expect(run.stdout).toContain('FAIL  redis: REDIS_URL: Redis does not answer: ')
    expect(run.stdout + run.stderr).not.toContain('geheim')
  })

  /** What a process that cannot begin says: some lines, and nothing else. */
  const refused = async (env: NodeJS.ProcessEnv, ...lines: RegExp[]) => {
    const run = await runCli(['serve', '--only', 'consumer'], 'unused', env)
    expect(run).toMatchObject({ code: 3, stdout: '' })
    const said = run.stderr.trimEnd().split('\n')
    expect(said).toHaveLength(lines.length)
    for (const [index, line] of lines.entries()) expect(said[index]).toMatch(line)
  }

  test('serve refuses to begin without a part that it needs, and names it', async () => {
    const { env } = await newStack()
    const at = (url: string, change: Partial<Record<'port' | 'password' | 'pathname', string>>) =>
      Object.assign(new URL(url), change).href
    const url = env['DATABASE_URL']!
    const database = (wrong: string) => ({ ...env, DATABASE_URL: wrong })
    await refused(
      database(at(url, { port: '9' })),
      /^product-copy: DATABASE_URL: no MySQL or MariaDB answers at 127\.0\.0\.1:9 \(ECONNREFUSED\)/,
    )
    await refused(
      database(at(url, { password: 'geheim' })),
      /^product-copy: DATABASE_URL: MySQL or MariaDB at [^ ]+ refuses user "root"((?!geheim).)*$/,
    )
    await refused(
      database(at(url, { pathname: '/nowhere' })),
      /^product-copy: DATABASE_URL: there is no database "nowhere" at /,
    )
    await refused(
      { ...env, ROCKETMQ_ENDPOINTS: '127.0.0.1:9' },
      /^product-copy: ROCKETMQ_ENDPOINTS: no RocketMQ proxy answers at 127\.0\.0\.1:9 /,
    )
    await refused({ ...env, REDIS_URL: '' }, /^product-copy: REDIS_URL or WORKER_ID is needed: /)
    await refused(
      { ...env, WORKER_ID: '-1', ROCKETMQ_ACCESS_KEY: 'Ann' },
      /^product-copy: WORKER_ID is "-1"; it must be a whole number from 0 to 1023$/,
      /^product-copy: ROCKETMQ_ACCESS_KEY is set without ROCKETMQ_SECRET_KEY: set both, or none$/,
    )
  }, 120_000)

  test('serve refuses tables of another version, topics of another type, groups without order', async () => {
    const { env, database } = await newStack()
    await database.knex('schema_migration').insert({ version: 999, name: '999_later.sql' })
    await refused(
      env,
      /^product-copy: DATABASE_URL: the tables are of version 999, this program knows /,
    )
    await database.knex('schema_migration').delete()
    await refused(
      env,
      /^product-copy: DATABASE_URL: the database has no tables yet: "product-copy /,
    )
    await database.knex('schema_migration').insert({ version: 2, name: '002_merged_into.sql' })

    await runSql('mysql', env['DATABASE_URL']!, 'alter table product_unique drop key ux_name_model')
    await refused(
      env,
      /^product-copy: product_unique has no unique key ux_name_model .*: alter table /,
    )
  }, 120_000)

  test('--only takes the parties that there are, and needs a broker that others share', async () => {
    const env = { ROCKETMQ_ENDPOINTS: endpoints }
    expect(await runCli(['serve', '--only', 'jobs'], 'unused', env)).toMatchObject({
      code: 2,
      stderr:
        'product-copy: party "jobs" is not known; allowed are job, consumer, relay, result, http\n',
    })
    expect(await runCli(['serve', '--only', 'job'], 'unused')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--only needs ROCKETMQ_ENDPOINTS'),
    })
  })

  test('copy --watch shows how other processes carry a request out', async () => {
    const stack = await newStack()
    await runCli(['brands', 'add', 'Acme', 'Aurora'], 'unused', stack.env)
    const watching = finished(
      startCli(
        ['copy', '--from', 'Acme', '--to', 'Aurora', '--watch', '--json'],
        'unused',
        stack.env,
      ),
    )
    await stack.serve('job,consumer,relay,result')
    const run = await watching
    expect(run.code).toBe(0)
    expect(JSON.parse(run.stdout)).toMatchObject({ state: 'done', items: 0 })
  })

  test('the demo has the same numbers as in the embedded mode', async () => {
    const { env } = await newStack()
    const run = await finished(startDemo(['--json'], env))
    expect(run.stderr).toBe('')
    expect(JSON.parse(run.stdout)).toMatchObject({
      catalog: { total: 39037, created: 34837, existing: 3045, rejected: 1155 },
      copy: { requests: 10, items: 27170, created: 13585, existing: 13585, rejected: 0, failed: 0 },
      audit: {
        liveProducts: 48422,
        duplicateKeys: 0,
        productsWithoutKey: 0,
        keysWithoutProduct: 0,
      },
    })
    expect(run.code).toBe(0)
    expect((await finished(startDemo(['--json'], env))).stderr).toBe(
      'demo: DATABASE_URL holds products: the demo needs an empty database\n',
    )
  }, 180_000)
})
