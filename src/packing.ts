import { deflateSync, inflateSync } from 'node:zlib'

/** Length of a list's JSON from which on it is packed. What is shorter stays easy to read. */
const PACKED_FROM = 2048
/**
 * Three times what our largest chunk or result has. A statement that inserts such a list, with a backslash
 * before each quote, is still within the 16 MiB that MySQL and MariaDB take at the least.
 */
const MAX_BYTES = 6 * 1024 * 1024
/** The fastest: measured, the others take three times as long for a seventh less. */
const LEVEL = 1
/** Bytes that zlib writes at a time: with its own 16 KiB it takes 40 turns for the columns of a chunk. */
const TURN_BYTES = 64 * 1024

type Fields = Record<string, unknown>

/**
 * Writes a list by columns: as an object that has, for each field, the list of its values; `null` stands for a
 * field that is not there. Where all values are equal, as the outcomes of most results are, the field has the
 * value itself, unless no list would be left to tell how many there are.
 *
 * @param list of our own making, with texts as values: each field's name has a list as long as this one, so that
 *   a stranger's thousand names would take all memory
 */
export function columnsOf(list: object[]): string {
  const columns = new Map<string, unknown[]>()
  for (const [index, fields] of list.entries()) {
    for (const name in fields) {
      let column = columns.get(name)
      if (!column) columns.set(name, (column = new Array<unknown>(list.length).fill(null)))
      column[index] = (fields as Fields)[name]
    }
  }
  const short = [...columns].map(([name, values]) => [
    name,
    isOneValue(values) ? values[0] : values,
  ])
  const hasList = short.some(([, values]) => Array.isArray(values))
  return JSON.stringify(Object.fromEntries(hasList ? short : columns))
}

const isOneValue = (values: unknown[]): boolean => values.every((value) => value === values[0])

/**
 * Reads what `columnsOf` wrote, or a list as it is.
 * @throws when these are no columns, or they are too long
 */
export function rowsOf(value: unknown, maxLength: number): unknown {
  if (Array.isArray(value)) return value
  const names = Object.keys(value as Fields)
  const columns = Object.values(value as Fields)
  const lists = columns.filter(Array.isArray) as unknown[][]
  const { length } = lists[0]!
  if (length > maxLength) {
    throw new Error(`it has ${length} entries, at most ${maxLength} are allowed`)
  }
  if (lists.some((list) => list.length !== length)) {
    throw new Error('these are not columns of one length')
  }
  // Each is there as often as there are rows: without a bound, a stranger's long ones would take all memory.
  const oneValues = Object.entries(value as Fields).filter(([, column]) => !Array.isArray(column))
  if (JSON.stringify(oneValues).length * length > MAX_BYTES) {
    throw new Error('its fields with one value are too large')
  }
  // It would not be a field.
  if (names.includes('__proto__')) throw new Error('no field has this name')
  const rows: Fields[] = []
  for (let index = 0; index < length; index++) {
    const fields: Fields = {}
    for (let at = 0; at < names.length; at++) {
      const column = columns[at]
      const value: unknown = Array.isArray(column) ? column[index] : column
      if (value !== null) fields[names[at]!] = value
    }
    rows.push(fields)
  }
  return rows
}

export const isLong = (json: string): boolean => json.length >= PACKED_FROM

/** @returns JSON as zlib data (RFC 1950) in base64 */
export const pack = (json: string): string =>
  deflateSync(json, { level: LEVEL, chunkSize: TURN_BYTES }).toString('base64')

/**
 * @returns what was packed, from its JSON
 * @throws when this is nothing packed, or too large
 */
export function unpack(packed: string): unknown {
  const data = Buffer.from(packed, 'base64')
  // What else is in it Node.js passes over, and others would not.
  if (data.toString('base64') !== packed) throw new Error('this is not base64')
  return JSON.parse(
    inflateSync(data, { maxOutputLength: MAX_BYTES, chunkSize: TURN_BYTES }).toString(),
  )
}
