import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError } from 'fastify'
import { errorText, quoted } from '../errors.ts'
import type { App, Parts } from './app.ts'
import { invalid, Problem, sendProblem } from './problems.ts'
import { toProblem } from './to-problem.ts'

/** Answers whatever goes wrong with a problem, and logs each request without what it says. */
export function answerErrors(app: App, { database, watch, logger }: Parts): void {
  app.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error, database.dialect)
    // The parties of this process share what is known of the database.
    if (problem.code === 'unavailable') void watch.isAway(error)
    if (problem.code === 'internal') {
      const { method, routeOptions } = request
      logger.error({ method, route: routeOptions.url, ...thrown(error) }, 'request failed')
    }
    return sendProblem(reply, problem)
  })
  app.setNotFoundHandler(({ method, url }, reply) =>
    sendProblem(
      reply,
      new Problem('not-found', `there is no ${method} ${quoted(url.split('?')[0])}`, {
        path: 'path',
      }),
    ),
  )
  app.addHook('onRequest', (_, reply, done) => {
    // A text that looks like a page is none.
    void reply.header('x-content-type-options', 'nosniff')
    done()
  })
  app.addHook('onResponse', async ({ method, routeOptions }, { statusCode, elapsedTime }) => {
    const line = {
      method,
      route: routeOptions.url,
      status: statusCode,
      ms: Math.round(elapsedTime),
    }
    logger[statusCode >= 500 ? 'warn' : 'debug'](line, 'request')
  })
}

/** Where it was thrown: the lines of the stack, without the message's further lines. */
function thrown(error: unknown) {
  const { stack = '' } = error as { stack?: string }
  const frames = stack.split('\n').filter((line) => line.startsWith('    at '))
  return { err: errorText(error), stack: frames.slice(0, 10).join('\n') }
}

/** Answers on a connection what is not even a request. */
export function answerClientError(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const problem =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? new Problem('timeout', 'the request took too long to arrive')
      : invalid('headers', 'this is no HTTP request that can be read, or its headers are too long')
  const body = JSON.stringify(problem.body)
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  )
}
