import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../database.ts'

const SESSIONS_END_MS = 2000
const SESSIONS_POLL_MS = 50

/** Where a number cannot be seen it is not 0. */
export type Count = number | 'not visible'

/** What the server itself has counted in the time of one way. */
export interface ServerCounts {
  /** PostgreSQL: of the way's own database. MySQL and MariaDB: of the whole server. */
  deadlocks: Count
  /** PostgreSQL only. */
  rollbacks: Count
  /** Lines with an error in the server's log, of all its databases. Only where it can be read with SQL. */
  logErrors: Count
}

export const NOT_VISIBLE: ServerCounts = {
  deadlocks: 'not visible',
  rollbacks: 'not visible',
  logErrors: 'not visible',
}

interface Counters {
  /** What was counted since the start, when the way's sessions are closed. */
  read(): Promise<ServerCounts>
}

/** @param name of the database in which the way runs */
export function startCounters(admin: Database, name: string): Promise<Counters> {
  return admin.dialect.name === 'mysql' ? startMysql(admin) : startPostgres(admin, name)
}

async function startMysql(admin: Database): Promise<Counters> {
  const before = await mysqlDeadlocks(admin)
  return {
    read: async () => {
      const after = await mysqlDeadlocks(admin)
      const visible = before !== undefined && after !== undefined
      return { ...NOT_VISIBLE, deadlocks: visible ? after - before : 'not visible' }
    },
  }
}

/** MariaDB has a status variable, MySQL a metric, which takes the right PROCESS. */
async function mysqlDeadlocks({ knex }: Database): Promise<number | undefined> {
  for (const sql of [
    `select variable_value as deadlocks from information_schema.global_status
      where variable_name = 'INNODB_DEADLOCKS'`,
    `select count as deadlocks from information_schema.innodb_metrics
      where name = 'lock_deadlocks' and status = 'enabled'`,
  ]) {
    // MySQL has not the first table, and without the right there is an error too.
    const found = (await knex.raw(sql).catch(() => [[]])) as unknown as [{ deadlocks: string }[]]
    const [row] = found[0]
    if (row) return Number(row.deadlocks)
  }
  return undefined
}

async function startPostgres({ knex }: Database, name: string): Promise<Counters> {
  const log = await postgresLog({ knex })
  return {
    async read() {
      await untilSessionsEnd({ knex }, name)
      const { rows } = await knex.raw<{ rows: { deadlocks: string; xact_rollback: string }[] }>(
        'select deadlocks, xact_rollback from pg_stat_database where datname = ?',
        [name],
      )
      const [row] = rows
      return {
        deadlocks: row ? Number(row.deadlocks) : 'not visible',
        rollbacks: row ? Number(row.xact_rollback) : 'not visible',
        logErrors: await postgresLogErrors({ knex }, log),
      }
    },
  }
}

/** A session adds its counts when it ends, which it does after the client has hung up. */
async function untilSessionsEnd({ knex }: Pick<Database, 'knex'>, name: string): Promise<void> {
  const end = Date.now() + SESSIONS_END_MS
  for (;;) {
    const open = await knex('pg_stat_activity').where('datname', name).pluck<string[]>('pid')
    if (open.length === 0 || Date.now() > end) return
    await sleep(SESSIONS_POLL_MS)
  }
}

interface LogPosition {
  file: string
  size: string
}

/** @returns undefined where the server's log is no file, or this user may not read it */
async function postgresLog({ knex }: Pick<Database, 'knex'>): Promise<LogPosition | undefined> {
  const found = await knex
    .raw<{ rows: { file: string; size: string }[] }>(
      `select file, (pg_stat_file(file)).size
         from pg_current_logfile('stderr') as file where file is not null`,
    )
    .catch(() => ({ rows: [] }))
  return found.rows[0]
}

async function postgresLogErrors(
  database: Pick<Database, 'knex'>,
  from: LogPosition | undefined,
): Promise<Count> {
  const to = await postgresLog(database)
  // After a change of the file a part is out of sight.
  if (!from || to?.file !== from.file) return 'not visible'
  const found = await database.knex
    .raw<{ rows: { errors: string }[] }>(
      `select count(*) as errors
         from regexp_split_to_table(pg_read_file(?, ?, ?), E'\\n') as line
        where line ~ ' (ERROR|FATAL|PANIC):  '`,
      [from.file, from.size, Number(to.size) - Number(from.size)],
    )
    .catch(() => ({ rows: [] }))
  return found.rows[0] ? Number(found.rows[0].errors) : 'not visible'
}
