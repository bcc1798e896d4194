import { Type } from 'typebox'
import { changeProduct, restoreProduct, type ChangeResult } from '../../products/change-product.ts'
import { deleteProduct } from '../../products/delete-product.ts'
import { findProduct } from '../../products/find-products.ts'
import type { App, Parts } from '../app.ts'
import { Problem } from '../problems.ts'
import {
  Change,
  duplicate,
  IdParams,
  notFound,
  ProductAnswer,
  toProductAnswer,
  unprocessable,
} from '../schemas.ts'

const tags = ['products']

/** One product by its id. */
export function addProductRoutes(app: App, { database }: Parts): void {
  app.get(
    '/products/:id',
    {
      schema: {
        tags,
        summary: 'Read a product, a deleted one too',
        params: IdParams,
        response: { 200: ProductAnswer, 404: notFound },
      },
    },
    async ({ params: { id } }) => {
      const product = await findProduct(database.knex, id)
      if (!product) throw notFoundProblem(`there is no product ${id}`)
      return toProductAnswer(product)
    },
  )

  app.patch(
    '/products/:id',
    {
      schema: {
        tags,
        summary: 'Change a live product; another name or model moves its key',
        params: IdParams,
        body: Change,
        response: {
          200: ProductAnswer,
          404: notFound,
          409: duplicate,
          422: unprocessable('`invalid-product`, `unknown-brand`'),
        },
      },
    },
    async ({ params: { id }, body, user }) =>
      productOf(id, await changeProduct(database, id, body, user)),
  )

  app.delete(
    '/products/:id',
    {
      schema: {
        tags,
        summary: 'Delete a product; again changes nothing',
        params: IdParams,
        response: { 204: Type.Null(), 404: notFound },
      },
    },
    async ({ params: { id } }, reply) => {
      if ((await deleteProduct(database, id)) === 'unknown') throw unknownProduct(id)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/products/:id/restore',
    {
      schema: {
        tags,
        summary: 'Make a deleted product live again; a live one stays as it is',
        params: IdParams,
        response: {
          200: ProductAnswer,
          404: notFound,
          409: duplicate,
          422: unprocessable('`invalid-product`'),
        },
      },
    },
    async ({ params: { id }, user }) => productOf(id, await restoreProduct(database, id, user)),
  )
}

function productOf(id: string, change: ChangeResult) {
  if (change.result === 'unknown') throw unknownProduct(id)
  if (change.result === 'done') return toProductAnswer(change.product)
  const { existingId } = change
  throw new Problem('duplicate-product', `product ${existingId} has this name and model`, {
    more: { existingId },
  })
}

const notFoundProblem = (detail: string) => new Problem('not-found', detail, { path: 'path/id' })
const unknownProduct = (id: string) =>
  notFoundProblem(`there is no product ${id}, or it is deleted and has to be restored first`)
