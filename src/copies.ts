import { MAX_TEMPLATE_LENGTH, nameFiller } from './copy/name-template.ts'
import type { Item } from './messages.ts'

/** A product of the source brand. */
export interface SourceProduct {
  id: string
  name: string
  model: string
  price: string | null
  /** JSON, as the database has it. */
  attributes: string
}

/**
 * Products, each of which is copied into each of the brands. Such an item is known by its number: with ten brands
 * item 37 is the fourth product (`products[3]`) for the eighth brand (`brands[7]`).
 */
export interface Copies {
  nameTemplate: string
  brands: string[]
  products: SourceProduct[]
}

/**
 * Some items of copies as a message has them, in which each product and each brand stands once:
 * item `j` is a copy of `products[of[j]]` into `brands[into[j]]`. The items are in the order of their products.
 */
interface WrittenCopies {
  nameTemplate: string
  brands: unknown[]
  /** Each as `[sourceProductId, name, model, price, attributes]`. */
  products: unknown[][]
  of: number[]
  into: number[]
}

/** The texts of products in a message. They are made once, though most products stand in several chunks of their page. */
export const writeProducts = (products: SourceProduct[]): string[] =>
  products.map(({ id, name, model, price, attributes }) => {
    const texts = JSON.stringify([id, name, model, price])
    return `${texts.slice(0, -1)},${isJson(attributes) ? attributes : JSON.stringify(attributes)}]`
  })

/** MariaDB keeps some texts as JSON that are none, with "\\x" for example. As a text, such a product is rejected by itself. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/**
 * @param texts of all products, by `writeProducts`
 * @param items their numbers, in growing order
 * @returns JSON
 */
export function writeCopies(
  { nameTemplate, brands }: Copies,
  texts: string[],
  items: number[],
): string {
  const products: string[] = []
  const places = new Map<number, number>()
  const of: number[] = []
  const into: number[] = []
  let last = -1
  for (const item of items) {
    const product = Math.floor(item / brands.length)
    if (product !== last) products.push(texts[product]!)
    last = product
    of.push(products.length - 1)
    const brand = item % brands.length
    let place = places.get(brand)
    if (place === undefined) places.set(brand, (place = places.size))
    into.push(place)
  }
  const named = [...places.keys()].map((brand) => brands[brand]!)
  const head = JSON.stringify({ nameTemplate, brands: named, of, into })
  return `${head.slice(0, -1)},"products":[${products.join()}]}`
}

/** In units, twice what a template's characters may have. */
const MAX_TEMPLATE = 2 * MAX_TEMPLATE_LENGTH

/**
 * Reads what was written as copies, by whomever.
 * @returns its items. Those of a product share its values
 * @throws when these are no copies, or more items than that
 */
export function readCopies(value: unknown, maxItems: number): Item[] {
  const { nameTemplate, brands, products, of, into } = value as WrittenCopies
  if (typeof nameTemplate !== 'string' || nameTemplate.length > MAX_TEMPLATE) {
    throw new Error('this is no name template')
  }
  if (of.length !== into.length) throw new Error('these are not lists of one length')
  if (of.length > maxItems) throw new Error(`these are more than ${maxItems} items`)
  const fill = nameFiller(nameTemplate)
  const items: Item[] = []
  for (let item = 0; item < of.length; item++) {
    // Or two large products in turn would be read again for each item.
    if (of[item]! < of[item - 1]!) throw new Error('these are not in the order of their products')
    const [sourceProductId, name, model, price, attributes] = at(products, of[item])
    const brand = at(brands, into[item])
    const isText = typeof name === 'string' && typeof brand === 'string'
    const filled = isText ? fill(brand, name) : name
    items.push({ brand, name: filled, model, price, attributes, sourceProductId })
  }
  return items
}

function at<T>(list: T[], place: unknown): T {
  const value = typeof place === 'number' ? list[place] : undefined
  if (value === undefined) throw new Error('nothing is at this place')
  return value
}
