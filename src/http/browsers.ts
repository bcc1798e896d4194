import type { IncomingHttpHeaders } from 'node:http'
import { quoted } from '../errors.ts'
import { Problem } from './problems.ts'

/**
 * Without tokens this machine's browsers must not carry requests of other sites here. A site may give
 * its own name this machine's address (DNS rebinding): then Host is its name. Or it sends a form or a
 * script's request: then Origin is the site.
 * @throws Problem `forbidden`
 */
export function checkBrowser({ host, origin }: IncomingHttpHeaders): void {
  const url = read(`http://${host}`)
  if (!url || !isLoopback(url.hostname)) {
    throw new Problem(
      'forbidden',
      `host ${quoted(host)} is not answered: without tokens only localhost, 127.0.0.1 and [::1] are`,
      { path: 'headers/host' },
    )
  }
  if (origin !== undefined && read(origin)?.host !== url.host) {
    throw new Problem(
      'forbidden',
      `requests of ${quoted(origin)} are not answered without tokens`,
      {
        path: 'headers/origin',
      },
    )
  }
}

/** Whether a host is this machine for itself alone. */
export const isLoopback = (host: string): boolean =>
  /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/i.test(host)

function read(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined
}
