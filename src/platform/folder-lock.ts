import { randomBytes } from 'node:crypto'
import { rename, unlink } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import path from 'node:path'
import { ProductCopyError } from '../errors.ts'

const LOCK_FILE = 'lock.sock'
/** sockaddr_un holds 104 bytes on macOS and 108 on Linux, one of them the end. */
const MAX_SOCKET_PATH = 103
const MAX_TRIES = 10

/**
 * Takes a folder for this process alone, until it ends in whatever way or calls `release`.
 *
 * The lock is a socket on which this process listens. The system closes it with the process, so that
 * a killed owner leaves no lock; and it answers for a process that is busy or stopped, where a file
 * with a heartbeat would look abandoned.
 *
 * @throws ProductCopyError `could-not-run` when another process has the folder
 */
export async function lockFolder(folder: string): Promise<{ release: () => Promise<void> }> {
  const socket = socketPath(folder)
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const server = await listen(socket)
    if (server) return { release: () => close(server) }
    const owner = await askOwner(socket)
    if (owner !== undefined) throw inUse(folder, owner)
    await removeAbandoned(socket, folder)
  }
  throw inUse(folder, '')
}

/** @returns undefined when the path is taken, by a process or by what a killed one left */
function listen(socket: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => {
      connection.on('error', () => connection.destroy())
      connection.end(String(process.pid))
    })
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    // A lock alone keeps no process running.
    server.listen(socket, () => resolve(server.unref()))
  })
}

/** @returns the owner's process id, '' when it does not say, undefined when there is no owner */
function askOwner(socket: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = ''
    const connection = connect(socket)
    connection.setTimeout(1000, () => {
      resolve(answer)
      connection.destroy()
    })
    connection.on('data', (data) => (answer += data.toString()))
    connection.on('end', () => resolve(answer))
    connection.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? undefined : answer)
    })
  })
}

/**
 * Two processes may find the same abandoned socket, and the slower one would remove what the faster
 * one has put there. So it is moved away first and asked again; a living one is put back.
 */
async function removeAbandoned(socket: string, folder: string): Promise<void> {
  const aside = socketPath(folder, `.${randomBytes(4).toString('hex')}`)
  try {
    await rename(socket, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if ((await askOwner(aside)) === undefined) await unlink(aside)
  else await rename(aside, socket)
}

/** The shorter of the absolute and the relative path: the system allows about a hundred bytes. */
function socketPath(folder: string, suffix = ''): string {
  const absolute = path.resolve(folder, LOCK_FILE + suffix)
  if (process.platform === 'win32') return `\\\\.\\pipe\\${absolute.replace(/[\\/:]/g, '-')}`
  const relative = path.relative(process.cwd(), absolute)
  const shorter = relative.length < absolute.length ? relative : absolute
  if (Buffer.byteLength(shorter) > MAX_SOCKET_PATH) {
    throw new ProductCopyError(
      'could-not-run',
      `data folder ${JSON.stringify(folder)}: its path is too long, at most ${MAX_SOCKET_PATH - 18} bytes are allowed`,
    )
  }
  return shorter
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())))

function inUse(folder: string, owner: string): ProductCopyError {
  const by = owner === '' ? 'another process' : `process ${owner}`
  return new ProductCopyError(
    'could-not-run',
    `data folder ${JSON.stringify(folder)} is in use by ${by}: end it, or choose another DATA_DIR`,
  )
}
