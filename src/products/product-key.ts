import { crc32 } from 'node:zlib'

/** Canonical (name, model). Two products with equal keys are one product. */
export interface ProductKey {
  name: string
  model: string
}

/**
 * The only maker of product keys: the message group, `product_unique` and every lock use it.
 * `product` keeps the text as given.
 */
export function productKey(name: string, model: string): ProductKey {
  return { name: canonicalText(name), model: canonicalText(model) }
}

/**
 * Unicode NFC, trimmed, inner white space to one space, without case.
 *
 * Lower-casing alone keeps apart what users call the same: "STRASSE" and "straße", "ΟΔΟΣ" and
 * "οδοσ". By way of the upper case, texts that are equal in upper or in lower case have one key. The
 * first lower-casing is for "ẞ", whose upper case is itself. White space comes before: the lower case
 * of "Σ" depends on what stands beside it.
 */
export function canonicalText(text: string): string {
  if (isPlain(text)) return text.toLowerCase()
  return text
    .normalize('NFC')
    .trim()
    .replace(/\s+/gu, ' ')
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .normalize('NFC')
}

/**
 * Whether a text is printable ASCII without white space but single spaces inside, as most are: nothing
 * of its canonical form takes more than lower-casing.
 */
export const isPlain = (text: string): boolean => /^[!-~]+(?: [!-~]+)*$/.test(text)

/** A key as one text, for maps. The separator cannot be part of a key: it is a control character. */
export const keyText = (key: ProductKey): string => `${key.name}\u0000${key.model}`

/** Every writer takes the keys' locks in this order, and so no two of them wait for each other. */
export function compareKeys(a: ProductKey, b: ProductKey): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  if (a.model !== b.model) return a.model < b.model ? -1 : 1
  return 0
}

/** @returns 0 to `shards` - 1: the CRC-32 of the key's text in UTF-8, mod `shards` */
export const shardOf = (key: ProductKey, shards: number): number => crc32(keyText(key)) % shards
