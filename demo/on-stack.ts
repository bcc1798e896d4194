import { randomBytes } from 'node:crypto'
import { migrate } from '../src/platform/migrate.ts'
import { readConfig, type Config } from '../src/platform/config.ts'
import { openServerDatabase } from '../src/platform/server-database.ts'
import { createTopics, deleteTopics, down, status, up } from '../stack/commands.ts'
import { startGuard } from '../stack/guard.ts'
import type { Env, PartName } from '../stack/part.ts'
import { runSql } from '../stack/sql.ts'
import { defaultFolder } from '../stack/state.ts'

const PARTS: PartName[] = ['mysql', 'redis', 'rocketmq']

/**
 * Does a piece of work on the stack of `npm run stack`, in a database and with topics of its own, and
 * removes them. A stack that is not up is started, and ended again.
 */
export async function onStack<T>(work: (config: Config, stays: boolean) => Promise<T>): Promise<T> {
  const folder = defaultFolder()
  const before = await status(folder)
  const guard = startGuard()
  try {
    process.stderr.write('starting MariaDB or MySQL, Redis and RocketMQ where they do not run\n')
    const { env } = await up(folder, PARTS, guard)
    return await withOwnNames(env, (config) => work(config, before.up))
  } finally {
    if (before.up) guard.release()
    else await down(folder)
  }
}

async function withOwnNames<T>(env: Env, work: (config: Config) => Promise<T>): Promise<T> {
  const name = `demo_${randomBytes(4).toString('hex')}`
  const namesrv = env['ROCKETMQ_NAMESRV']!
  const server = env['MYSQL_URL']!
  const url = new URL(server)
  url.pathname = `/${name}`
  try {
    await runSql('mysql', server, `create database ${name} character set utf8mb4`)
    await createTopics(namesrv, `${name}_`)
    const database = await openServerDatabase(url.href, { poolSize: 2 })
    await migrate(database).finally(() => database.close())
    const own = { DATABASE_URL: url.href, ROCKETMQ_PREFIX: `${name}_` }
    return await work(readConfig({ ...process.env, ...env, ...own }))
  } finally {
    await deleteTopics(namesrv, `${name}_`)
    await runSql('mysql', server, `drop database if exists ${name}`)
  }
}
