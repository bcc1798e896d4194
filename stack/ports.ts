import { once } from 'node:events'
import { createServer } from 'node:net'
import { ProductCopyError } from '../src/errors.ts'

/**
 * Below the ports that systems give to outgoing connections (32768 and up): one of those could take
 * a part's port while it is stopped.
 */
const FIRST = 10_240
const BLOCK = 20
const BLOCKS = 1100

let next = 0

/**
 * Finds free ports in a row. Two processes that look at the same time begin in different places, so
 * that neither finds what the other has found and does not listen on yet.
 * @returns the first of them
 */
export async function freePorts(count: number): Promise<number> {
  for (let tries = 0; tries < BLOCKS; tries++) {
    if ((next % BLOCK) + count > BLOCK) next += BLOCK - (next % BLOCK)
    const port = FIRST + ((process.pid * BLOCK + next) % (BLOCK * BLOCKS))
    next += count
    if (await areFree(port, count)) return port
  }
  throw new ProductCopyError('could-not-run', 'no port is free')
}

async function areFree(first: number, count: number): Promise<boolean> {
  for (let port = first; port < first + count; port++) if (!(await isFree(port))) return false
  return true
}

export async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    await once(server.listen(port), 'listening')
    return true
  } catch {
    return false
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}
