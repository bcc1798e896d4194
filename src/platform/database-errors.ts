/** What Node.js says when there is no way to a server, and what the pool's time-out is called below. */
const OUT_OF_REACH = new Set([
  'CONNECTION_LOST',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'PROTOCOL_CONNECTION_LOST',
])

/** Whether an error of a database's client says that the server could not be reached or was lost. */
export function isOutOfReach(error: unknown): boolean {
  const { code, name } = error as { code?: unknown; name?: unknown }
  // knex: no connection of the pool came free.
  return OUT_OF_REACH.has(String(code)) || name === 'KnexTimeoutError'
}

/** Gives the error of a lost connection a code and words, where the driver gave none. */
export function markLost(error: unknown): unknown {
  const failure = error as { code?: unknown; message?: unknown }
  // What pg says when no connection came about in time.
  failure.code ??= failure.message === 'timeout expired' ? 'ETIMEDOUT' : 'CONNECTION_LOST'
  // Of a host with several addresses Node says nothing but the code.
  if (failure.message === '') failure.message = `connect ${String(failure.code)}`
  return error
}

/** What passes for a server that has not answered: its connection is destroyed with it. */
export const timedOut = (what: string, ms: number): Error =>
  Object.assign(new Error(`${what} took longer than ${ms} ms`), { code: 'ETIMEDOUT' })
