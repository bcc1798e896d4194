import { deflateSync, inflateSync } from 'node:zlib'

/** Bytes of a list as JSON from which on it is packed. What is smaller stays easy to read. */
export const PACKED_FROM_BYTES = 2048
/**
 * Three times what our largest chunk or result has. A statement that inserts such a list, with a backslash
 * before each quote, is still within the 16 MiB that MySQL and MariaDB take at the least.
 */
const MAX_BYTES = 6 * 1024 * 1024
/** The fastest: measured, the others take three times as long for a seventh less. */
const LEVEL = 1

/** @returns a list's JSON as zlib data (RFC 1950) in base64: about a tenth of its bytes */
export const pack = (json: string): string => deflateSync(json, { level: LEVEL }).toString('base64')

/** @throws when this is nothing packed, or too large */
export const unpack = (packed: string): unknown =>
  JSON.parse(inflateSync(Buffer.from(packed, 'base64'), { maxOutputLength: MAX_BYTES }).toString())

/** A list as it is kept in a column: as JSON, or packed. */
export const writeList = (list: unknown[]): string => {
  const json = JSON.stringify(list)
  return json.length < PACKED_FROM_BYTES ? json : pack(json)
}

/** Reads what `writeList` wrote. */
export const readList = (text: string): unknown =>
  text.startsWith('[') ? JSON.parse(text) : unpack(text)
