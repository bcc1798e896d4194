/**
 * Many rows for PostgreSQL: one text for each column, which is put together and taken apart faster than JSON.
 * Measured, a product takes 16 µs in place of 19.5, of both sides.
 */

/** Control characters, which `readProduct` lets into no text; in attributes JSON escapes them. */
const BETWEEN = '\u0001'
const NULL = '\u0002'

/**
 * A column's values. None may have a control character; a single one may not be empty, for `string_to_array`
 * makes an empty list of it.
 */
export const column = <T>(rows: T[], value: (row: T) => string | null): string =>
  rows.map((row) => value(row) ?? NULL).join(BETWEEN)

/**
 * SQL with a binding for each column, which `column` made: a row for each of their values, as texts. In a select's
 * list and not behind its `from`, where PostgreSQL first stores all rows: 2.1 µs a product with that, and 1.8 without.
 *
 * @param names of the columns, as in a list of SQL
 */
export const unnested = (names: string): string =>
  `(select ${names
    .split(/,\s*/)
    .map((name) => `unnest(string_to_array(?::text, e'\\x01', e'\\x02')) as ${name}`)
    .join()})`
