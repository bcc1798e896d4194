import type { App, Parts } from './app.ts'
import { overloaded } from './problems.ts'
import { anyProblem } from './schemas.ts'

/** Lets requests in to the routes that are added to `api` after it. */
export function letIn(api: App, { watch, stopping }: Parts): void {
  api.decorateRequest('user')
  api.addHook('onRequest', async (request, reply) => {
    if (stopping.aborted) {
      void reply.header('connection', 'close')
      throw overloaded('unavailable', 'the server is stopping')
    }
    if (watch.isGone()) throw overloaded('unavailable', 'the database is away, try again later')
    request.user = { id: 'anonymous', name: 'anonymous' }
  })
  api.addHook('onResponse', async (_, { statusCode }) => {
    if (statusCode < 400) watch.worked()
  })
  api.addHook('onRoute', ({ schema }) => {
    if (schema)
      schema.response = { '4xx': anyProblem, '5xx': anyProblem, ...(schema.response as object) }
  })
}
