import type { App } from './app.ts'
import { Problem } from './problems.ts'

/**
 * Lets the paths that are added to `app` after it answer their other methods with 405, once they have
 * let a request in.
 * @returns what has to be called when all are added
 */
export function refuseOtherMethods(app: App): () => void {
  const methodsOf = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const methods = methodsOf.get(url) ?? new Set()
    for (const one of [method].flat()) methods.add(one)
    methodsOf.set(url, methods)
  })
  return () => {
    for (const [url, methods] of [...methodsOf]) {
      const allow = [...methods].join(', ')
      const refusal = (method: string) => {
        const detail = `${method} is not allowed here; allowed are ${allow}`
        return new Problem('method-not-allowed', detail, { path: 'path', headers: { allow } })
      }
      app.route({
        method: app.supportedMethods.filter((method) => !methods.has(method)),
        url,
        schema: { hide: true },
        // Before a body is looked at.
        onRequest: ({ method }, _, done) => done(refusal(method)),
        handler: () => undefined,
      })
    }
  }
}
