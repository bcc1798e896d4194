import type { Database, Transaction } from '../database.ts'

interface KeyColumn {
  table: string
  column: string
  type: string
  nullable: boolean
}

/** The columns by whose texts rows are one or not. Their collation has to be binary, and NULL escapes a unique key. */
const KEY_COLUMNS: KeyColumn[] = [
  { table: 'product_unique', column: 'name', type: 'varchar(130)', nullable: false },
  { table: 'product_unique', column: 'model', type: 'varchar(255)', nullable: false },
  { table: 'brand', column: 'name_key', type: 'varchar(100)', nullable: false },
  { table: 'copy_request', column: 'request_key', type: 'varchar(128)', nullable: true },
  { table: 'copy_result', column: 'request_id', type: 'varchar(64)', nullable: false },
]
const COLLATION = { mysql: 'utf8mb4_bin', postgres: 'C' }
/** Bytes: a chunk's products or a page of chunks go into one statement, with their quotes escaped. */
const MIN_PACKET = 16 * 1024 * 1024
const THIS_SCHEMA = { mysql: 'database()', postgres: 'current_schema()' }

/**
 * Looks whether the tables, which somebody may have changed or loaded from a dump, and the sessions,
 * which a proxy may change, are what the promises rest on. Takes tables of the current version
 * (`schemaState`), and changes nothing.
 * @returns each problem as a line with what mends it
 */
export async function checkSchema(database: Database): Promise<string[]> {
  return [
    ...(await keyColumnProblems(database)),
    ...(await uniqueKeyProblems(database)),
    ...(await database.inTransaction((trx) =>
      database.dialect.name === 'mysql' ? mysqlSessionProblems(trx) : postgresSessionProblems(trx),
    )),
  ]
}

type FoundColumn = Record<'table' | 'column' | 'nullable', string> & { collation: string | null }

async function keyColumnProblems({ knex, dialect }: Database): Promise<string[]> {
  const found: FoundColumn[] = await knex('information_schema.columns')
    .select({
      table: 'table_name',
      column: 'column_name',
      nullable: 'is_nullable',
      collation: 'collation_name',
    })
    .whereRaw(`table_schema = ${THIS_SCHEMA[dialect.name]}`)
  return KEY_COLUMNS.flatMap((expected) => {
    const { table, column, nullable } = expected
    const is = found.find((one) => one.table === table && one.column === column)
    if (!is) return [`column ${table}.${column} is missing: restore the table from a backup`]
    const collation = COLLATION[dialect.name]
    const problems: string[] = []
    if (is.collation !== collation) {
      problems.push(
        `${table}.${column} has collation ${is.collation ?? 'default'}, ${collation} is needed: ${setCollation(dialect.name, expected)}`,
      )
    }
    if (is.nullable === 'YES' && !nullable) {
      problems.push(`${table}.${column} can be NULL: ${setNotNull(dialect.name, expected)}`)
    }
    return problems
  })
}

const mysqlColumn = ({ table, column, type, nullable }: KeyColumn) =>
  `alter table ${table} modify ${column} ${type} character set utf8mb4 collate utf8mb4_bin ${nullable ? 'null' : 'not null'}`

const setCollation = (dialect: 'mysql' | 'postgres', key: KeyColumn): string =>
  dialect === 'mysql'
    ? mysqlColumn(key)
    : `alter table ${key.table} alter column ${key.column} type ${key.type} collate "C"`

const setNotNull = (dialect: 'mysql' | 'postgres', key: KeyColumn): string =>
  dialect === 'mysql'
    ? mysqlColumn(key)
    : `alter table ${key.table} alter column ${key.column} set not null`

/** The promise itself: without it two live products can have one key. */
async function uniqueKeyProblems({ knex, dialect }: Database): Promise<string[]> {
  const columns: { column: string }[] =
    dialect.name === 'mysql'
      ? await knex('information_schema.statistics')
          .select({ column: 'column_name' })
          .where({ table_name: 'product_unique', index_name: 'ux_name_model', non_unique: 0 })
          .whereNull('sub_part')
          .whereRaw('table_schema = database()')
      : await knex('pg_constraint')
          .join('pg_attribute', 'attrelid', 'conrelid')
          .select({ column: 'attname' })
          .where({ conname: 'ux_name_model', contype: 'u' })
          .whereRaw(`conrelid = to_regclass('product_unique') and attnum = any(conkey)`)
  const names = columns.map(({ column }) => column).sort()
  if (names.join() === 'model,name') return []
  return [
    'product_unique has no unique key ux_name_model on name and model: alter table product_unique add constraint ux_name_model unique (name, model)',
  ]
}

async function postgresSessionProblems(trx: Transaction): Promise<string[]> {
  const { rows } = await trx.raw<{ rows: { transaction_isolation: string }[] }>(
    'show transaction_isolation',
  )
  return isolationProblems(rows[0]!.transaction_isolation)
}

async function mysqlSessionProblems(trx: Transaction): Promise<string[]> {
  const [rows] = (await trx.raw(
    // MariaDB's and MySQL's names for the isolation level.
    `show session variables where variable_name in
       ('tx_isolation', 'transaction_isolation', 'sql_mode', 'log_bin', 'binlog_format',
        'max_allowed_packet')`,
  )) as [{ Variable_name: string; Value: string }[], unknown]
  const values = new Map(rows.map((row) => [row.Variable_name, row.Value]))
  const isolation = values.get('transaction_isolation') ?? values.get('tx_isolation') ?? 'unknown'
  const problems = isolationProblems(isolation)
  if (!values.get('sql_mode')?.includes('STRICT_ALL_TABLES')) {
    problems.push(
      'sessions are without the strict mode, and long texts would be cut: let no proxy drop "set session sql_mode"',
    )
  }
  if (values.get('log_bin') === 'ON' && values.get('binlog_format') === 'STATEMENT') {
    problems.push(
      'binlog_format is STATEMENT, with which READ COMMITTED cannot write: set global binlog_format = ROW, and in the configuration file',
    )
  }
  const packet = Number(values.get('max_allowed_packet'))
  if (packet < MIN_PACKET) {
    problems.push(
      `max_allowed_packet is ${packet} bytes, ${MIN_PACKET} are needed: set global max_allowed_packet = ${MIN_PACKET}, and in the configuration file`,
    )
  }
  return problems
}

const isolationProblems = (found: string): string[] =>
  found.toLowerCase().replace('-', ' ') === 'read committed'
    ? []
    : [
        `transactions get the isolation level ${found}, READ COMMITTED is needed: let no proxy drop "set transaction isolation level"`,
      ]
