import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, chown } from 'node:fs/promises'
import path from 'node:path'
import { ProductCopyError } from '../src/errors.ts'
import type { PartKind, Place } from './part.ts'
import type { User } from './processes.ts'
import { findProgram, runProgram } from './programs.ts'
import { runSql } from './sql.ts'

const url = ({ port }: Place, database = 'product_copy') =>
  `postgres://postgres@127.0.0.1:${port}/${database}`
const program = (name: string) => findProgram([name], versionFolders())

/** PostgreSQL with its own defaults. */
export const postgres: PartKind = {
  name: 'postgres',
  ports: 1,
  stopSignal: 'SIGINT',
  // Ends at once too, and takes its shared memory along, which SIGKILL leaves behind.
  endSignal: 'SIGQUIT',
  missing: () =>
    program('postgres') && program('initdb')
      ? undefined
      : 'postgres and initdb are missing (apt-get install postgresql, or brew install postgresql)',
  async prepare({ folder }, data, guard) {
    const user = notRoot()
    if (user) await chown(data, user.uid, user.gid)
    await chmod(data, 0o700)
    const args = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C']
    await runProgram(
      {
        command: program('initdb')!,
        args: [...args, '--no-sync', `--pgdata=${data}`],
        cwd: '/',
        user,
      },
      { log: path.join(folder, 'initdb.log'), guard, timeoutMs: 120_000 },
    )
  },
  processes: ({ port }, data) => ({
    postgres: {
      command: program('postgres')!,
      args: [
        ...['-D', data, '-p', String(port)],
        ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      ],
      cwd: '/',
      user: notRoot(),
    },
  }),
  async version(env) {
    const [row] = await runSql('postgres', env['POSTGRES_URL']!, 'show server_version')
    return String(row!['server_version'])
  },
  async setUp(place) {
    const server = url(place, 'postgres')
    const found = await runSql(
      'postgres',
      server,
      "select 1 from pg_database where datname = 'product_copy'",
    )
    if (found.length === 0) await runSql('postgres', server, 'create database product_copy')
  },
  env: (place) => ({ POSTGRES_URL: url(place) }),
}

/** Debian and Red Hat keep the programs of each version in a folder of its own; the newest first. */
function versionFolders(): string[] {
  const parents = ['/usr/lib/postgresql', '/usr'].filter((folder) => existsSync(folder))
  return parents
    .flatMap((parent) => readdirSync(parent).map((name) => path.join(parent, name, 'bin')))
    .map((folder) => ({
      folder,
      version: Number(/(?:postgresql\/|pgsql-)(\d+)\/bin$/.exec(folder)?.[1]),
    }))
    .filter(({ version }) => version > 0)
    .sort((a, b) => b.version - a.version)
    .map(({ folder }) => folder)
}

/** PostgreSQL refuses to run as root. @returns whom root runs it as; undefined when we are not root */
function notRoot(): User | undefined {
  if (process.getuid!() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((option) => idOf(name, option))
    if (uid && gid) return { uid, gid }
  }
  throw new ProductCopyError('could-not-run', 'there is no user postgres or nobody to run it as')
}

function idOf(name: string, option: string): number | undefined {
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] as const
    return Number(execFileSync('id', [option, name], { encoding: 'utf8', stdio: [...stdio] }))
  } catch {
    return undefined
  }
}
