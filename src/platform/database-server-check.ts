import type { Knex } from 'knex'
import type { Database } from '../database.ts'
import { errorText, ProductCopyError, quoted } from '../errors.ts'
import { isOutOfReach } from './database-errors.ts'
import type { DatabaseServer } from './database-url.ts'

const OLDEST = { MySQL: [8, 4], MariaDB: [10, 11], PostgreSQL: [15, 0] } as const

/** @throws ProductCopyError `could-not-run` when the server is too old */
export async function checkVersion(knex: Knex, server: DatabaseServer): Promise<void> {
  const [row] = await knex.select<{ version: string }[]>(knex.raw('version() as version'))
  const { product, version } = readVersion(server.dialect, row!.version)
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor, oldestMinor] = OLDEST[product]
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return
  throw new ProductCopyError(
    'could-not-run',
    `DATABASE_URL: ${product} ${version} at ${where(server)} is too old: MySQL 8.4, MariaDB 10.11, PostgreSQL 15 or newer is needed`,
  )
}

/** "8.4.3", "5.5.5-10.11.6-MariaDB-log" (as some proxies write it), "PostgreSQL 15.4 on x86_64". */
function readVersion(dialect: DatabaseServer['dialect'], text: string) {
  const mariadb = /(\d+\.\d+\.\d+)-MariaDB/i.exec(text)
  if (mariadb) return { product: 'MariaDB' as const, version: mariadb[1]! }
  const version = /\d+(\.\d+)*/.exec(text)?.[0] ?? '0'
  return { product: dialect === 'mysql' ? ('MySQL' as const) : ('PostgreSQL' as const), version }
}

/** Such as `PostgreSQL 15.8`. */
export async function serverName({ knex }: Database): Promise<string> {
  const rows = await knex.select<{ version: string }[]>(knex.raw('version() as version'))
  const version = rows[0]!.version.split(/ on | \(/)[0]!
  return /MariaDB|PostgreSQL/.test(version) ? version : `MySQL ${version}`
}

/** The line for an error on the way to a server: what was found, and what is needed. */
export function openingProblem(server: DatabaseServer, error: unknown): string {
  const { code, errno } = error as { code?: unknown; errno?: unknown }
  const kind = server.dialect === 'mysql' ? 'MySQL or MariaDB' : 'PostgreSQL'
  const at = where(server)
  const user = quoted(server.user)
  const database = quoted(server.database)
  const found = new Set([code, errno])
  const is = (...codes: unknown[]) => codes.some((one) => found.has(one))
  if (is('ENOTFOUND', 'EAI_AGAIN')) {
    return `DATABASE_URL: host ${quoted(server.host)} is not known (${String(code)}): correct it`
  }
  if (is(1049, '3D000')) {
    return `DATABASE_URL: there is no database ${database} at ${at}: create it, or correct its name`
  }
  if (is(1044, '42501')) {
    return `DATABASE_URL: user ${user} may not use database ${database} at ${at}: grant it, or correct the user`
  }
  if (is(1045, 1698, '28P01', '28000')) {
    return `DATABASE_URL: ${kind} at ${at} refuses user ${user}: correct user and password (${errorText(error)})`
  }
  if (isOutOfReach(error) && code !== 'CONNECTION_LOST') {
    return `DATABASE_URL: no ${kind} answers at ${at} (${String(code)}): start it, or correct host and port`
  }
  return `DATABASE_URL: ${kind} at ${at} cannot be used: ${errorText(error)}`
}

const where = ({ host, port }: DatabaseServer): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`
