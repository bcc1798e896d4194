import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, unlink } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProductCopyError } from '../errors.ts'

const LOCK = /^lock\.[0-9a-f]{8}\.sock$/
/** sockaddr_un holds 104 bytes on macOS and 108 on Linux, one of them the end. */
const MAX_SOCKET_PATH = 103
const ANSWER_MS = 1000
const MAX_TRIES = 10

export interface FolderLock {
  release: () => Promise<void>
}

/**
 * Takes a folder for this process alone, until it ends in whatever way or calls `release`.
 *
 * The lock is a socket on which this process listens. The system closes it with the process, so that
 * a killed owner leaves no lock; and it answers for a process that is busy or stopped, where a file
 * with a heartbeat would look abandoned.
 *
 * Each process listens on a name of its own first, and looks for others then: of two that come at
 * once, at least one sees the other. Who sees anybody gives way. Names are never used again, so that
 * no removal can hit another process's lock.
 *
 * @throws ProductCopyError `could-not-run` when another process has the folder
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const name = `lock.${randomBytes(4).toString('hex')}.sock`
    const candidate = await listen(socketPath(folder, name))
    const others = await askOthers(folder, name)
    // A process that met our socket between its making and its listening has removed it as a dead one's.
    // Whoever did that is among the others still, or did it before this look.
    const seen = existsSync(path.join(folder, name))
    if (others.length === 0 && seen) {
      candidate.own()
      return { release: () => candidate.close() }
    }
    await candidate.close()
    const owner = others.find((answer) => answer !== CANDIDATE)
    if (owner !== undefined) throw inUse(folder, owner)
    await sleep(Math.random() * 5 * 2 ** tries)
  }
  throw inUse(folder, '')
}

const CANDIDATE = 'candidate'

interface Candidate {
  own: () => void
  close: () => Promise<void>
}

function listen(socket: string): Promise<Candidate> {
  return new Promise((resolve, reject) => {
    let answer = CANDIDATE
    const server: Server = createServer((connection) => {
      connection.on('error', () => connection.destroy())
      // Closed at once: a peer that stays connected must not hold up the release.
      connection.end(answer, () => connection.destroy())
    })
    server.once('error', reject)
    server.listen(socket, () => {
      // A lock alone keeps no process running.
      server.unref()
      resolve({
        own: () => (answer = String(process.pid)),
        close: () => new Promise((done) => server.close(() => done())),
      })
    })
  })
}

/** @returns what each living process in the folder answers; what dead ones left is removed */
async function askOthers(folder: string, mine: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => LOCK.test(name) && name !== mine)
  const answers = await Promise.all(
    names.map(async (name) => {
      const answer = await ask(socketPath(folder, name))
      if (answer === undefined) await unlink(path.join(folder, name)).catch(() => undefined)
      return answer
    }),
  )
  return answers.filter((answer) => answer !== undefined)
}

/**
 * @returns the owner's process id; '' for a process that is there but does not answer in time;
 *   CANDIDATE for one that gives way or is just going; undefined when none is there
 */
function ask(socket: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = ''
    const connection = connect(socket)
    connection.setTimeout(ANSWER_MS, () => {
      resolve('')
      connection.destroy()
    })
    connection.on('data', (data) => (answer += data.toString()))
    connection.on('end', () => resolve(answer || CANDIDATE))
    connection.on('error', (error: NodeJS.ErrnoException) => {
      const nobody = error.code === 'ECONNREFUSED' || error.code === 'ENOENT'
      resolve(nobody ? undefined : CANDIDATE)
    })
  })
}

/** The shorter of the absolute and the relative path: the system allows about a hundred bytes. */
function socketPath(folder: string, name: string): string {
  const absolute = path.resolve(folder, name)
  const relative = path.relative(process.cwd(), absolute)
  const shorter = relative.length < absolute.length ? relative : absolute
  if (Buffer.byteLength(shorter) > MAX_SOCKET_PATH) {
    throw new ProductCopyError(
      'could-not-run',
      `data folder ${JSON.stringify(folder)} (DATA_DIR): its path is too long, at most ${MAX_SOCKET_PATH - name.length - 1} bytes are allowed`,
    )
  }
  return shorter
}

function inUse(folder: string, owner: string): ProductCopyError {
  const by = owner === '' ? 'another process' : `process ${owner}`
  return new ProductCopyError(
    'could-not-run',
    `data folder ${JSON.stringify(folder)} (DATA_DIR) is in use by ${by}: end it, or choose another folder`,
  )
}
