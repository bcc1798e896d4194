import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { errorText, ProductCopyError, quoted } from '../errors.ts'

/** Where a database server is, and how to enter it. */
export interface DatabaseServer {
  dialect: 'mysql' | 'postgres'
  host: string
  port: number
  user: string
  password: string
  database: string
  /** Options of Node's `tls.connect`, or undefined for a connection in the clear. */
  tls: { ca?: string; rejectUnauthorized: boolean; verifyHost: boolean } | undefined
}

const SCHEMES: Record<string, 'mysql' | 'postgres'> = {
  'mysql:': 'mysql',
  'mariadb:': 'mysql',
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
}
const DEFAULT_PORT = { mysql: 3306, postgres: 5432 }
const FORM = 'mysql://USER:PASSWORD@HOST:PORT/DATABASE (or mariadb://, postgres://) is needed'

/** MySQL's names for the modes are taken as well. */
const TLS_MODES: Record<string, 'disable' | 'require' | 'verify-ca' | 'verify-full'> = {
  disable: 'disable',
  disabled: 'disable',
  require: 'require',
  required: 'require',
  'verify-ca': 'verify-ca',
  'verify-full': 'verify-full',
  'verify-identity': 'verify-full',
}
const TLS_PARAMETERS: Record<string, 'mode' | 'ca'> = {
  sslmode: 'mode',
  'ssl-mode': 'mode',
  sslrootcert: 'ca',
  'ssl-ca': 'ca',
}

/**
 * Reads DATABASE_URL. TLS is asked for as `?sslmode=require|verify-ca|verify-full` (or MySQL's
 * `?ssl-mode=...`), with `&sslrootcert=FILE` (`ssl-ca`) for a certificate authority of one's own;
 * `require` encrypts, and believes every server.
 * @throws ProductCopyError `could-not-run` with what is wrong, never with the password
 */
export function readDatabaseUrl(text: string): DatabaseServer {
  if (!URL.canParse(text)) throw wrong(`is not a URL: ${FORM}`)
  const url = new URL(text)
  const dialect = SCHEMES[url.protocol]
  if (!dialect) throw wrong(`begins with ${quoted(url.protocol)}: ${FORM}`)
  const host = decoded(url.hostname, 'host').replace(/^\[(.*)\]$/, '$1')
  const user = decoded(url.username, 'user')
  const database = decoded(url.pathname.slice(1), 'database')
  if (host === '') throw wrong(`has no host: ${FORM}`)
  if (user === '') throw wrong(`has no user: ${FORM}`)
  if (database === '' || database.includes('/')) throw wrong(`has no database's name: ${FORM}`)
  return {
    dialect,
    host,
    port: url.port === '' ? DEFAULT_PORT[dialect] : Number(url.port),
    user,
    password: decoded(url.password, 'password'),
    database,
    tls: readTls(url.searchParams, host),
  }
}

function readTls(parameters: URLSearchParams, host: string): DatabaseServer['tls'] {
  const given: { mode?: string; ca?: string } = {}
  for (const [name, value] of parameters) {
    const meaning = TLS_PARAMETERS[name]
    if (!meaning) {
      const allowed = Object.keys(TLS_PARAMETERS).join(', ')
      throw wrong(`has the unknown parameter ${quoted(name)}; allowed are ${allowed}`)
    }
    given[meaning] = value
  }
  const mode = TLS_MODES[(given.mode ?? 'disable').toLowerCase().replaceAll('_', '-')]
  if (!mode) {
    throw wrong(
      `has sslmode ${quoted(given.mode)}; allowed are disable, require, verify-ca and verify-full`,
    )
  }
  if (mode === 'disable') {
    if (given.ca !== undefined)
      throw wrong('has sslrootcert without sslmode=verify-ca or verify-full')
    return undefined
  }
  if (mode === 'verify-full' && isIP(host) !== 0) {
    throw wrong(`has sslmode verify-full, which needs a host's name, not the address ${host}`)
  }
  return {
    ...(given.ca === undefined ? {} : { ca: readCertificate(given.ca) }),
    rejectUnauthorized: mode !== 'require',
    verifyHost: mode === 'verify-full',
  }
}

function readCertificate(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw wrong(`has sslrootcert ${quoted(file)}, which cannot be read: ${errorText(cause)}`)
  }
}

function decoded(text: string, part: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrong(
      `has a ${part} with a "%" that is not followed by two hexadecimal digits: write %25`,
    )
  }
}

const wrong = (what: string) => new ProductCopyError('could-not-run', `DATABASE_URL ${what}`)
