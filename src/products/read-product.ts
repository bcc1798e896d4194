import type { Item } from '../messages.ts'
import { quoted } from '../errors.ts'
import type { ProductFields, User } from '../database.ts'
import { canonicalText, isPlain, productKey, type ProductKey } from './product-key.ts'

/** Lengths in characters (code points), judged on the text as given and on its canonical form. */
export const MAX_LENGTH = { brand: 100, name: 130, model: 255, userId: 64, userName: 30 } as const
/** Bytes of an item's attributes as JSON: many times what products have, and a chunk stays a message. */
const MAX_ATTRIBUTES_BYTES = 4096
const MAX_ATTRIBUTES_DEPTH = 8
/** JSON readers round greater numbers without a word; this one did so before we see them. */
const MAX_NUMBER = Number.MAX_SAFE_INTEGER

/** A product whose every field can be stored as it is. */
export interface ReadProduct extends ProductFields {
  key: ProductKey
  brand: string
}

/** Why something can never be a product, and which of its fields is at fault. */
export interface Unreadable {
  reason: string
  field: keyof Omit<ReadProduct, 'key'>
}

/** Reads an item from outside. @returns the product, or the reason why it can never be one */
export const readProduct = (item: Item): ReadProduct | Unreadable =>
  withCommon(item, readCommon(item))

/** Reads items. Those that follow each other and share a product's values, as copies of it do, have them read once. */
export function readProducts(items: Item[]): (ReadProduct | Unreadable)[] {
  let last: Item | undefined
  let common: Common | Unreadable
  return items.map((item) => {
    if (last === undefined || !shareCommon(last, item)) common = readCommon(item)
    last = item
    return withCommon(item, common)
  })
}

/** What the copies of a product have in common. */
type Common = Omit<ProductFields, 'name'>

const shareCommon = (a: Item, b: Item): boolean =>
  a.attributes === b.attributes &&
  a.model === b.model &&
  a.price === b.price &&
  a.sourceProductId === b.sourceProductId

function readCommon(item: Item): Common | Unreadable {
  const { model } = item
  const price = readPrice(item.price)
  const attributes = readAttributes(item.attributes ?? {})
  const sourceProductId = item.sourceProductId ?? null
  const unreadable = unreadableText('model', model, MAX_LENGTH.model)
  if (unreadable) return unreadable
  if (price === undefined) return { field: 'price', reason: priceProblem(item.price) }
  if (typeof attributes === 'object') return { field: 'attributes', ...attributes }
  const sourceReason = sourceProblem(sourceProductId)
  if (sourceReason !== undefined) return { field: 'sourceProductId', reason: sourceReason }
  return {
    model: model as string,
    price,
    attributes,
    sourceProductId: sourceProductId as string | null,
  }
}

function withCommon({ brand, name }: Item, common: Common | Unreadable): ReadProduct | Unreadable {
  const unreadable =
    unreadableText('brand', brand, MAX_LENGTH.brand) ??
    unreadableText('name', name, MAX_LENGTH.name)
  if (unreadable) return unreadable
  if ('reason' in common) return common
  const { model, price, attributes, sourceProductId } = common
  return {
    key: productKey(name as string, model),
    brand: brand as string,
    name: name as string,
    model,
    price,
    attributes,
    sourceProductId,
  }
}

function unreadableText(
  field: Unreadable['field'],
  value: unknown,
  max: number,
): Unreadable | undefined {
  const reason = textProblem(field, value, max)
  return reason === undefined ? undefined : { field, reason }
}

/**
 * The key of a product that is in the table already. Other programs may have written it, so that its
 * texts can be what `readProduct` would have refused. @returns the key, or the reason why it has none
 */
export function storedKey(product: {
  name: string | null
  model: string | null
}): ProductKey | { reason: string } {
  const { name, model } = product
  const reason =
    textProblem('name', name, MAX_LENGTH.name) ?? textProblem('model', model, MAX_LENGTH.model)
  return reason === undefined ? productKey(name!, model!) : { reason }
}

/** @returns why a user cannot be stored with a product, or undefined */
export function userProblem(user: User): string | undefined {
  return (
    textProblem('user id', user.id, MAX_LENGTH.userId) ??
    textProblem('user name', user.name, MAX_LENGTH.userName)
  )
}

/** @returns why a text cannot be a field of at most `max` characters, or undefined */
export function textProblem(field: string, value: unknown, max: number): string | undefined {
  if (value === undefined || value === null) return `${field} is missing`
  if (typeof value !== 'string') return `${field} is ${quoted(value)}, not a text`
  // Before anything goes through it: it may be a stranger's, of millions. A character has two units at the most.
  if (value.length > 2 * max) return `${field} has more than ${max} characters`
  if (isPlain(value) && value.length <= max) return undefined
  const control = /\p{Cc}/u.exec(value)
  if (control) return `${field} ${quoted(value)} has a control character (${codePoint(control[0])})`
  if (!value.isWellFormed()) return `${field} ${quoted(value)} is not valid Unicode`
  const canonical = canonicalText(value)
  if (canonical === '') return `${field} is empty`
  const length = Math.max(characters(value), characters(canonical))
  if (length > max) return `${field} has ${length} characters, at most ${max} are allowed`
  return undefined
}

/** @returns a decimal, null where no price is given, or undefined for what is no price */
function readPrice(price: unknown): string | null | undefined {
  if (price === undefined || price === null || price === '') return null
  if (typeof price !== 'string' && typeof price !== 'number') return undefined
  const text = String(price).trim()
  return /^\d{1,10}(\.\d{1,2})?$/.test(text) ? text : undefined
}

const priceProblem = (price: unknown) =>
  `price is ${quoted(price)}, not a price: at most 10 digits, a point and 2 digits are allowed`

/** @returns the attributes as JSON, or what is wrong with them */
function readAttributes(attributes: unknown): string | { reason: string } {
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) {
    return { reason: `attributes are ${quoted(attributes)}, not an object` }
  }
  const problem = valueProblem(attributes, 1)
  if (problem !== undefined) return { reason: `attributes ${problem}` }
  const json = JSON.stringify(attributes)
  // A character has at most three bytes in UTF-8 for each unit of its length.
  const bytes = json.length * 3 > MAX_ATTRIBUTES_BYTES ? Buffer.byteLength(json) : 0
  if (bytes > MAX_ATTRIBUTES_BYTES) {
    const allowed = `at most ${MAX_ATTRIBUTES_BYTES} are allowed`
    return { reason: `attributes have ${bytes} bytes as JSON, ${allowed}` }
  }
  return json
}

/** What a JSON column cannot keep: NUL, half a surrogate pair; and what a deep parser dies of. */
function valueProblem(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') {
    return value.includes('\u0000') || !value.isWellFormed()
      ? `hold ${quoted(value)}, which is not valid text`
      : undefined
  }
  if (typeof value === 'number' && (!Number.isFinite(value) || Math.abs(value) > MAX_NUMBER)) {
    return `hold ${value}, a number that is not kept exactly: write it as a text`
  }
  if (typeof value !== 'object' || value === null) return undefined
  if (depth > MAX_ATTRIBUTES_DEPTH) return `are nested deeper than ${MAX_ATTRIBUTES_DEPTH}`
  for (const name in value) {
    const inner = (value as Record<string, unknown>)[name]
    const problem = valueProblem(name, depth) ?? valueProblem(inner, depth + 1)
    if (problem !== undefined) return problem
  }
  return undefined
}

function sourceProblem(sourceProductId: unknown): string | undefined {
  if (sourceProductId === null) return undefined
  return isId(sourceProductId)
    ? undefined
    : `sourceProductId is ${quoted(sourceProductId)}, not an id: a text of up to 19 digits is allowed`
}

export const MAX_ID = 0x7fffffffffffffffn

/** Whether a text is a 64-bit id as this project writes them: decimal, without leading zeros. */
export function isId(value: unknown): value is string {
  if (typeof value !== 'string' || !/^(0|[1-9][0-9]{0,18})$/.test(value)) return false
  return value.length < 19 || BigInt(value) <= MAX_ID
}

const characters = (text: string): number => [...text].length

const codePoint = (character: string): string =>
  `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
