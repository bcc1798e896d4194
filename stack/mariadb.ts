import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { PartKind, Place } from './part.ts'
import { findProgram, runProgram } from './programs.ts'
import { runSql } from './sql.ts'

const url = ({ port }: Place) => `mysql://root@127.0.0.1:${port}/product_copy`
const server = () => findProgram(['mariadbd', 'mysqld'])
/** It is not always where the server is. */
const installer = () => findProgram(['mariadb-install-db', 'mysql_install_db'], ['/usr/bin'])

/** Run before anybody can connect. MySQL has no user for 127.0.0.1, MariaDB has one already. */
const INIT_SQL = `
create user if not exists 'root'@'127.0.0.1';
grant all on *.* to 'root'@'127.0.0.1' with grant option;
create database if not exists product_copy character set utf8mb4;
`

/**
 * MariaDB or MySQL, with its own defaults but for the memory: each commit is flushed, as in production, so
 * that measurements on it are honest.
 */
export const mariadb: PartKind = {
  name: 'mysql',
  ports: 1,
  stopSignal: 'SIGTERM',
  endSignal: 'SIGKILL',
  missing() {
    const found = server()
    if (!found)
      return 'mariadbd (or mysqld) is missing (apt-get install mariadb-server, or brew install mariadb)'
    if (isMariadb(found) && !installer())
      return `mariadb-install-db, which belongs to ${found}, is missing`
    return undefined
  },
  async prepare({ folder }, data, guard) {
    await writeFile(path.join(folder, 'init.sql'), INIT_SQL)
    const command = isMariadb(server()!) ? installer()! : server()!
    const args = isMariadb(server()!)
      ? ['--auth-root-authentication-method=normal', '--skip-test-db']
      : ['--initialize-insecure']
    await runProgram(
      {
        command,
        args: ['--no-defaults', `--datadir=${data}`, ...asRoot(), ...args],
        cwd: folder,
      },
      { log: path.join(folder, 'install.log'), guard, timeoutMs: 120_000 },
    )
  },
  processes: ({ folder, port }, data) => ({
    mysqld: {
      command: server()!,
      args: [
        '--no-defaults',
        `--datadir=${data}`,
        ...asRoot(),
        `--init-file=${path.join(folder, 'init.sql')}`,
        '--bind-address=127.0.0.1',
        `--port=${port}`,
        // In the data folder: the path of a socket has to be short.
        '--socket=mysqld.sock',
        '--skip-name-resolve',
        // With 128 MB, its own, a table of some million products is read from the disk page by page. It takes
        // what it uses.
        '--innodb-buffer-pool-size=1G',
        // MySQL's second protocol would listen on a port that is the same for all.
        '--loose-mysqlx=0',
      ],
      cwd: folder,
    },
  }),
  async version(env) {
    const [row] = await runSql('mysql', env['MYSQL_URL']!, 'select version() as version')
    return String(row!['version'])
  },
  env: (place) => ({ MYSQL_URL: url(place), DATABASE_URL: url(place) }),
}

const isMariadb = (program: string): boolean =>
  execFileSync(program, ['--no-defaults', '--version'], {
    encoding: 'utf8',
    timeout: 10_000,
  }).includes('MariaDB')

/** Neither server runs as root unless it is told to. */
const asRoot = (): string[] => (process.getuid!() === 0 ? ['--user=root'] : [])
