import type { App } from './app.ts'
import { overloaded } from './problems.ts'

/** How long a request waits for its turn. */
const WAIT_MS = 5000

/**
 * Lets at most `max` requests that write work at a time, of the routes that are added after it; the
 * others wait for their turn. Each has a connection to the database, of which readers and the data path
 * in the same process must have some left even where somebody's lock holds all of these up.
 *
 * A turn ends when the work does, not when the caller hangs up: its transaction goes on.
 */
export function limitInHand(api: App, max: number): void {
  const waiting = new Set<() => void>()
  const inHand = new WeakSet<object>()
  let count = 0

  const next = () => {
    const [first] = waiting
    if (first) first()
    else count--
  }
  const turn = () =>
    new Promise<boolean>((resolve) => {
      const take = () => {
        clearTimeout(late)
        waiting.delete(take)
        resolve(true)
      }
      const late = setTimeout(() => {
        waiting.delete(take)
        resolve(false)
      }, WAIT_MS)
      waiting.add(take)
    })

  api.addHook('preHandler', async (request) => {
    if (request.method === 'GET' || request.method === 'HEAD') return
    if (count < max) count++
    else if (!(await turn())) {
      throw overloaded('unavailable', 'there is too much to do at the moment, try again later')
    }
    inHand.add(request)
    // Who has hung up while waiting wants nothing done any more.
    if (request.raw.socket.destroyed) throw overloaded('unavailable', 'the caller has gone')
  })
  api.addHook('onSend', (request, _, payload, done) => {
    if (inHand.delete(request)) next()
    done(null, payload)
  })
}
