/** The 200 products over which the clients fight: 100 are created, 100 are also copied. */
export const TARGETS = ['T1', 'T2', 'T3', 'T4', 'T5']
export const SOURCE = 'Src'
export const SOURCE_PRODUCTS = 20
export const HOT_KEYS = 100 + TARGETS.length * SOURCE_PRODUCTS

export const sourceProduct = (n: number) => ({ name: `${SOURCE} ${n}`, model: `S ${n}` })

/** A hot product's name and model; the last hundred are those that copies of the source have. */
export function hotProduct(key: number): { name: string; model: string } {
  if (key < 100) return { name: `Hot ${key}`, model: `H ${key}` }
  const target = TARGETS[Math.floor((key - 100) / SOURCE_PRODUCTS)]
  const { name, model } = sourceProduct((key - 100) % SOURCE_PRODUCTS)
  return { name: `${target} ${name}`, model }
}

/** Names are ASCII here, so that this stands apart from the code under test. */
export const keyOf = ({ name, model }: { name: string; model: string }): string =>
  `${name}|${model}`
    .toLowerCase()
    .replace(/ +/g, ' ')
    .replace(/ ?\| ?/, '|')
    .trim()
