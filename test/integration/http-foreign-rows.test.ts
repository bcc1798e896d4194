import { describe, expect, test } from '@jest/globals'
import { item } from '../support/products.ts'
import { isProblem, useApi } from '../support/use-api.ts'

const { fixture, call, add, isClean } = useApi()

describe('what other programs have written', () => {
  const change = (id: string, columns: object) =>
    fixture.database.knex('product').where({ id }).update(columns)

  test('a product without a brand, with odd dates and an odd price, is found and can be mended', async () => {
    const id = await add('Phone')
    await change(id, { brand_id: 1, price: -1, create_date: '-infinity', edit_time: 'infinity' })
    expect(await call('GET', `/products/${id}`)).toMatchObject({
      status: 200,
      body: { brand: null, price: '-1.00', createDate: null, editTime: null },
    })
    expect(await call('POST', '/products', item('Phone'))).toMatchObject({
      status: 200,
      body: { outcome: 'existing', id },
    })
    expect(await call('PATCH', `/products/${id}`, { name: 'Phone 2' })).toMatchObject({
      status: 200,
      body: { name: 'Phone 2', price: '-1.00' },
    })
    expect(await call('PATCH', `/products/${id}`, { brand: 'Acme' })).toMatchObject({
      status: 200,
      body: { brand: 'Acme' },
    })
    isProblem(await call('PATCH', `/products/${id}`, { price: -2 }), 422, 'invalid-product')
  })

  test('a product that was merged says into which one, until it is restored', async () => {
    const kept = await add('Phone')
    const id = await add('Tablet')
    await change(id, { delete_status: 1, merged_into: kept })
    await fixture.database.knex('product_unique').where({ id }).delete()
    expect((await call('GET', `/products/${id}`)).body).toMatchObject({
      deleted: true,
      mergedInto: kept,
    })
    expect((await call('POST', `/products/${id}/restore`)).body).toMatchObject({
      deleted: false,
      mergedInto: null,
    })
  })

  test('a product whose texts can be no key stays deleted', async () => {
    const id = await add('Phone')
    await call('DELETE', `/products/${id}`)
    for (const model of ['', ' ', 'x'.repeat(200) + 'ß'.repeat(40)]) {
      await change(id, { model })
      isProblem(await call('POST', `/products/${id}/restore`), 422, 'invalid-product')
    }
    await isClean(0)
  })

  test('a key whose product is gone is no 500', async () => {
    const id = await add('Phone')
    await fixture.database.knex('product').where({ id }).delete()
    isProblem(await call('POST', '/products', item('Phone')), 409, 'duplicate-product', {
      existingId: id,
    })
  })

  test.each(['/products?brand=Acme&after=', '/copy-requests?after='])(
    '%s with more than 64 bits is a 400',
    async (path) => {
      const answer = await call('GET', `${path}9999999999999999999`)
      isProblem(answer, 400, 'invalid-request', { path: 'query/after' })
    },
  )
})
