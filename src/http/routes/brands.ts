import { Type } from 'typebox'
import { ensureBrands, listBrands } from '../../products/brands.ts'
import type { App, Parts } from '../app.ts'
import { Id, NewBrand } from '../schemas.ts'

const tags = ['brands']
const BrandAnswer = Type.Object({ id: Id, name: Type.String() })
const Brands = Type.Object({
  brands: Type.Array(Type.Object({ name: Type.String(), liveProducts: Type.Integer() })),
})

export function addBrandRoutes(app: App, { database, newId }: Parts): void {
  app.get(
    '/brands',
    {
      schema: {
        tags,
        summary: 'List the brands with the number of their live products',
        response: { 200: Brands },
      },
    },
    async () => ({ brands: await listBrands(database) }),
  )

  app.post(
    '/brands',
    {
      schema: {
        tags,
        summary: 'Add a brand, or find the one that has this name in any spelling',
        body: NewBrand,
        response: { 200: BrandAnswer },
      },
    },
    async ({ body: { name } }) => {
      const [brand] = (await ensureBrands(database, newId, [name])).values()
      return brand!
    },
  )
}
