import { beforeEach, expect } from '@jest/globals'
import { audit } from '../../src/products/audit.ts'
import { useAcmeDatabase } from './acme.ts'
import { CLEAN } from './exact.ts'
import { startApi, type Answer, type Api, type Call } from './http.ts'
import { item } from './products.ts'

/** The API for the tests of a file, on an embedded database that has nothing but the brand Acme before each. */
export function useApi() {
  const fixture = useAcmeDatabase()
  let api: Api
  beforeEach(async () => {
    api = await startApi(fixture)
  })
  const call = (method: string, path: string, body?: unknown, more?: Call): Promise<Answer> =>
    api.call(method, path, { body, ...more })
  return {
    fixture,
    call,
    url: () => api.url,
    /** Creates a product. @returns its id */
    add: async (name: string): Promise<string> =>
      String((await call('POST', '/products', item(name))).body['id']),
    isClean: async (liveProducts: number) =>
      expect(await audit(fixture.database)).toMatchObject({ liveProducts, ...CLEAN }),
  }
}

export function isProblem(answer: Answer, status: number, code: string, more: object = {}): void {
  expect(answer).toMatchObject({ status, body: { status, code, ...more } })
  expect(answer.type).toBe('application/problem+json')
}
