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

/** SQL with one binding, a text that `column` made: the list of its values, as texts. */
export const VALUES = "string_to_array(?::text, e'\\x01', e'\\x02')"
