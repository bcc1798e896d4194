import { Type, type Static } from 'typebox'
import type { Outcome } from '../../messages.ts'
import { findBrands, unknownBrand } from '../../products/brands.ts'
import { createProducts, DUPLICATE_ERROR } from '../../products/create-products.ts'
import { findProduct, findProductByKey, findProductsOfBrand } from '../../products/find-products.ts'
import { canonicalText } from '../../products/product-key.ts'
import { MAX_LENGTH, readProduct, readProducts, textProblem } from '../../products/read-product.ts'
import type { App, Parts } from '../app.ts'
import { invalid, Problem } from '../problems.ts'
import {
  Batch,
  checkAfter,
  DEFAULT_LIMIT,
  duplicate,
  duplicates,
  Id,
  NewProduct,
  Next,
  nextOf,
  Outcomes,
  ProductAnswer,
  ProductsQuery,
  toProductAnswer,
  unprocessable,
} from '../schemas.ts'

const tags = ['products']
const Created = Type.Object({
  id: Id,
  outcome: Type.Enum(['created', 'existing']),
  product: ProductAnswer,
})
const Found = Type.Object({ products: Type.Array(ProductAnswer), next: Next })

/** Creating products, one or many, and looking for them. */
export function addProductsRoutes(app: App, { database, newId }: Parts): void {
  app.post(
    '/products',
    {
      schema: {
        tags,
        summary: 'Create a product',
        description: 'An answer of 201 is for a new one, 200 for one that was there.',
        body: NewProduct,
        response: {
          201: Created,
          200: Created,
          409: duplicate,
          422: unprocessable('`invalid-product`, `unknown-brand`'),
        },
      },
    },
    async ({ body, user }, reply) => {
      const { policy = 'return-existing', ...item } = body
      const product = readProduct(item)
      if ('reason' in product) {
        throw new Problem('invalid-product', product.reason, { path: `body/${product.field}` })
      }
      const brands = await findBrands(database, [product.brand])
      if (!brands.has(canonicalText(product.brand))) throw unknownBrand(product.brand)
      const [outcome] = await createProducts(
        database,
        { products: [product], policy, user },
        { newId, brands: () => Promise.resolve(brands) },
      )
      // A good product of a known brand: only a live one can be in its way.
      if (outcome?.outcome !== 'created' && outcome?.outcome !== 'existing') {
        throw new Problem('duplicate-product', DUPLICATE_ERROR, { more: existingOf(outcome) })
      }
      const found = await findProduct(database.knex, outcome.id)
      if (!found) throw lostProduct(outcome.id)
      const answer = { ...outcome, product: toProductAnswer(found) }
      return reply
        .code(outcome.outcome === 'created' ? 201 : 200)
        .header('location', `/products/${outcome.id}`)
        .send(answer)
    },
  )

  app.post(
    '/products/batch',
    {
      schema: {
        tags,
        summary: 'Create many products in one transaction',
        description:
          'An outcome for each item, in their order. Under the policy `fail` a duplicate refuses the whole batch.',
        body: Batch,
        response: { 200: Outcomes, 409: duplicates },
      },
    },
    async ({ body, user }) => {
      const { policy = 'return-existing', items } = body
      const outcomes = await createProducts(
        database,
        { products: readProducts(items), policy, user },
        { newId, brands: (names) => findBrands(database, names) },
      )
      if (outcomes.some((one) => 'reason' in one && one.reason === DUPLICATE_ERROR)) {
        throw new Problem('duplicate-products', DUPLICATE_ERROR, { more: { outcomes } })
      }
      return { outcomes }
    },
  )

  app.get(
    '/products',
    {
      schema: {
        tags,
        summary: 'Find live products by name and model, or by brand',
        description:
          'With `name` and `model` the product that has this key, in any spelling. With `brand` its products by id, from the one after `after`.',
        querystring: ProductsQuery,
        response: { 200: Found },
      },
    },
    async ({ query }) => {
      checkQuery(query)
      const { name, model, brand = '', after = '0', limit = DEFAULT_LIMIT } = query
      checkAfter(after)
      if (name !== undefined && model !== undefined) {
        const product = await findProductByKey(database, name, model)
        return { products: product ? [toProductAnswer(product)] : [], next: null }
      }
      const products = await findProductsOfBrand(database, brand, { after, limit })
      return {
        products: products.map(toProductAnswer),
        next: nextOf(products, limit),
      }
    },
  )
}

/** Another program has removed a product and left its key. */
const lostProduct = (existingId: string) =>
  new Problem(
    'duplicate-product',
    `product ${existingId} has this name and model, and is not there: "product-copy adopt" removes such keys`,
    { more: { existingId } },
  )

/** @throws Problem unless there is either a name with a model, or a brand */
function checkQuery(query: Static<typeof ProductsQuery>): void {
  const byKey = query.name !== undefined || query.model !== undefined
  if (!byKey && query.brand === undefined) {
    throw invalid('query', 'the query needs name and model, or brand')
  }
  for (const field of byKey ? (['name', 'model'] as const) : (['brand'] as const)) {
    const problem = textProblem(field, query[field], MAX_LENGTH[field])
    if (problem !== undefined) throw invalid(`query/${field}`, `query: ${problem}`)
  }
  if (!byKey) return
  for (const field of ['brand', 'after', 'limit'] as const) {
    if (query[field] === undefined) continue
    throw invalid(`query/${field}`, `query/${field} does not go with name and model`)
  }
}

const existingOf = (outcome: Outcome | undefined) =>
  outcome && 'existingId' in outcome ? { existingId: outcome.existingId } : {}
