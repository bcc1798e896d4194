import { describe, expect, test } from '@jest/globals'
import { runSql, type SqlPart } from '../../stack/sql.ts'
import { compareOnServer } from '../contract/compare.ts'
import { finished, runCli, startCli } from '../support/cli.ts'
import { newDatabase } from '../support/own-names.ts'
import { describeWith, describeWithOwn, part } from '../support/parts.ts'
import { until } from '../support/until.ts'

/** A user who may do everything in one database, and nothing on the server. */
const LIMITED: Record<SqlPart, string[]> = {
  mysql: [
    `create user limited@'127.0.0.1' identified by 'geheim'`,
    `grant all on product_copy.* to limited@'127.0.0.1'`,
  ],
  postgres: [
    `create role limited login password 'geheim'`,
    `grant all on database product_copy to limited`,
  ],
}
const COMPARED: Record<SqlPart, string> = {
  mysql: `select schema_name as name from information_schema.schemata
           where schema_name like 'product_copy_compare%'`,
  postgres: `select datname as name from pg_database where datname like 'product_copy_compare%'`,
}

describe.each(['mysql', 'postgres'] as const)('compare on %s', (name) => {
  describeWith(name, (url) => compareOnServer(() => url, part('redis')))

  describeWithOwn(name, (start) => {
    test('ended or refused, it leaves no database, and says so in one line', async () => {
      const server = await start()
      const url = server.env[name === 'mysql' ? 'MYSQL_URL' : 'POSTGRES_URL']!
      const left = () => runSql(name, url, COMPARED[name])

      const child = startCli(['compare', '--products', '20000'], 'unused', { DATABASE_URL: url })
      const run = finished(child)
      await until('a way runs', async () => (await left()).length > 0)
      child.kill('SIGINT')
      expect(await run).toMatchObject({ code: 3, stdout: '' })
      expect((await run).stderr).toMatch(
        /^(compare: \d[^\n]*\n)*product-copy: compare was ended by a signal; its tables are removed\n$/,
      )
      expect(await left()).toEqual([])

      await runSql(name, url, ...LIMITED[name])
      const limited = Object.assign(new URL(url), { username: 'limited', password: 'geheim' })
      const refused = await runCli(['compare'], 'unused', { DATABASE_URL: limited.href })
      expect(refused).toMatchObject({ code: 3, stdout: '' })
      expect(refused.stderr).toMatch(
        /^product-copy: DATABASE_URL: compare makes databases of its own, [^\n]* user "limited" may not [^\n]*\n$/,
      )
      expect(refused.stderr).not.toContain('geheim')
    })
  })
})

describeWith('postgres', () => {
  test('the database that DATABASE_URL names is not touched', async () => {
    const url = await newDatabase('postgres')
    const args = ['compare', '--products', '100', '--rounds', '2', '--ways', 'dedup-strict']
    expect(await runCli(args, 'unused', { DATABASE_URL: url })).toMatchObject({ code: 0 })
    expect(
      await runSql('postgres', url, `select 1 from pg_tables where schemaname = 'public'`),
    ).toEqual([])
  })
})
